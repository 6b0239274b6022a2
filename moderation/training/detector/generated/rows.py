"""Written texts as rows to train on: the machine's side of the source that each was asked from."""

from __future__ import annotations

import json
from pathlib import Path

from moderation.errors import InputError
from moderation.training.detector.rows import TextRow


def generated_rows(path: Path) -> list[TextRow]:
    """Return the texts that `moderation companion generate` wrote, each in the cluster of the post it was asked from.

    Raises InputError for a file that is missing or holds something else.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError as error:
        raise InputError(
            f"Cannot read {path}: {error.strerror}; write it with `moderation companion generate`."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no file that `moderation companion generate` wrote ({error}).") from error
    rows = [_row(path, number, line) for number, line in enumerate(lines, start=1)]
    if not rows:
        raise InputError(f"{path} holds no texts; write them with `moderation companion generate`.")
    return rows


def _row(path: Path, number: int, line: str) -> TextRow:
    try:
        row = json.loads(line)
        return TextRow(
            id=str(row["id"]),
            source=str(row["source"]),
            label=1,
            group=str(row["group"]),
            text=str(row["text"]),
            generator=str(row["generator"]),
            licence="",
            sampling=str(row["sampling"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"Line {number} of {path} is none that `moderation companion generate` wrote ({error}); write it anew."
        ) from error
