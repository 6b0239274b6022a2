"""What ``thorough`` promises: detector and companion that ship, joined, under a name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from moderation.checksum import sha256_of
from moderation.cli.score import score_command
from moderation.detector import Detector, load_detector, shipped_detector
from moderation.detector.companion import shipped_companion
from moderation.detector.joined.manifest import read_joined_manifest
from moderation.detector.manifest import read_manifest
from moderation.detector.shipped import SHIPPED, directory_of
from moderation.errors import BundleError

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
        assert both.probability <= max(one.probability, 0.2)


def test_however_expected_a_text_is_the_companion_raises_it_by_a_bounded_amount(thorough: Detector) -> None:
    joining = read_joined_manifest(SHIPPED["thorough"])[0].joining
    most = joining.slope * joining.zero_shot.bound / 2
    texts = [_REFRAIN, "one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen"]
    for score, alone in zip(thorough.score(texts), load_detector("fast", threads=2).score(texts), strict=True):
        mid = joining.slope * joining.detector.standardised(alone.logit) / 2 + joining.intercept
        assert abs(score.logit - mid) <= most + 1e-9


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
