"""Prints docs/attacks.md from the lists of evaluation and training: `python -m moderation.lab.attacks`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from moderation.lab.attacks import ATTACKS, BENIGN, BENIGN_CHANGES, SPLITS, TRAINING_ATTACKS, Attack


def as_markdown() -> str:
    """Return the page docs/attacks.md; a test compares the committed page with it."""
    lines = [
        "# Attacks and unusual human texts",
        "",
        "Changes of texts for training, evaluation and tests. Every change depends only on its name, a seed and the",
        "text. The rate is the share of changed units among the units that can change (letters with a look-alike,",
        "words with a synonym) outside links and mentions; at least one unit is changed if there is one.",
        "`python -m moderation.lab.attacks` prints this page.",
        "",
        "## Attacks",
        "",
        "These are applied to machine texts. Those marked * are also used in training: they are visible and remain",
        "after Unicode normalisation.",
        "",
        *_table(ATTACKS),
        "",
        "## Splitting a text over posts",
        "",
        "Every post is scored separately.",
        "",
        "| name | posts | what |",
        "|---|---|---|",
        *(f"| `{split.name}` | {split.pieces} | {split.what} |" for split in SPLITS),
        "",
        "## Benign changes",
        "",
        "Changes by human writers and their tools. They must not raise the score of human texts.",
        "",
        *_table(BENIGN_CHANGES),
        "",
        "## Regular human texts",
        "",
        "From grammars written for this project. Their scores must be low.",
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
