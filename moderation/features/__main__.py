"""Prints docs/features.md from the catalogue of features: `python -m moderation.features`."""

from __future__ import annotations

import sys

from moderation.features.catalogue import FEATURES, FEATURES_VERSION


def as_markdown() -> str:
    """Return the page docs/features.md; a test compares the committed page with it."""
    lines = [
        "# Features",
        "",
        f"Version `{FEATURES_VERSION}`: the order and names below. A risk bundle lists the features that it uses with",
        "their versions, and is refused if one of them is missing or has another version. Every value is as of the",
        "event time of the post; an unknown value is missing (NaN), never zero. Input methods without key intervals",
        "(input method editors, dictation, assistive technology, an API) and completely pasted texts have no typing",
        "features.",
        "`python -m moderation.features` prints this page.",
        "",
        "| feature | family | unit | meaning |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{f.name}` | {f.family} | {f.unit} | {f.meaning} |" for f in FEATURES]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
