"""A joined bundle tells what it is made of; what is none, or no longer the one that was joined, is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from export import joined as writing
from export.joined import JoinOrder, write_joined
from export.joined_fit import Texts, fit_joined, read_texts
from moderation.checksum import sha256_of
from moderation.cli.companion import app
from moderation.detector import ContentScore, load_detector, shipped_detector
from moderation.detector import manifest as plain
from moderation.detector.companion import load_companion, shipped_companion
from moderation.detector.joined import manifest as joined
from moderation.detector.joined.manifest import companion_of, read_joined_manifest
from moderation.errors import BundleError, InputError
from moderation.features import FEATURES_VERSION
from moderation.risk import load_risk
from moderation.training.detector.figures import auroc
from moderation.training.detector.kept_features import KeptFeatures
from moderation.training.detector.rows import TextRow
from tests.unit.detector.small_text_data import RuleDetector, write_data


def _nothing(_what: str, _done: int, _total: int) -> None:
    pass


@pytest.fixture
def copy(joined_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(joined_dir, tmp_path / "copy"))


def _change(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def test_the_manifest_names_both_parts_the_data_and_the_rows_that_fitted_each_rule(
    joined_dir: Path, order: JoinOrder
) -> None:
    manifest, _ = read_joined_manifest(joined_dir)
    assert manifest.detector.manifest_sha256 == sha256_of(shipped_detector() / "manifest.json")
    assert manifest.companion.manifest_sha256 == sha256_of(order.companion / "manifest.json")
    assert manifest.data.sha256 == sha256_of(order.data / manifest.data.name)
    # At most 60 of each, less those whose tokens are too short to be heard.
    assert "forum 59 + 51, people only 38 + 0" in manifest.zero_shot.fitted_on
    sides = re.findall(r"(\d+) \+ (\d+)", manifest.joining.fitted_on)
    assert manifest.joining.humans == sum(int(humans) for humans, _ in sides) > 50
    assert manifest.joining.machines == sum(int(machines) for _, machines in sides) > 50
    assert manifest.joining.detector.measured_on == manifest.joining.fitted_on
    assert manifest.joining.zero_shot.measured_on == manifest.zero_shot.fitted_on
    assert manifest.joining.zero_shot.bound == 1.5
    assert {path.name for path in joined_dir.iterdir()} == {"manifest.json", "detector", "companion"}


def test_machines_score_above_people_on_texts_like_those_it_was_fitted_on(joined_dir: Path) -> None:
    human = "our coach sang before breakfast 77"
    machine = "It is important to note, our coach sang before breakfast. The end of 77."
    scores = load_detector(joined_dir, threads=1).score([human, machine])
    assert scores[1].logit > scores[0].logit


@pytest.mark.parametrize(
    "text",
    ["a" + "\u0301\u0489\u20dd" * 170_000, "\U0001f600" * 100_000, "\x00" * 100_000, "\ud800 \udfff" * 10_000],
    ids=["1 MB of combining marks", "100k emoji", "NUL", "lone surrogates"],
)
def test_hostile_text_is_scored_in_bounded_time_by_both_parts(joined_dir: Path, text: str) -> None:
    detector = load_detector(joined_dir, threads=1)
    began = time.process_time()
    (score,) = detector.score([text])
    assert time.process_time() - began < 60
    assert score.abstained is not None or (math.isfinite(score.logit) and 0 <= score.probability <= 1)


def test_the_hash_is_that_of_the_whole_manifest_and_a_risk_bundle_is_bound_to_it(copy: Path) -> None:
    before = load_detector(copy, threads=1).manifest_hash
    assert before == hashlib.sha256((copy / "manifest.json").read_bytes()).hexdigest()
    assert before != load_detector("fast", threads=1).manifest_hash
    with pytest.raises(BundleError, match="detector"):
        load_risk(None, detector_hash=before, features_version=FEATURES_VERSION)
    _change(copy, lambda manifest: manifest["joining"].update(slope=manifest["joining"]["slope"] * 1.01))
    assert load_detector(copy, threads=1).manifest_hash != before


def test_other_loaders_tell_of_it_in_a_sentence(joined_dir: Path, companion_dir: Path) -> None:
    with pytest.raises(BundleError, match="kind 'joined'"):
        plain.read_manifest(joined_dir)
    with pytest.raises(BundleError, match="no companion"):
        load_companion(joined_dir)
    with pytest.raises(BundleError, match="kind 'companion'"):
        load_detector(companion_dir)
    with pytest.raises(BundleError, match="no joined bundle"):
        read_joined_manifest(shipped_detector())
    with pytest.raises(BundleError, match="No joined bundle"):
        read_joined_manifest(joined_dir / "nowhere")
    # A program from before this kind of bundle reads formats up to 2, compares the number and says: upgrade.
    assert joined.FORMAT_VERSION > 2


def test_a_newer_one_is_refused(copy: Path) -> None:
    _change(copy, lambda manifest: manifest.update(format_version=6))
    with pytest.raises(BundleError, match=r"format version 6.*upgrade"):
        load_detector(copy)


@pytest.mark.parametrize("version", [3, 4])
def test_one_that_heard_the_companion_otherwise_is_refused(copy: Path, version: int) -> None:
    _change(copy, lambda manifest: manifest.update(format_version=version))
    with pytest.raises(BundleError, match=r"heard or counted a companion otherwise.*`moderation companion join`"):
        load_detector(copy)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda manifest: manifest["zero_shot"].update(coefficients=[1.0] * 5), "coefficients are not as many"),
        (lambda manifest: manifest["zero_shot"].update(intercept=math.nan), "finite number"),
        (lambda manifest: manifest["zero_shot"]["scales"].__setitem__(2, 0.0), "scale above 0"),
        (lambda manifest: manifest["zero_shot"]["figures"].reverse(), "figures are not those"),
        (lambda manifest: manifest["joining"].update(slope=-1.0), "greater than 0"),
        (lambda manifest: manifest["joining"]["detector"].update(sd=0.0), "greater than 0"),
        (lambda manifest: manifest.pop("joining"), "joining: Field required"),
        (lambda manifest: manifest.pop("format_version"), "not a joined bundle's manifest"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    copy: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    _change(copy, change)
    with pytest.raises(BundleError, match=said):
        load_detector(copy)


def test_swapped_parts_are_refused(copy: Path) -> None:
    (copy / "detector").rename(copy / "kept")
    (copy / "companion").rename(copy / "detector")
    (copy / "kept").rename(copy / "companion")
    with pytest.raises(BundleError, match="is not detector-minilm, which was joined here"):
        load_detector(copy)


@pytest.mark.parametrize("part", ["detector", "companion"])
def test_another_changed_or_missing_part_is_refused(copy: Path, part: str) -> None:
    with (copy / part / "tokenizer.json").open("a", encoding="utf-8") as file:
        file.write(" ")
    with pytest.raises(BundleError, match="not the file that the manifest names"):
        load_detector(copy)
    _change(copy / part, lambda manifest: manifest.update(name="another"))
    with pytest.raises(BundleError, match="which was joined here"):
        load_detector(copy)
    shutil.rmtree(copy / part)
    with pytest.raises(BundleError, match="lacks its part"):
        load_detector(copy)


def test_a_precision_that_the_detector_in_it_lacks_is_refused(joined_dir: Path) -> None:
    with pytest.raises(BundleError, match="has no fp32"):
        load_detector(joined_dir, precision="fp32")


def _scores(bundle: Path, rows: Sequence[TextRow]) -> list[ContentScore]:
    return load_detector(bundle, threads=1).score([row.text for row in rows])


def _is_heard(score: ContentScore) -> bool:
    return score.parts is not None and not math.isnan(score.parts.companion)


def test_at_most_one_in_twenty_people_is_not_heard(joined_dir: Path, order: JoinOrder) -> None:
    people = [row for row in read_texts(order.data, order.data_manifest).trained_on if row.label == 0]
    companion = load_companion(joined_dir / "companion", 1)
    lengths = [companion.characters_per_token(row.text) for row in people]
    least = read_joined_manifest(joined_dir)[0].joining.least_characters_per_token
    assert min(lengths) < least == pytest.approx(np.quantile(lengths, 0.05), abs=0.005)  # two decimals are kept


def test_the_manifest_says_what_each_part_is_worth_on_held_out_texts(joined_dir: Path, order: JoinOrder) -> None:
    rows = read_texts(order.data, order.data_manifest).held_out
    found = read_joined_manifest(joined_dir)[0].joining.held_out
    source = next(name for name in found if name != "mean")
    heard = [row for row, score in zip(rows, _scores(joined_dir, rows), strict=True) if _is_heard(score)]
    assert len(heard) < len(rows)
    texts = {label: [row.text for row in heard if (row.source, row.label) == (source, label)] for label in (0, 1)}
    for part, bundle in {"joined": joined_dir, "detector": joined_dir / "detector"}.items():
        detector = load_detector(bundle, threads=1)
        human, machine = (np.array([score.logit for score in detector.score(texts[label])]) for label in (0, 1))
        assert getattr(found[source], part) == pytest.approx(auroc(human, machine), abs=1e-9)
    assert found["mean"].joined == pytest.approx(np.mean([found[name].joined for name in found if name != "mean"]))


def test_the_command_continues_from_kept_figures_and_replaces_an_older_bundle(
    order: JoinOrder, copy: Path, tmp_path: Path
) -> None:
    (figures,) = order.work.iterdir()
    before = figures.read_bytes()
    (copy / "companion" / "left over").write_text("old", encoding="utf-8")
    arguments = ["join", str(order.companion), str(copy), "--data", str(order.data), "--threads", "1"]
    arguments += ["--work", str(order.work), "--data-manifest", str(order.data_manifest)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "detector-minilm" in done.output
    assert "AUROC on texts held out" in done.output
    assert figures.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"copy"}
    assert not (copy / "companion" / "left over").exists()
    assert load_detector(copy, threads=1).manifest_hash == sha256_of(copy / "manifest.json")


def test_a_joined_bundle_stands_for_its_companion(joined_dir: Path, companion_dir: Path) -> None:
    assert companion_of(joined_dir) == joined_dir / "companion"
    assert companion_of(Path("thorough")) == shipped_companion()
    assert companion_of(companion_dir) == companion_dir
    assert companion_of(joined_dir / "nowhere") == joined_dir / "nowhere"


def test_join_may_write_to_a_folder_that_is_called_like_a_detector_that_ships(
    order: JoinOrder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["join", str(order.companion), "fast", "--data", str(order.data), "--threads", "1"]
    arguments += ["--work", str(order.work), "--data-manifest", str(order.data_manifest)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert load_detector(tmp_path / "fast", threads=1).manifest_hash[:12] in done.output.replace("\n", "")


def test_a_join_that_fails_leaves_what_was_there(
    order: JoinOrder, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_arguments: object) -> object:
        raise KeyboardInterrupt

    before = (copy / "manifest.json").read_bytes()
    monkeypatch.setattr(writing, "fit_joined", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_joined(copy, order, _nothing)
    assert (copy / "manifest.json").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"copy"}
    load_detector(copy, threads=1)


def test_a_place_that_holds_something_else_is_not_overwritten(order: JoinOrder, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    for out in (tmp_path, order.companion, shipped_detector()):
        with pytest.raises(InputError, match="no joined bundle"):
            write_joined(out, order, _nothing)
    with pytest.raises(InputError, match="no directory"):
        write_joined(tmp_path / "thesis.txt", order, _nothing)
    with pytest.raises(InputError, match="cannot be written"):
        write_joined(tmp_path / "thesis.txt" / "out", order, _nothing)


def test_parts_of_the_wrong_kind_are_refused(order: JoinOrder, joined_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match="itself a joined bundle"):
        write_joined(out, dataclasses.replace(order, detector=joined_dir), _nothing)
    with pytest.raises(BundleError, match="no companion"):
        write_joined(out, dataclasses.replace(order, companion=shipped_detector()), _nothing)
    with pytest.raises(BundleError, match="kind 'companion'"):
        write_joined(out, dataclasses.replace(order, detector=order.companion), _nothing)
    with pytest.raises(BundleError, match="No companion at"):
        write_joined(out, dataclasses.replace(order, companion=tmp_path / "none"), _nothing)
    assert not out.exists()


def test_missing_and_too_few_data_are_refused(order: JoinOrder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot read"):
        write_joined(tmp_path / "out", dataclasses.replace(order, data=tmp_path), _nothing)
    manifest = write_data(tmp_path, "few", humans=90, machines=30)
    few = dataclasses.replace(order, data=tmp_path, data_manifest=manifest)
    with pytest.raises(InputError, match=r"joining needs 50 of each"):
        write_joined(tmp_path / "out", few, _nothing)
    assert not (tmp_path / "out").exists()


def _rows(texts: int) -> tuple[TextRow, ...]:
    return tuple(
        TextRow(
            str(n), "ours", n % 2, "", f"{'w270 w280 w290' if n % 2 else 'w265 w291 w262 w277'} w{260 + n % 40}", "", ""
        )
        for n in range(texts)
    )


@pytest.mark.parametrize(
    ("detector", "said"),
    [
        (RuleDetector(lambda _text: 1.0), "the same score"),
        (RuleDetector(lambda text: -1e9 * (text[1:4] == "270")), "above machine texts"),
        (RuleDetector(lambda _text: math.nan), "both parts say something"),
    ],
)
def test_scores_that_say_nothing_are_refused(
    companion_dir: Path, tmp_path: Path, detector: RuleDetector, said: str
) -> None:
    features = KeptFeatures(load_companion(companion_dir, 1), tmp_path)
    with pytest.raises(InputError, match=said):
        fit_joined(detector, features, Texts(_rows(120), _rows(120)), _nothing)
