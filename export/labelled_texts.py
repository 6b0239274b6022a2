"""Labelled texts outside the training data, on which a bundle is measured and calibrated."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from moderation.errors import InputError


@dataclass(frozen=True)
class LabelledText:
    """A text with its label (1 machine, 0 human) and, where known, the declared language, the source and the group.

    Texts of one *group* (an author, a prompt) are not independent; an empty group is a separate group.
    """

    text: str
    label: int
    language: str | None = None
    source: str = ""
    group: str = ""


def read_labelled_texts(path: Path) -> tuple[LabelledText, ...]:
    """Return the texts of a JSONL file of text, label and, optionally, lang, source and group. Raises InputError."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        return tuple(_text_of(json.loads(line)) for line in lines if line.strip())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not JSONL of text and label, 0 or 1 ({error}).") from error


def _text_of(row: dict[str, object]) -> LabelledText:
    if row["label"] not in (0, 1):
        raise ValueError(f"label is {row['label']!r}")
    return LabelledText(
        text=str(row["text"]),
        label=1 if row["label"] else 0,
        language=str(row["lang"]) if row.get("lang") else None,
        source=str(row.get("source") or ""),
        group=str(row.get("group") or ""),
    )
