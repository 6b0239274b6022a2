"""What ``thorough`` promises: detector and companion that ship, joined, under a name."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from moderation.attacks import BENIGN, BenignSuite, attack_named
from moderation.checksum import sha256_of
from moderation.cli.score import score_command
from moderation.detector import Detector, load_detector, shipped_detector
from moderation.detector.companion import shipped_companion
from moderation.detector.joined.manifest import read_joined_manifest
from moderation.detector.manifest import read_manifest
from moderation.detector.shipped import SHIPPED, directory_of
from moderation.errors import BundleError
from tests.unit.detector.hostile import HOSTILE
from tests.unit.detector.peak_memory import peak_of
from tests.unit.project.pages import ROOT

_FIGURES = ROOT / "docs/benchmarks/detector-text-dev-thorough.json"
_REFRAIN = "And we keep on walking, and we keep on walking home. "


@pytest.fixture(scope="module")
def thorough() -> Detector:
    return load_detector("thorough", threads=2)


def test_it_is_made_of_the_detector_and_the_companion_that_ship_alone() -> None:
    manifest, _ = read_joined_manifest(SHIPPED["thorough"])
    assert manifest.detector.manifest_sha256 == sha256_of(shipped_detector() / "manifest.json")
    assert manifest.companion.manifest_sha256 == sha256_of(shipped_companion() / "manifest.json")


def test_a_name_is_one_that_ships_and_a_path_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert directory_of("fast") == directory_of(Path("fast")) == shipped_detector()
    assert directory_of(None) == directory_of("thorough") == shipped_detector().parent
    assert directory_of(tmp_path / "thorough") == tmp_path / "thorough"
    with pytest.raises(BundleError, match=r"No detector bundle at thorogh.*thorough or fast, which ship"):
        load_detector("thorogh")


@pytest.mark.parametrize("given", ["thorough", Path("thorough"), Path("./thorough")])
def test_a_folder_of_that_name_is_never_taken_for_what_ships_nor_the_other_way(
    given: Path | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "thorough").mkdir()
    with pytest.raises(BundleError, match="also a folder here: give the folder's whole path"):
        load_detector(given)


def test_the_probes_of_its_detector_come_out_on_their_sides(thorough: Detector) -> None:
    probes = read_manifest(shipped_detector())[0].probes
    scores = thorough.score([probe.text for probe in probes])
    sides = {label: [s.logit for s, p in zip(scores, probes, strict=True) if p.label == label] for label in (0, 1)}
    assert min(sides[1]) > 0 > max(sides[0])


def test_what_people_laugh_sing_or_quote_stays_unsuspicious_or_below_what_the_detector_alone_says(
    thorough: Detector,
) -> None:
    texts = [
        "hahahahahaha hahahaha " * 20,
        _REFRAIN * 20,
        "zebra kerosene mumble spleen ziggurat",
        "The software is provided as is, without warranty of any kind, express or implied.",
        "In the beginning God created the heaven and the earth. And the earth was without form, and void.",
    ]
    alone = load_detector("fast", threads=2)
    for both, one in zip(thorough.score(texts), alone.score(texts), strict=True):
        assert both.probability <= max(one.probability, 0.3)


def test_however_expected_a_text_is_the_companion_raises_it_by_a_bounded_amount(thorough: Detector) -> None:
    joining = read_joined_manifest(SHIPPED["thorough"])[0].joining
    most = joining.slope * joining.zero_shot.bound / 2
    texts = [_REFRAIN, "one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen"]
    for score, alone in zip(thorough.score(texts), load_detector("fast", threads=2).score(texts), strict=True):
        mid = joining.slope * joining.detector.standardised(alone.logit) / 2 + joining.intercept
        assert abs(score.logit - mid) <= most + 1e-9


@pytest.mark.parametrize("bank", BENIGN, ids=lambda bank: bank.name)
def test_honest_texts_that_look_regular_or_are_in_another_language_stay_low(
    thorough: Detector, bank: BenignSuite
) -> None:
    figures = json.loads(_FIGURES.read_text(encoding="utf-8"))
    assert figures["manifest_sha256"] == thorough.manifest_hash
    threshold = figures["results"]["detector"]["threshold_for_1_percent_of_all_humans"]
    scores = thorough.score(bank.texts(figures["seed"], 40))
    assert sum(score.abstained is None and score.logit > threshold for score in scores) <= 2
    if bank.name == "other_alphabets":
        assert {score.abstained for score in scores} == {"script"}
    elif bank.name != "code_snippets":  # of which most is masked
        assert sum(score.abstained is None for score in scores) >= 38


@pytest.mark.parametrize(
    "change", ["many_typos", "all_capitals", "mocking_capitals", "digits_for_letters", "stacked_accents"]
)
def test_who_writes_in_an_odd_way_is_not_taken_for_a_machine(thorough: Detector, change: str) -> None:
    texts = [text for bank in BENIGN if bank.name != "other_alphabets" for text in bank.texts(2, 8)]
    plain, odd = (
        np.array([score.logit for score in thorough.score(some)])
        for some in (texts, [attack_named(change).apply(text, 1) for text in texts])
    )
    assert np.isfinite(odd).sum() > 50
    assert np.nanquantile(odd, 0.95) <= np.nanquantile(plain, 0.95) + 1


@pytest.mark.parametrize("text", ["Автобус опять опоздал, и я тоже.", "昨日、姉と市場に行ってトマトを買った。"])
def test_neither_detector_judges_letters_that_no_person_in_its_training_data_wrote(
    thorough: Detector, text: str
) -> None:
    for detector in (thorough, load_detector("fast", threads=2)):
        assert detector.score([text])[0].abstained == "script"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_scored_or_abstained_from_in_bounded_time_and_memory(thorough: Detector, text: str) -> None:
    thorough.score([_REFRAIN])  # what the sessions take once is not the text's
    began = time.process_time()
    (score,), taken = peak_of(lambda: thorough.score([text]))
    assert time.process_time() - began < 60
    assert taken < 512 << 20
    assert score.abstained is not None or (math.isfinite(score.logit) and 0 <= score.probability <= 1)


@pytest.mark.parametrize(
    ("variables", "name"), [({"MODERATION_DETECTOR": None}, "thorough"), ({"MODERATION_DETECTOR": "fast"}, "fast")]
)
def test_it_runs_where_no_other_is_named(variables: dict[str, str | None], name: str, tmp_path: Path) -> None:
    source, out = tmp_path / "posts.jsonl", tmp_path / "scores.jsonl"
    source.write_text(json.dumps({"post_id": "1", "text": _REFRAIN}) + "\n", encoding="utf-8")
    app = typer.Typer()
    app.command()(score_command)
    arguments = [str(source), "--content-only", "-o", str(out)]
    done = CliRunner(env=variables).invoke(app, arguments)
    assert done.exit_code == 0, done.output
    line = json.loads(out.read_text(encoding="utf-8"))
    assert line["synthetic_logit"] == load_detector(name, threads=2).score([_REFRAIN])[0].logit


def test_a_post_in_other_letters_is_told_as_not_judged(tmp_path: Path) -> None:
    source, out = tmp_path / "posts.jsonl", tmp_path / "scores.jsonl"
    source.write_text(json.dumps({"post_id": "1", "text": "Автобус опять опоздал, и я тоже."}) + "\n", encoding="utf-8")
    app = typer.Typer()
    app.command()(score_command)
    done = CliRunner().invoke(app, [str(source), "--content-only", "-o", str(out)])
    assert done.exit_code == 0, done.output
    line = json.loads(out.read_text(encoding="utf-8"))
    assert (line["content_abstained"], line["synthetic_score"], line["synthetic_logit"]) == ("script", None, None)
