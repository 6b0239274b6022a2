"""`python -m moderation.features` prints docs/features.md from the list that the models are bound to."""

from __future__ import annotations

import sys

from moderation.features.catalogue import FEATURES, FEATURES_VERSION


def as_markdown() -> str:
    """The page docs/features.md; a test holds the committed page against it."""
    lines = [
        "# Metadata features",
        "",
        f"Version `{FEATURES_VERSION}`: the order and names below. A risk model names each feature that it reads and",
        "its version, and is refused if one of them is missing or has another version. Every value is as of the post's",
        "event time; what is not known is missing (NaN), never zero. Ways of entering text that leave no rhythm (input",
        "method editors, dictation, assistive technology, an API), and texts that were pasted as a whole, have no",
        "typing features. This page is printed by `python -m moderation.features`.",
        "",
        "| feature | family | unit | meaning |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{f.name}` | {f.family} | {f.unit} | {f.meaning} |" for f in FEATURES]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
