"""Written texts as rows to train on: the machine's side of the source that each was asked from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from moderation.errors import InputError
from moderation.training.detector.rows import TextRow

PREFIX = "generated/"
"""What stands before the id of the post that a text was asked from."""
_RUN = '{"run": '


def begins_a_run(line: str) -> bool:
    """Say whether *line* names the run and is no text: the first of a file."""
    return line.startswith(_RUN)


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
    rows = [_row(path, number, line) for number, line in enumerate(lines, start=1) if not begins_a_run(line)]
    if len({row.id for row in rows}) < len(rows):
        raise InputError(f"{path} has two texts of one post: two runs wrote into it. Write it anew.")
    if not rows:
        raise InputError(f"{path} holds no texts; write them with `moderation companion generate`.")
    return rows


def beside_posts(generated: Sequence[TextRow], rows: Sequence[TextRow]) -> list[TextRow]:
    """Return the *generated* rows whose post is among *rows*, each in the cluster that its post has there.

    The file has the clusters of the rows that it was written from, and other rows cluster otherwise.
    """
    groups = {row.id: row.group for row in rows}
    posts = [(row, row.id.removeprefix(PREFIX)) for row in generated]
    return [replace(row, group=groups[post]) for row, post in posts if post in groups]


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
