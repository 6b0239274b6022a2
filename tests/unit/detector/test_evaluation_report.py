"""The report is self-contained, shows the figures of the JSON file and escapes names from the data."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from moderation.lab.evaluation.detector.report_html import report_html
from moderation.lab.evaluation.detector.run import EvaluationPlan, evaluate
from moderation.lab.textdata.manifest import read_data_manifest
from moderation.lab.textdata.rows import read_rows
from tests.unit.detector.small_text_data import RuleDetector, write_data

pytestmark = pytest.mark.slow

HOSTILE = '_--><script src="https://evil.example/x.js">$_{\\frac</script>\u202e"&\ud800'


@dataclass(frozen=True)
class Evaluated:
    figures: dict[str, Any]
    page: str
    texts: list[str]


def _rule(text: str) -> float:
    return float(text.count(",") + text.count("The end")) + zlib.crc32(text.encode("utf-8", "replace")) / 2**32


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    folder = tmp_path_factory.mktemp("data")
    manifest = write_data(folder, HOSTILE)
    figures = evaluate(folder, RuleDetector(_rule), lambda *_: None, manifest, EvaluationPlan(changed_texts=6, seed=4))
    written = json.loads(json.dumps(figures))
    return Evaluated(
        written, report_html(written), [each.text for each in read_rows(folder, "dev", read_data_manifest(manifest))]
    )


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _numbers(each)
    elif isinstance(value, int | float):
        yield float(value)


def test_table_figures_are_in_the_json(evaluated: Evaluated) -> None:
    known = set(_numbers(evaluated.figures))
    number = r'<data value="([^"]+)">([^<]+)</data>'
    intervals = re.findall(f"{number}–{number}( %)?", evaluated.page)
    alone = re.findall(number, re.sub(f"{number}–{number}", "", evaluated.page))
    shown = [(value, text + unit) for a, b, c, d, unit in intervals for value, text in ((a, b), (c, d))] + alone
    assert len(shown) > 300
    for value, text in shown:
        assert float(value) in known
        shown = float(text.removesuffix(" %")) / (100 if text.endswith("%") else 1)
        assert shown == pytest.approx(float(value), abs=0.0051 if text.endswith("%") else 0.051)


def test_cells_have_only_json_numbers(evaluated: Evaluated) -> None:
    strings = json.dumps(evaluated.figures, ensure_ascii=False)
    for cell in re.findall(r"<td>(.*?)</td>", evaluated.page):
        own = re.sub(r"TPR at [\d.]+ %", "", unescape(re.sub(r"<data .*?</data>|</?(?:br|small)>", "", cell)))
        assert not re.search(r"\d", own) or own in strings


def test_page_has_no_external_references(evaluated: Evaluated) -> None:
    style = re.findall(r"<style>.*?</style>", evaluated.page, re.DOTALL)
    tags = re.findall(r"<[^>]*>", re.sub(r'aria-label="[^"]*"', "", evaluated.page))
    page = "".join([*style, *tags])
    assert not re.search(r"https?:|//|@import|\bsrc=|<(script|link|iframe|image|img|object)\b", page)
    assert set(re.findall(r'href="(.)', page)) <= {"#"}
    assert set(re.findall(r"url\((.)", page)) <= {"#"}


def test_hostile_name_is_escaped(evaluated: Evaluated) -> None:
    assert "<script" not in evaluated.page
    assert "<b>parrot" not in evaluated.page
    assert "&lt;script src=" in evaluated.page
    evaluated.page.encode("utf-8")


def test_no_text_of_the_data_is_in_page_or_json(evaluated: Evaluated) -> None:
    written = evaluated.page + json.dumps(evaluated.figures)
    assert not [text for text in evaluated.texts if text in written]


def test_plots_have_labels_and_page_colours(evaluated: Evaluated) -> None:
    drawings = re.findall(r"<svg.*?</svg>", evaluated.page, re.DOTALL)
    assert len(drawings) == 5
    for drawing in drawings:
        assert re.match(r'<svg role="img" aria-label="[^"]{30,}"', drawing)
        assert set(re.findall(r"#[0-9a-f]{6}\b", drawing)) <= {"#000000"}
        assert "var(--ink)" in drawing
    assert len(set(re.findall(r' id="([^"]+)"', evaluated.page))) == len(re.findall(r' id="', evaluated.page))
    assert "prefers-color-scheme: dark" in evaluated.page


def test_the_headline_names_the_worst_pool_before_any_average(evaluated: Evaluated) -> None:
    worst = evaluated.figures["results"]["detector"]["worst_pool"]
    assert f"{100 * worst['fpr']:.2f} %" in evaluated.page
    assert evaluated.page.index("the worst pool") < evaluated.page.index("mean AUROC")
    assert "not supported (n=520)" in evaluated.page


def test_the_same_seed_gives_the_same_figures_and_the_same_page(evaluated: Evaluated, tmp_path: Path) -> None:
    manifest = write_data(tmp_path, HOSTILE)
    again = evaluate(tmp_path, RuleDetector(_rule), lambda *_: None, manifest, EvaluationPlan(changed_texts=6, seed=4))
    assert again == evaluated.figures
    assert report_html(again) == evaluated.page
