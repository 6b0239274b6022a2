"""A joined bundle keeps every promise of a detector, and its score is the mean of what both parts say."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from moderation.cli.score import score_command
from moderation.detector import ContentScore, load_detector
from moderation.detector.companion import FEATURES, CompanionScore, load_companion
from moderation.detector.joined.detector import JoinedDetector
from moderation.detector.joined.rule import BoundedSpread
from moderation.detector.loading import load_alone
from moderation.errors import DetectorOverdue
from tests.unit.project.pages import ROOT

_POSTS = (
    "our coach left early so we walked home lol",
    "It is important to note that the ferry sang. In conclusion, yes, it is important.",
    "The tram was late, and nobody told us why. " * 40,
    "Wh\u0430t \u0430 d\u0430y, my \u200bfriends, wh\u0430t a d\u0430y",
    "the ferry was at home 🙂",
)
_WITHOUT_FIGURES = "w270 w271"
"""Three tokens to the small companion, which then says nothing; more to the detector."""
_IN_PIECES = "x q z j v " * 6


def _load(bundle: Path, *, remembered_texts: int = 0, max_text_bytes: int = 65536) -> JoinedDetector:
    detector = load_detector(bundle, threads=1, remembered_texts=remembered_texts, max_text_bytes=max_text_bytes)
    assert isinstance(detector, JoinedDetector)
    return detector


@pytest.fixture(scope="module")
def detector(joined_dir: Path) -> JoinedDetector:
    return _load(joined_dir)


class _Asked:
    """Stands before a companion and keeps what it is asked."""

    def __init__(self, detector: JoinedDetector, monkeypatch: pytest.MonkeyPatch) -> None:
        self._companion = detector._companion
        self.texts: list[str] = []
        self.spent_s: list[float] = []
        monkeypatch.setattr(detector, "_companion", self)

    def characters_per_token(self, text: str) -> float:
        return self._companion.characters_per_token(text)

    def score(self, texts: Sequence[str], deadline_s: float | None, spent_s: float) -> list[CompanionScore]:
        self.texts += texts
        self.spent_s.append(spent_s)
        return self._companion.score(texts, deadline_s, spent_s)


@pytest.mark.parametrize("max_text_bytes", [65536, 120])
def test_the_logit_is_the_calibrated_mean_of_both_parts_in_standard_deviations(
    joined_dir: Path, max_text_bytes: int
) -> None:
    told = json.loads((joined_dir / "manifest.json").read_text(encoding="utf-8"))
    rule, joining = told["zero_shot"], told["joining"]
    alone = load_alone(joined_dir / "detector", max_text_bytes, threads=1).score(_POSTS)
    companion = load_companion(joined_dir / "companion", 1, max_text_bytes=max_text_bytes)
    figures = np.array([[getattr(score.features, name) for name in FEATURES] for score in companion.score(_POSTS)])
    chance = np.sqrt(1 + rule["noise_tokens"] / figures[:, FEATURES.index("n_tokens")])[:, None]
    terms = (figures[:, [FEATURES.index(name) for name in rule["figures"]]] - rule["means"]) / rule["scales"] / chance
    values = np.hstack([terms, terms**2]) @ np.array(rule["coefficients"]) + rule["intercept"]
    zero_shot = joining["zero_shot"]
    unexpected = figures[:, FEATURES.index("mean_log_probability")] < rule["means"][0]
    assert not unexpected.all()
    values = np.where(unexpected, np.minimum(values, zero_shot["mean"]), values)
    values = np.clip((values - zero_shot["mean"]) / zero_shot["sd"], -zero_shot["bound"], zero_shot["bound"])
    read = [companion.characters_per_token(text) for text in _POSTS]
    heard = np.array(read) >= joining["least_characters_per_token"]
    assert 2 <= heard.sum() < len(_POSTS)
    values = np.where(heard, values, 0.0)
    logits = np.array([score.logit for score in alone])
    spread = joining["detector"]
    mean = ((logits - spread["mean"]) / spread["sd"] + values) / 2
    found = _load(joined_dir, max_text_bytes=max_text_bytes).score(_POSTS)
    np.testing.assert_allclose(
        [score.logit for score in found], joining["slope"] * mean + joining["intercept"], rtol=1e-9
    )
    for score in found:
        assert score.probability == pytest.approx(1 / (1 + math.exp(-score.logit)))


def test_a_score_does_not_depend_on_its_neighbours(detector: JoinedDetector) -> None:
    together = detector.score([*_POSTS, _WITHOUT_FIGURES])
    assert together == [detector.score([text])[0] for text in (*_POSTS, _WITHOUT_FIGURES)]
    assert together[::-1] == detector.score([_WITHOUT_FIGURES, *_POSTS[::-1]])


@pytest.mark.parametrize("text", [_WITHOUT_FIGURES, _IN_PIECES], ids=["too short", "in pieces"])
def test_where_the_companion_is_not_heard_it_counts_as_if_it_found_nothing_either_way(
    detector: JoinedDetector, joined_dir: Path, text: str
) -> None:
    joining = detector.manifest.joining
    (alone,) = load_alone(joined_dir / "detector", threads=1).score([text])
    (score,) = detector.score([text], ["de"])
    standing = (alone.logit - joining.detector.mean) / joining.detector.sd
    assert score.logit == pytest.approx(joining.slope * standing / 2 + joining.intercept, rel=1e-12)
    assert score.parts is not None
    assert (score.parts.detector, math.isnan(score.parts.companion)) == (pytest.approx(standing), True)


def test_a_text_that_falls_into_pieces_is_never_computed_by_the_companion(
    detector: JoinedDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    least = detector.manifest.joining.least_characters_per_token
    assert detector._companion.characters_per_token(_IN_PIECES) < least
    assert detector._companion.characters_per_token(_POSTS[0]) >= least
    asked = _Asked(detector, monkeypatch)
    detector.score([_IN_PIECES, _POSTS[0]])
    assert asked.texts == [_POSTS[0]]


@pytest.mark.parametrize(("text", "why"), [("", "empty"), (" \u200b\n", "empty"), ("ok", "short")])
def test_where_the_detector_abstains_the_joined_one_does(
    detector: JoinedDetector, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    asked = _Asked(detector, monkeypatch)
    (score,) = detector.score([text])
    assert score.abstained == why
    assert math.isnan(score.probability)
    assert score.sections == ()
    assert asked.texts == []


def test_sections_length_and_what_was_hidden_are_the_detectors(joined_dir: Path) -> None:
    alone = load_alone(joined_dir / "detector", 120, threads=1).score(_POSTS)
    found = _load(joined_dir, max_text_bytes=120).score(_POSTS)
    assert [(s.sections, s.n_tokens, s.truncated, s.tampering) for s in found] == [
        (s.sections, s.n_tokens, s.truncated, s.tampering) for s in alone
    ]
    assert found[2].truncated
    assert found[3].tampering.share > 0


def test_declared_languages_change_nothing(detector: JoinedDetector) -> None:
    assert detector.score(_POSTS, ["de", "en-GB", None, "und", "ja"]) == detector.score(_POSTS)


def test_a_text_that_comes_again_is_read_once_by_the_companion_too(
    joined_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = _load(joined_dir, remembered_texts=3)
    asked = _Asked(detector, monkeypatch)
    first = detector.score([_POSTS[0], _POSTS[1], _POSTS[0], _WITHOUT_FIGURES])
    again = detector.score([_POSTS[1], _WITHOUT_FIGURES, _POSTS[0]])
    assert asked.texts == [_POSTS[0], _POSTS[1], _WITHOUT_FIGURES]
    assert again == [first[1], first[3], first[0]]


def test_the_longest_unused_text_is_forgotten_and_without_memory_every_text_is_read(
    joined_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for remembered, reads in ((1, 3), (0, 4)):
        detector = _load(joined_dir, remembered_texts=remembered)
        asked = _Asked(detector, monkeypatch)
        for text in (_POSTS[0], _POSTS[1], _POSTS[1], _POSTS[0]):
            detector.score([text])
        assert len(asked.texts) == reads


def test_the_companion_is_ended_at_the_deadline_of_the_whole_call(
    joined_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = _load(joined_dir, remembered_texts=1000)
    texts = [f"{_POSTS[1]} {number}" for number in range(40)]
    detector._detector.score(texts)  # from here on only the companion has something to compute
    monkeypatch.setattr(detector, "_deadline_s", 0.004)
    with pytest.raises(DetectorOverdue, match=r"0\.004 s.*detector_deadline_s"):
        detector.score(texts)
    monkeypatch.setattr(detector, "_deadline_s", 600.0)
    assert all(math.isfinite(score.logit) for score in detector.score(texts[:2]))


def test_what_the_detector_took_counts_against_the_companions_time(
    joined_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = _load(joined_dir)
    asked = _Asked(detector, monkeypatch)
    score = detector._detector.score

    def slow(texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        time.sleep(0.2)
        return score(texts, languages)

    monkeypatch.setattr(detector._detector, "score", slow)
    detector.score(_POSTS[:1])
    assert asked.spent_s[0] >= 0.2


def test_beyond_its_bound_a_value_says_no_more() -> None:
    spread = BoundedSpread(mean=1.0, sd=2.0, measured_on="texts of a test", bound=1.5)
    inside = np.linspace(-2, 4, 15)
    assert [spread.standardised(value) for value in inside] == [(value - 1) / 2 for value in inside]
    assert [spread.standardised(value) for value in (-1e6, -2.1, 4.1, 1e6)] == [-1.5, -1.5, 1.5, 1.5]


def test_it_says_which_two_parts_it_has(detector: JoinedDetector) -> None:
    said = detector.describe()
    assert said.startswith(f"both ({detector.manifest_hash[:12]})")
    assert "detector-minilm" in said
    assert "one (" in said
    assert "each window alone" in said


def test_score_runs_a_joined_bundle_that_the_settings_name(joined_dir: Path, tmp_path: Path) -> None:
    source, config, out = tmp_path / "posts.jsonl", tmp_path / "sidecar.toml", tmp_path / "scores.jsonl"
    config.write_text(f"detector = {json.dumps(str(joined_dir))}\ndetector_threads = 1\n", encoding="utf-8")
    posts = [{"post_id": str(number), "text": text} for number, text in enumerate((*_POSTS, "", _WITHOUT_FIGURES))]
    source.write_text("\n".join(map(json.dumps, posts)), encoding="utf-8")
    app = typer.Typer()
    app.command()(score_command)
    done = CliRunner().invoke(app, [str(source), "--content-only", "-o", str(out), "--config", str(config)])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    expected = _load(joined_dir).score([post["text"] for post in posts])
    assert [line["synthetic_logit"] for line in lines] == [
        None if math.isnan(score.logit) else score.logit for score in expected
    ]
    assert lines[-2]["content_abstained"] == "empty"


def test_scoring_with_it_imports_neither_scikit_learn_nor_torch(joined_dir: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from moderation.detector import load_detector; "
        f"load_detector(Path({str(joined_dir)!r}), threads=1).score(['Where is the library?']); "
        "print(*[name for name in ('sklearn', 'torch', 'transformers', 'onnx', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
