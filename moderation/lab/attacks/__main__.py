"""`python -m moderation.lab.attacks` prints docs/attacks.md from the lists that evaluation and training use."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from moderation.lab.attacks import ATTACKS, BENIGN, BENIGN_CHANGES, SPLITS, TRAINING_ATTACKS, Attack


def as_markdown() -> str:
    """The page docs/attacks.md; a test holds the committed page against it."""
    lines = [
        "# Attacks and honest oddities",
        "",
        "How a text is changed for training, evaluation and tests. Every change follows from its name, a seed and",
        "the text alone. The rate is the share of its units that is changed, counted among those it can touch at",
        "all (letters with a look-alike, words with a synonym) outside links and mentions; at least one is changed",
        "where there is one. This page is printed by `python -m moderation.lab.attacks`.",
        "",
        "## Attacks",
        "",
        "A detector is attacked with these on texts of machines. Those marked * are also used in training: they can",
        "be seen and outlive Unicode normalisation.",
        "",
        *_table(ATTACKS),
        "",
        "## Spreading a text over posts",
        "",
        "Every post is scored on its own.",
        "",
        "| name | posts | what |",
        "|---|---|---|",
        *(f"| `{split.name}` | {split.pieces} | {split.what} |" for split in SPLITS),
        "",
        "## What honest writers and their tools do",
        "",
        "On texts of people these must not raise the score.",
        "",
        *_table(BENIGN_CHANGES),
        "",
        "## Honest texts that look regular",
        "",
        "All from grammars written for this project. Their scores must stay low.",
        "",
        "| name | what |",
        "|---|---|",
        *(f"| `{suite.name}` | {suite.what} |" for suite in BENIGN),
    ]
    return "\n".join(lines) + "\n"


def _table(attacks: Sequence[Attack]) -> list[str]:
    rows = [f"| `{a.name}`{' *' * (a.name in TRAINING_ATTACKS)} | {a.unit} | {a.rate:g} | {a.what} |" for a in attacks]
    return ["| name | unit | rate | what |", "|---|---|---|---|", *rows]


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
