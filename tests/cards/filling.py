"""Which tables there are, and how they come into a card: between two comments, the first of which names the table."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from tests.cards import detector_tables, risk_tables

ROOT = Path(__file__).resolve().parents[2]
CARDS = tuple(sorted((ROOT / "docs" / "cards").glob("*.md")))
_TABLES: dict[str, Callable[..., str]] = {
    "people": detector_tables.people,
    "worst sources": detector_tables.worst_sources,
    "machines": detector_tables.machines,
    "markup": detector_tables.markup,
    "within sources": detector_tables.within_sources,
    "left out": detector_tables.left_out,
    "lengths": detector_tables.lengths,
    "honest texts": detector_tables.honest_texts,
    "attacks": detector_tables.attacks,
    "speed": detector_tables.speed,
    "accounts caught": risk_tables.accounts_caught,
    "groups of people": risk_tables.groups_of_people,
    "signatures removed": risk_tables.signatures_removed,
    "styles": risk_tables.styles,
    "real people": risk_tables.real_people,
    "families left out": risk_tables.families_left_out,
    "first flags": risk_tables.first_flags,
}
# <!-- table: pools, docs/benchmarks/detector-text-dev.json --> … <!-- end of table -->, with a blank between several
# files.
_PLACE = re.compile(
    r"(<!-- table: ([a-z ]+), (docs/benchmarks/[\w.-]+(?: docs/benchmarks/[\w.-]+)*) -->\n)"
    r"((?:(?!<!--).)*?)(<!-- end of table -->)",
    re.DOTALL,
)


def filled(card: str) -> str:
    """Return the card with every table as the committed figures have it."""
    return _PLACE.sub(_written, card)


def places(card: str) -> list[str]:
    """Return the names of the tables in the card."""
    return [name for _, name, _, _, _ in _PLACE.findall(card)]


def _written(place: re.Match[str]) -> str:
    opening, name, figures, _, closing = place.groups()
    contents = [json.loads((ROOT / file).read_text(encoding="utf-8")) for file in figures.split()]
    return f"{opening}\n{_TABLES[name](*contents)}\n\n{closing}"
