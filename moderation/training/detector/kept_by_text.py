"""What is slow to compute of a text, kept in a file: runs share texts, and an interrupted one continues."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from moderation.detector.remembered import content_key
from moderation.text import normalise

_TEXTS_AT_A_TIME = 16


class KeptByText:
    """Values of texts, as JSON has them, in *file* by the hash of what is read of a text: its normalised form.

    *compute* gives the values of some texts, *is_whole* says whether one that was read has the shape of these. A line
    for each text is added when some have been computed, so an interruption costs a few texts.
    """

    def __init__(
        self, file: Path, compute: Callable[[Sequence[str]], Sequence[Any]], is_whole: Callable[[Any], bool]
    ) -> None:
        self._file = file
        self._compute = compute
        self._known = _read(file, is_whole)

    def of(self, texts: Sequence[str], advance: Callable[[int], None] = lambda _texts: None) -> list[Any]:
        """Return the value of each text, in order; *advance* is told of texts done."""
        keys = [content_key(normalise(text)).hex() for text in texts]
        fresh = [(key, text) for key, text in dict(zip(keys, texts, strict=True)).items() if key not in self._known]
        advance(len(texts) - len(fresh))
        for begin in range(0, len(fresh), _TEXTS_AT_A_TIME):
            some = fresh[begin : begin + _TEXTS_AT_A_TIME]
            self._add([key for key, _ in some], self._compute([text for _, text in some]))
            advance(len(some))
        return [self._known[key] for key in keys]

    def _add(self, keys: Sequence[str], values: Sequence[Any]) -> None:
        found = dict(zip(keys, values, strict=True))
        self._known |= found
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="ascii") as file:
            # The first line break ends a line that an interruption left half written.
            file.write("\n" + "".join(f"{json.dumps([key, value])}\n" for key, value in found.items()))


def _read(path: Path, is_whole: Callable[[Any], bool]) -> dict[str, Any]:
    """The values in *path* by hash; a line that is half written or of another shape is passed over."""
    known: dict[str, Any] = {}
    if not path.is_file():
        return known
    with path.open(encoding="ascii", errors="replace") as file:
        for line in file:
            try:
                key, value = json.loads(line)
                if is_whole(value):
                    known[str(key)] = value
            except (ValueError, TypeError):
                continue
    return known
