"""The tables of the cards are those of the committed figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cards.filling import CARDS, filled, places


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_every_table_is_what_the_figures_say(card: Path) -> None:
    text = card.read_text(encoding="utf-8")
    # A mark that is none of ours, or one without its end, would be passed over.
    assert len(places(text)) == text.count("<!-- table:") == text.count("<!-- end of table -->") > 0
    assert filled(text) == text, f"{card} is behind the figures: make cards"


def test_a_table_that_was_edited_by_hand_is_rewritten() -> None:
    text = CARDS[0].read_text(encoding="utf-8")
    first = text.index("0.", text.index("<!-- table:"))
    assert filled(text[:first] + "9" + text[first + 1 :]) == text
