"""docs/attacks.md equals the printed lists."""

from __future__ import annotations

from pathlib import Path

from moderation.lab.attacks import ATTACKS, BENIGN, BENIGN_CHANGES, SPLITS
from moderation.lab.attacks.__main__ import as_markdown


def test_page_equals_printed_page() -> None:
    page = Path(__file__).parents[3] / "docs" / "attacks.md"
    assert page.read_text(encoding="utf-8") == as_markdown()


def test_every_attack_has_a_row() -> None:
    rows = [line.split("|")[1].strip().split("`")[1] for line in as_markdown().splitlines() if line.startswith("| `")]
    changes = [attack.name for attack in ATTACKS], [attack.name for attack in BENIGN_CHANGES]
    assert rows == [*changes[0], *(split.name for split in SPLITS), *changes[1], *(suite.name for suite in BENIGN)]
