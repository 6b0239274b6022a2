"""`moderation flags show` names a section by the words that the detector read there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from moderation.cli.flag_pages import print_flag
from moderation.effects import SectionEvidence
from moderation.review.queries import FlagDetail, FlagSummary, ShownEvidence
from moderation.text import normalise

_NOW = datetime(2026, 11, 20, tzinfo=UTC)
_LINK = "https://example.org/" + "a" * 150
_SECOND = "My neighbour sang during the storm, so we went home before breakfast."
_POST = f"{_LINK} The ferry left early and nobody noticed. {_SECOND}"
_READ = normalise(_POST)
_MIDDLE = _READ.index(_SECOND)


def _detail(*sections: SectionEvidence, text: str = _POST, truncated: bool = False) -> FlagDetail:
    summary = FlagSummary(1, "p", "p1", "a1", _NOW, _NOW, 0.9, 0.9, ("content",), None, "open", 0, None, None)
    evidence = ShownEvidence(text, (), None, None, None, _NOW)
    return FlagDetail(
        summary, "c" * 64, 0.8, 2.0, truncated, (), (), sections, (), (), "f1", "d1", "r1", None, evidence, (), ()
    )


_TWO = (SectionEvidence(0, _MIDDLE, 2.5), SectionEvidence(_MIDDLE, len(_READ), -0.25))


def _page(detail: FlagDetail, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "400")
    print_flag(detail)
    return capsys.readouterr().out


def test_a_section_is_named_by_its_words_not_by_places_in_another_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = _page(_detail(*_TWO), capsys, monkeypatch)
    assert _POST in page, "the post stands there as it was written"
    first, second = (line.strip() for line in page.splitlines() if "logit" in line)
    assert first == "section 1 of 2, “The ferry left early and nobody noticed.”: logit +2.50"
    assert second.startswith("section 2 of 2, “My neighbour sang during the s…” to “…we went home before breakfast.”:")
    assert "as the detector read it" in page


@pytest.mark.parametrize("detail", [replace(_detail(*_TWO), truncated=True), _detail(*_TWO, text="another text")])
def test_where_it_is_not_known_what_a_section_held_nothing_is_quoted(
    detail: FlagDetail, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = _page(detail, capsys, monkeypatch)
    assert "  section 2 of 2: logit -0.25" in page
    assert "as the detector read it" not in page


def test_what_strangers_wrote_is_spelled_out_where_it_is_quoted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "[bold]loud[/bold] \ue000 words"
    page = _page(_detail(SectionEvidence(0, len(normalise(text)), 1.0), text=text), capsys, monkeypatch)
    assert "“[bold]loud[/bold] \\u{e000} words”" in page
