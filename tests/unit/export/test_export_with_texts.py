"""What held-out texts decide at export stands in the manifest, and a precision that loses too much is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from typer.testing import CliRunner

from export import bundle as bundle_module
from export.bundle import BundleOrder, write_bundle
from export.command import app
from export.decided import scripts_of
from export.labelled_texts import LabelledText, read_labelled_texts
from export.length_curve import LENGTHS
from export.parity import refuse_auroc_loss, refuse_other_graph
from moderation.detector import load_detector
from moderation.detector.manifest import FORMAT_VERSION, Manifest, Parity, Precision, read_manifest
from moderation.errors import InputError

pytestmark = pytest.mark.slow

_PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")


def _texts(count: int = 160) -> tuple[LabelledText, ...]:
    """Texts of 4 to 42 words of a checkpoint that knows no sides, in two languages."""
    rng = np.random.default_rng(2)
    return tuple(
        LabelledText(
            " ".join(f"w{word}" for word in rng.integers(4, 300, 4 + 2 * (number % 20))),
            number // 2 % 2,
            language=("de-CH", "en")[number % 2],
            source="letters",
            group=f"g{number // 2}",
        )
        for number in range(count)
    )


def _order(checkpoint: Path, **changes: Any) -> BundleOrder:
    chosen: dict[str, Any] = {"name": "decided", "precisions": _PRECISIONS, "max_tokens": 16}
    return BundleOrder(probes=checkpoint / "probes.json", **(chosen | changes))


def test_a_line_ends_where_json_lines_end(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    text = "one\u2028two\x85three"
    path.write_text(json.dumps({"text": text, "label": 0}, ensure_ascii=False) + "\r\n", encoding="utf-8", newline="")
    assert [entry.text for entry in read_labelled_texts(path)] == [text]


@pytest.fixture(scope="module")
def sided(roberta: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[LabelledText, ...]:
    """Texts whose side is what the checkpoint makes of them, with some noise: a detector of some use."""
    plain = write_bundle(roberta, tmp_path_factory.mktemp("plain") / "out", _order(roberta, precisions=("fp32",)))
    texts = _texts(600)
    logits = np.array([score.logit for score in load_detector(plain).score([entry.text for entry in texts])])
    noisy = logits + np.random.default_rng(1).normal(size=len(texts)) * logits.std() / 3
    machine = noisy > np.median(noisy)
    return tuple(
        LabelledText(entry.text, int(side), entry.language, entry.source, entry.group)
        for entry, side in zip(texts, machine, strict=True)
    )


@pytest.fixture(scope="module")
def decided(roberta: Path, sided: tuple[LabelledText, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    order = _order(roberta, texts=sided, texts_are="made up", accept_auroc_loss=True)
    return write_bundle(roberta, tmp_path_factory.mktemp("decided") / "out", order)


@pytest.fixture
def manifest(decided: Path) -> Manifest:
    return read_manifest(decided)[0]


def test_every_precision_is_calibrated_on_its_own_scores(
    decided: Path, manifest: Manifest, sided: tuple[LabelledText, ...]
) -> None:
    calibrations = {kind: entry.calibration for kind, entry in manifest.precisions.items()}
    assert set(calibrations) == set(_PRECISIONS)
    assert len({calibration.bands[-1].slope for calibration in calibrations.values()}) == 3
    for kind, calibration in calibrations.items():
        assert (calibration.provider, calibration.fitted_on) == ("CPUExecutionProvider", "made up")
        scores = load_detector(decided, precision=kind).score([entry.text for entry in sided])
        judged = [score for score in scores if score.abstained is None]
        assert calibration.bands[-1].rows == len(judged)
        band = calibration.bands[-1]
        likelihoods = []
        for factor in (0.8, 1.0, 1.25):
            odds = np.array([factor * (band.slope * score.logit + band.intercept) for score in judged])
            sides = [entry.label for score, entry in zip(scores, sided, strict=True) if score.abstained is None]
            signs = 2 * np.array(sides) - 1
            likelihoods.append(float(-np.logaddexp(0, -signs * odds).sum()))
        assert likelihoods[1] == max(likelihoods)


def test_declared_languages_have_bands_of_their_own(manifest: Manifest) -> None:
    languages = {band.language for band in manifest.precisions["int8"].calibration.bands}
    assert languages == {"de", "en", None}


def test_the_length_curve_and_what_it_decides_are_kept(decided: Path, manifest: Manifest) -> None:
    assert [point.tokens for point in manifest.length_curve] == list(LENGTHS)
    assert all(point.interval is not None for point in manifest.length_curve)
    assert 2 <= manifest.least_tokens <= 21
    detector = load_detector(decided)
    short, enough = detector.score([" ".join(["w9"] * n) for n in (manifest.least_tokens - 1, manifest.least_tokens)])
    assert (short.abstained, enough.abstained) == ("short", None)


def test_scripts_in_which_enough_people_wrote_are_read_and_no_others(decided: Path, manifest: Manifest) -> None:
    assert (manifest.format_version, manifest.scripts) == (FORMAT_VERSION, ("LATIN",))
    assert load_detector(decided).score(["слово " * 30])[0].abstained == "script"


def test_machines_alone_and_a_few_people_open_no_script() -> None:
    def written(text: str, label: int, count: int) -> list[LabelledText]:
        return [LabelledText(f"{text} {number}", label, None, "", str(number)) for number in range(count)]

    people = [*written("a plain word", 0, 60), *written("λέξη μία", 0, 50), *written("одно слово", 0, 49)]
    assert scripts_of([*people, *written("一つの言葉", 1, 90)]) == ("GREEK", "LATIN")
    assert scripts_of(people[:49]) == ()
    assert scripts_of(written("12:45 :)", 0, 60)) == ()
    assert scripts_of(written("スーパーでコーヒーを買った、姉と", 0, 60)) == ("CJK",)


def test_probes_shorter_than_the_least_length_still_prove_the_polarity(decided: Path, manifest: Manifest) -> None:
    content = json.loads((decided / "manifest.json").read_text(encoding="utf-8"))
    (decided / "manifest.json").write_text(json.dumps(content | {"least_tokens": 30}), encoding="utf-8")
    try:
        assert max(len(probe.token_ids) for probe in manifest.probes) < 30
        assert load_detector(decided).score(["w9 w10"])[0].abstained == "short"
    finally:
        (decided / "manifest.json").write_text(json.dumps(content), encoding="utf-8")


def test_the_aurocs_of_a_precision_and_of_fp32_are_kept(manifest: Manifest) -> None:
    aurocs = {kind: (entry.parity.auroc, entry.parity.auroc_of_fp32) for kind, entry in manifest.precisions.items()}
    assert aurocs["fp32"][0] == aurocs["fp32"][1] == aurocs["int8"][1] == aurocs["fp16"][1]
    assert all(own is not None and own > 0.8 for own, _ in aurocs.values())


def test_what_a_precision_moves_in_whole_scores_is_measured_against_the_same_bundle_at_fp32(
    decided: Path, manifest: Manifest, roberta: Path, sided: tuple[LabelledText, ...], tmp_path: Path
) -> None:
    texts = [entry.text for entry in sided]
    int8, exact = (load_detector(decided, precision=kind).score(texts) for kind in ("int8", "fp32"))
    moved = [abs(own.logit - other.logit) for own, other in zip(int8, exact, strict=True) if other.abstained is None]
    told = manifest.precisions["int8"].shipped_parity
    assert told is not None
    assert (told.texts, told.largest_logit_difference) == (len(moved), pytest.approx(max(moved)))
    assert told.largest_logit_difference > 0
    of_fp32 = manifest.precisions["fp32"].shipped_parity
    assert of_fp32 is not None
    assert (of_fp32.largest_logit_difference, of_fp32.auroc) == (0.0, told.auroc_of_fp32)
    # A bundle that ships without its fp32 graph is compared with it all the same.
    order = _order(roberta, precisions=("int8",), texts=sided, texts_are="made up", accept_auroc_loss=True)
    alone, _ = read_manifest(write_bundle(roberta, tmp_path / "out", order))
    assert alone.pooling.rule == manifest.pooling.rule
    assert alone.precisions["int8"].shipped_parity == told


def test_without_texts_nothing_is_decided(roberta: Path, tmp_path: Path) -> None:
    manifest, _ = read_manifest(write_bundle(roberta, tmp_path / "out", _order(roberta, precisions=("fp32",))))
    assert (manifest.format_version, manifest.least_tokens, manifest.length_curve) == (FORMAT_VERSION, 1, ())
    assert manifest.pooling.candidates == {}
    assert manifest.precisions["fp32"].calibration.fitted_on == "nothing"
    assert manifest.precisions["fp32"].parity.auroc is None
    assert manifest.precisions["fp32"].shipped_parity is None


def _reversed_head(write: Callable[[Path, Path], object]) -> Callable[[Path, Path], None]:
    """A writer whose file gives other logits: what a broken quantisation would do."""

    def broken(fp32: Path, out: Path) -> None:
        write(fp32, out)
        model = onnx.load(str(out))
        table = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [300, 32])
        values = numpy_helper.to_array(table)
        table.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values[::-1]), table.name))
        onnx.save(model, str(out))

    return broken


def test_a_precision_that_loses_auroc_is_refused_unless_it_is_accepted(
    roberta: Path, sided: tuple[LabelledText, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(bundle_module._WRITERS, "int8", _reversed_head(bundle_module._WRITERS["int8"]))
    with pytest.raises(InputError, match="--accept-auroc-loss"):
        write_bundle(roberta, tmp_path / "out", _order(roberta, precisions=("int8",), texts=sided))
    assert not (tmp_path / "out").exists()


def test_a_graph_that_is_not_what_pytorch_computes_is_refused(
    roberta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = bundle_module.write_graph

    def broken(checkpoint: Any, path: Path) -> None:
        write(checkpoint, path)
        _reversed_head(lambda _fp32, _out: None)(path, path)

    monkeypatch.setattr(bundle_module, "write_graph", broken)
    with pytest.raises(InputError, match=r"against PyTorch, more than 0\.001"):
        write_bundle(roberta, tmp_path / "out", _order(roberta, precisions=("fp32",)))


@pytest.mark.parametrize(("own", "refused"), [(0.9019, False), (0.8981, False), (0.9021, True), (0.8979, True)])
def test_two_thousandths_of_auroc_are_the_bound_in_either_direction(own: float, refused: bool) -> None:
    found = Parity(texts=1, largest_logit_difference=0, mean_logit_difference=0, auroc=own, auroc_of_fp32=0.9)
    if refused:
        with pytest.raises(InputError, match=r"differ by more than 0\.002"):
            refuse_auroc_loss("int8", found)
    else:
        refuse_auroc_loss("int8", found)


@pytest.mark.parametrize("difference", [0.0011, float("nan")])
def test_a_thousandth_of_a_logit_is_the_bound_of_the_fp32_graph(difference: float) -> None:
    refuse_other_graph(Parity(texts=1, largest_logit_difference=0.001, mean_logit_difference=0))
    with pytest.raises(InputError, match="upgrade torch"):
        refuse_other_graph(Parity(texts=1, largest_logit_difference=difference, mean_logit_difference=0))


def test_the_command_tells_aurocs_pooling_and_the_least_length(
    roberta: Path, sided: tuple[LabelledText, ...], tmp_path: Path
) -> None:
    lines = [json.dumps({"text": entry.text, "label": entry.label}) for entry in sided]
    (tmp_path / "texts.jsonl").write_text("\n".join(lines), encoding="utf-8")
    arguments = [str(roberta), str(tmp_path / "out"), "--precision", "fp32", "--max-tokens", "16"]
    arguments += ["--probes", str(roberta / "probes.json"), "--texts", str(tmp_path / "texts.jsonl")]
    said = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"}).output
    manifest, _ = read_manifest(tmp_path / "out")
    assert f"{manifest.precisions['fp32'].parity.auroc:.4f}" in said
    assert "joined by the" in said
    assert f"fewer than {manifest.least_tokens} tokens" in said


def test_texts_are_read_with_what_is_known_of_them(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text(
        '{"text": "a", "label": 1, "lang": "de", "source": "s", "group": "g", "other": 3}\n\n'
        '{"text": "b", "label": 0, "lang": null}\n',
        encoding="utf-8",
    )
    assert read_labelled_texts(path) == (LabelledText("a", 1, "de", "s", "g"), LabelledText("b", 0))


@pytest.mark.parametrize("line", ['{"text": "a"}', '{"text": "a", "label": 2}', "[]", "3", "{", '{"label": 1}'])
def test_a_line_without_text_and_side_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "texts.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(InputError, match="no JSONL file"):
        read_labelled_texts(tmp_path / "texts.jsonl")
