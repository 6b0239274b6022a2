"""`python -m tests.cards` writes every table anew; `tests/unit/project/test_cards.py` says when that is due."""

from __future__ import annotations

from tests.cards.filling import CARDS, filled

for card in CARDS:
    card.write_text(filled(card.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{card}: tables written")  # noqa: T201
