"""Risk bundles that are damaged or do not match detector and features are refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moderation.checksum import sha256_of
from moderation.detector.shipped import SHIPPED as SHIPPED_DETECTOR
from moderation.errors import BundleError, InputError
from moderation.features import FEATURES, Feature
from moderation.lab.risk.recipe import Recipe
from moderation.lab.risk.texts import RiskTexts
from moderation.lab.risk.training import Scored, train_bundle
from moderation.risk import load_risk
from moderation.risk.bundle import SHIPPED, check_place, read_bundle
from tests.unit.risk.trained import Silent


@pytest.fixture
def copy(trained_here: tuple[Path, RiskTexts], tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained_here[0], tmp_path / "bundle"))


def load(bundle: Path, detector_hash: str = "made-up") -> None:
    load_risk(bundle, detector_hash=detector_hash)


def test_the_bundle_loads_for_its_detector_and_features(copy: Path) -> None:
    load(copy)


def test_the_shipped_bundle_fits_the_shipped_features() -> None:
    manifest = read_bundle(SHIPPED).manifest
    assert {feature.name for feature in manifest.features} <= {feature.name for feature in FEATURES}
    assert manifest.simulated


def test_the_shipped_bundle_was_trained_with_the_shipped_detector() -> None:
    detector_hash = sha256_of(SHIPPED_DETECTOR / "manifest.json")
    found = load_risk(detector_hash=detector_hash)
    assert found.manifest_hash == read_bundle(SHIPPED).manifest_hash
    assert found.detector_hash == detector_hash


def test_unknown_detector_is_refused() -> None:
    with pytest.raises(BundleError, match=r"the loaded one is another: use that detector, or train again"):
        load_risk(detector_hash="another")


def test_a_feature_with_another_meaning_is_refused(copy: Path) -> None:
    changed = (replace(FEATURES[0], version=3), *FEATURES[1:])
    with pytest.raises(BundleError, match=r"version 2 of the feature content_evidence, .* computes version 3"):
        read_bundle(copy, changed)


def test_a_feature_that_is_not_computed_is_refused(copy: Path) -> None:
    with pytest.raises(BundleError, match="feature content_evidence, this program does not compute it"):
        read_bundle(copy, FEATURES[1:])


def test_an_added_and_a_moved_feature_leave_the_judgements_unchanged(copy: Path) -> None:
    added = Feature("network_new", "network", "count", "a feature of a later version")
    rng = np.random.default_rng(5)
    vectors = rng.exponential(5.0, (20, len(FEATURES)))
    before = read_bundle(copy).assess(vectors)
    wider = np.column_stack([rng.normal(size=20), vectors[:, ::-1]])
    assert read_bundle(copy, (added, *FEATURES[::-1])).assess(wider) == before


def test_bundle_of_another_detector_is_refused(copy: Path) -> None:
    with pytest.raises(BundleError, match=r"was trained on detector made-up.*use that detector, or train again"):
        load(copy, detector_hash="another")


@pytest.mark.parametrize("name", ["fusion.txt", "metadata-only.txt", "family-graph.txt", "reference.json"])
def test_an_altered_file_is_refused(copy: Path, name: str) -> None:
    path = copy / name
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(BundleError, match=rf"{name} .* is not the file its manifest names.*fetch the bundle again"):
        load(copy)


def test_a_missing_file_or_directory_is_refused(copy: Path, tmp_path: Path) -> None:
    (copy / "fusion.txt").unlink()
    with pytest.raises(BundleError, match=r"Cannot read fusion\.txt .*name a directory"):
        load(copy)
    with pytest.raises(BundleError, match=r"Cannot read manifest\.json .*moderation train"):
        load(tmp_path / "nowhere")


def test_a_policy_without_a_threshold_is_refused(copy: Path) -> None:
    content = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    change(copy, "policies", {"all": content["policies"]["all"]})
    with pytest.raises(BundleError, match=r'no threshold for scoring\.policy = "selective": use one of all'):
        read_bundle(copy, policy="selective")


def test_another_format_is_refused(copy: Path) -> None:
    change(copy, "format", 99)
    with pytest.raises(BundleError, match="has format 99, this version reads 6"):
        load(copy)


def test_a_damaged_manifest_is_refused(copy: Path) -> None:
    change(copy, "p_family", "high")
    with pytest.raises(BundleError, match=r"is damaged \(p_family: Input should be a valid number"):
        load(copy)
    (copy / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(BundleError, match="is damaged"):
        load(copy)


def test_a_file_outside_the_bundle_is_refused(copy: Path) -> None:
    change(copy, "files", {"../fusion.txt": "0" * 64})
    with pytest.raises(BundleError, match="outside of it"):
        load(copy)


def change(bundle: Path, field: str, value: object) -> None:
    path = bundle / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, field: value}), encoding="utf-8")


def test_only_an_older_bundle_is_replaced(copy: Path, tmp_path: Path) -> None:
    check_place(copy)
    check_place(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    check_place(tmp_path / "empty")
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, "format": 1}))
    check_place(copy)
    (copy / "events.jsonl").write_text("{}")
    for place in (copy, tmp_path, SHIPPED_DETECTOR):
        with pytest.raises(InputError, match="not only a risk bundle, so it is not replaced"):
            check_place(place)


def test_training_replaces_no_directory_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text("{}")
    nothing = Scored({}, {}, read_bundle(SHIPPED).manifest.content_baseline, simulated=True, sources={})
    with pytest.raises(InputError, match="not replaced"):
        train_bundle(nothing, "made-up", Recipe(), tmp_path, Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]
