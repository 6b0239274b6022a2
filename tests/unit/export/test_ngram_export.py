"""N-grams become a graph that computes what scikit-learn does, and a mean that is its formula."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

from export.bundle import BundleOrder, LabelledText, write_bundle
from export.command import app
from export.ngram_graph import write_ngram_graph
from export.ngram_part import ngram_logits, weights_beside
from moderation.detector import load_detector
from moderation.detector.manifest import NgramUnit, read_manifest
from moderation.detector.ngrams import WORD, NgramRunner
from moderation.errors import InputError
from moderation.lab.checkpoints.ngrams import NgramModel, load_ngrams, save_ngrams
from moderation.text import normalise
from tests.unit.detector.fitted_ngrams import WORD_PLAN, fit_written_ngrams, write_probes
from tests.unit.detector.written_rows import written_text

pytestmark = pytest.mark.slow

_WRITTEN = (
    "the old tram sang before breakfast",
    "The Old Tram: It is important to note that it sang. In conclusion, yes.",
    "🙂🙂🙂 the ferry 👩‍🚀 came back 🏳️‍🌈🙂🙂",
    "日本語のフェリーは 今日 戻ってきた。日本語",
    "e\u0301te\u0301 a\u0316\u0301 u\u0308ber, cafe\u0301",
    "zzzzzzzzzzzzzzzz aaaaaaaa !!!!!!",
    "nothing known: ѫѫѫ",
    "",
    "z",
    "ab",
    "a goat won " * 200,
)


def _vectorizer(unit: NgramUnit) -> TfidfVectorizer:
    if unit == "words":
        return TfidfVectorizer(token_pattern=WORD, ngram_range=(1, 2), sublinear_tf=True)
    return TfidfVectorizer(analyzer="char", ngram_range=(2, 5), lowercase=False, sublinear_tf=True)


def _sklearn_model(unit: NgramUnit) -> tuple[NgramModel, TfidfVectorizer, LogisticRegression]:
    vectorizer = _vectorizer(unit)
    rng = np.random.default_rng(2)
    texts = [written_text(rng, n % 2, "forum", n) for n in range(60)] + list(_WRITTEN[:6])
    labels = [n % 2 for n in range(len(texts))]
    regression = LogisticRegression(C=10.0).fit(vectorizer.fit_transform(texts), labels)
    names = vectorizer.get_feature_names_out()
    units = [name.split() if unit == "words" else [ord(character) for character in name] for name in names]
    order = sorted(range(len(names)), key=lambda place: (len(units[place]), names[place]))
    nothing, longest = ("", 2) if unit == "words" else (0, 5)
    model = NgramModel(
        ngrams=np.array([units[place] + [nothing] * (longest - len(units[place])) for place in order]),
        idf=vectorizer.idf_[order].astype(np.float32),
        weights=regression.coef_[0][order].astype(np.float32),
        bias=float(regression.intercept_[0]),
        max_characters=600,
    )
    return model, vectorizer, regression


@pytest.mark.parametrize("unit", ["characters", "words"])
def test_the_graph_gives_the_numbers_of_scikit_learn(tmp_path: Path, unit: NgramUnit) -> None:
    model, vectorizer, regression = _sklearn_model(unit)
    write_ngram_graph(model, tmp_path / "ngrams.onnx")
    expected = regression.decision_function(vectorizer.transform(_WRITTEN))
    found = ngram_logits(NgramRunner(tmp_path / "ngrams.onnx", unit, 1), _WRITTEN)
    assert np.abs(found - expected).max() < 1e-4
    assert np.abs(model.logits(_WRITTEN) - expected).max() < 1e-4
    assert len(set(found.round(4))) > 5, "the texts are told apart"
    assert found[7] == pytest.approx(model.bias, abs=1e-6), "an empty text gets the bias"


@pytest.mark.parametrize(
    ("unit", "elements"), [("characters", onnx.TensorProto.INT64), ("words", onnx.TensorProto.STRING)]
)
def test_the_graph_has_standard_operators_only_and_reads_characters_without_strings(
    tmp_path: Path, unit: NgramUnit, elements: int
) -> None:
    write_ngram_graph(_sklearn_model(unit)[0], tmp_path / "ngrams.onnx")
    graph = onnx.load(str(tmp_path / "ngrams.onnx")).graph
    assert {node.domain for node in graph.node} == {""}
    (text,) = graph.input
    assert (text.name, text.type.tensor_type.elem_type) == (unit, elements)


@pytest.fixture(scope="module")
def run_of_words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words") / "run"
    fit_written_ngrams(folder, WORD_PLAN)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ngrams") / "run"
    fit_written_ngrams(folder)
    return folder


def _texts(count: int = 140) -> tuple[LabelledText, ...]:
    """Texts that the small RoBERTa's tokenizer knows words of."""
    rng = np.random.default_rng(4)
    return tuple(
        LabelledText(
            f"{written_text(rng, n % 2, 'mail', n)} "
            + " ".join(f"w{4 + int(word)}" for word in rng.integers(0, 290, 9)),
            n % 2,
        )
        for n in range(count)
    )


@pytest.fixture(scope="module", params=["characters", "words"])
def beside(request: pytest.FixtureRequest, roberta: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """N-grams that agree with the random encoder on its probes: "w5" stands in one of them, "50" in the other."""
    first = json.loads((roberta / "probes.json").read_text(encoding="utf-8"))[0]
    side = 1.0 if first["label"] == 1 else -1.0
    of_characters = [[ord(character) for character in name] + [0] * 3 for name in ("50", "It", "w5")]
    of_words = [["w250", ""], ["it", ""], ["w5", ""]]
    model = NgramModel(
        ngrams=np.array(of_words) if request.param == "words" else np.array(of_characters, np.int32),
        idf=np.array([1.5, 1.0, 2.0], np.float32),
        weights=np.array([-side, 9.0, side], np.float32),
        bias=-0.25,
        max_characters=600,
    )
    folder = tmp_path_factory.mktemp("ngrams") / "beside"
    save_ngrams(model, folder)
    return folder


@pytest.fixture(scope="module")
def mean(roberta: Path, beside: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    order = BundleOrder("mean", ("fp32",), probes=roberta / "probes.json", texts=_texts(), ngrams=beside)
    return write_bundle(roberta, tmp_path_factory.mktemp("mean") / "bundle", order)


def test_the_logit_of_a_mean_bundle_is_the_formula_of_its_manifest(mean: Path, beside: Path, tmp_path: Path) -> None:
    part = read_manifest(mean)[0].ngrams
    assert part is not None
    alone = Path(shutil.copytree(mean, tmp_path / "alone"))
    manifest = json.loads((alone / "manifest.json").read_text(encoding="utf-8"))
    manifest["ngrams"] = None
    (alone / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    # 700 words make two sections, each read by both parts.
    texts = ["w5 w9 the ferry", "It is important w7", " ".join(f"w{4 + n % 290}" for n in range(700))]
    reference = load_ngrams(beside)
    assert part.unit == reference.unit
    for text, mixed, encoder in zip(
        texts, load_detector(mean).score(texts), load_detector(alone).score(texts), strict=True
    ):
        assert len(mixed.sections) == len(encoder.sections)
        for both, one in zip(mixed.sections, encoder.sections, strict=True):
            (ngrams,) = reference.logits([normalise(text)[both.start : both.end]])
            expected = part.weight_encoder * one.logit + part.weight_ngrams * ngrams + part.offset
            assert both.logit == pytest.approx(expected, abs=1e-4)


def test_the_score_of_a_mean_does_not_depend_on_its_neighbours(mean: Path) -> None:
    detector = load_detector(mean, threads=2, remembered_texts=0)
    texts = [entry.text for entry in _texts(12)]
    together = [score.logit for score in detector.score(texts)]
    assert np.abs(np.subtract(together, [detector.score([text])[0].logit for text in texts])).max() <= 1e-4


def test_both_parts_say_as_much_and_the_mean_has_the_encoders_scale() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [900, 100])
    encoder = 3.0 * (labels + rng.normal(size=1000)) + 5.0
    ngrams = 0.2 * (labels + rng.normal(size=1000))
    weights = weights_beside(encoder, ngrams, labels, 0.5)
    balance = 1 / np.bincount(labels)[labels]

    def spread(values: np.ndarray) -> float:
        return float(np.sqrt(np.cov(values, aweights=balance, ddof=0)))

    assert weights[0] * spread(encoder) == pytest.approx(weights[1] * spread(ngrams))
    assert spread(weights[0] * encoder + weights[1] * ngrams) == pytest.approx(spread(encoder))
    again = weights_beside(encoder, ngrams * 10, labels, 0.5)
    assert again == pytest.approx((weights[0], weights[1] / 10))
    less = weights_beside(encoder, ngrams, labels, 0.25)
    assert less[0] * spread(encoder) == pytest.approx(3 * less[1] * spread(ngrams))
    assert spread(less[0] * encoder + less[1] * ngrams) == pytest.approx(spread(encoder))


def test_a_mean_without_held_out_texts_is_refused(roberta: Path, run: Path, tmp_path: Path) -> None:
    order = BundleOrder("mean", ("fp32",), probes=roberta / "probes.json", ngrams=run)
    with pytest.raises(InputError, match="needs --texts"):
        write_bundle(roberta, tmp_path / "out", order)
    with pytest.raises(InputError, match="need 50 texts of people and of machines"):
        write_bundle(roberta, tmp_path / "out", replace(order, texts=_texts(60)))
    assert not (tmp_path / "out").exists()


def test_ngrams_that_point_the_wrong_way_are_refused(roberta: Path, run: Path, tmp_path: Path) -> None:
    model = load_ngrams(run)
    save_ngrams(replace(model, weights=-model.weights), tmp_path / "wrong")
    order = BundleOrder("mean", ("fp32",), probes=roberta / "probes.json", texts=_texts(), ngrams=tmp_path / "wrong")
    with pytest.raises(InputError, match="point the wrong way"):
        write_bundle(roberta, tmp_path / "out", order)
    alone = BundleOrder("alone", ("int8",), probes=write_probes(tmp_path / "probes.json"))
    with pytest.raises(InputError, match="probes contradict"):
        write_bundle(tmp_path / "wrong", tmp_path / "out", alone)


def test_options_of_an_encoder_are_refused_for_ngrams_alone(run: Path, tmp_path: Path) -> None:
    for order in (BundleOrder("x", ("int8",), ngrams=run), BundleOrder("x", ("int8",), max_tokens=9)):
        with pytest.raises(InputError, match="no encoder"):
            write_bundle(run, tmp_path / "out", order)


def test_a_folder_without_ngrams_is_no_part_of_a_bundle(roberta: Path, tmp_path: Path) -> None:
    order = BundleOrder("x", ("fp32",), probes=roberta / "probes.json", texts=_texts(), ngrams=tmp_path)
    with pytest.raises(InputError, match="no file of fitted n-grams"):
        write_bundle(roberta, tmp_path / "out", order)


def test_the_command_makes_a_bundle_of_a_run_of_ngrams(run: Path, tmp_path: Path) -> None:
    probes = write_probes(tmp_path / "probes.json")
    texts = tmp_path / "texts.jsonl"
    lines = [json.dumps({"text": entry.text, "label": entry.label, "source": "mail"}) for entry in _texts()]
    texts.write_text("\n".join(lines), encoding="utf-8")
    arguments = [str(run), str(tmp_path / "out"), "--probes", str(probes), "--texts", str(texts)]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "n-grams" in done.output
    part = read_manifest(tmp_path / "out")[0].ngrams
    assert part is not None
    assert part.parity.largest_logit_difference < 1e-4
    assert part.parity.texts == 140
