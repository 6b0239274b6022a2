"""Events from a file or standard input, one JSON object a line, as a source with one partition."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from moderation.effects import Origin, Partition
from moderation.errors import InputError


def open_lines(path: str) -> BinaryIO:
    """The bytes of a file. Raises InputError with a sentence."""
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def lines_or_standard_input(path: str) -> AbstractContextManager[BinaryIO]:
    """The bytes of a file, closed in the end, or those of standard input for `-`, which stays open.

    Raises InputError with a sentence.
    """
    return nullcontext(sys.stdin.buffer) if path == "-" else open_lines(path)


def numbered_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Line number from 1 and the line's bytes without its end; empty lines are passed over."""
    for number, line in enumerate(stream, start=1):
        stripped = line.strip()
        if stripped:
            yield number, stripped


class JsonlSource:
    """A file replayed as a stream: the topic is its absolute path, the offset a line's number counted from 0."""

    def __init__(self, path: Path, *, max_records: int = 2_000) -> None:
        if not path.is_file():
            raise InputError(f"{path} is no file; name a file with one JSON event per line")
        self._partition = Partition("", str(path.resolve()), "", 0)
        self._path = path
        self._stream = open_lines(str(path))
        self._next = 0
        self._max_records = max_records
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the file has been read to its end."""
        return self._ended

    def partitions(self) -> list[Partition]:
        """The one partition of the file."""
        return [self._partition]

    def bounds(self) -> dict[Partition, tuple[int, int]]:
        """From 0 to the number of lines."""
        with self._path.open("rb") as stream:
            return {self._partition: (0, sum(1 for _ in stream))}

    def seek(self, positions: Mapping[Partition, int]) -> None:
        """Go on at this line."""
        self._stream.seek(0)
        self._next = 0
        self._ended = False
        for _ in range(positions[self._partition]):
            if not self._stream.readline():
                break
            self._next += 1

    def poll(self, timeout_ms: int) -> Sequence[Origin]:  # noqa: ARG002  # a file never makes one wait
        """The next lines; a blank line is passed over."""
        records: list[Origin] = []
        arrival_ms = int(time.time() * 1000)
        while len(records) < self._max_records:
            line = self._stream.readline()
            if not line:
                self._ended = True
                break
            if line.strip():
                records.append(Origin(self._partition, self._next, arrival_ms, None, line.rstrip(b"\r\n")))
            self._next += 1
        return records

    def positions(self) -> dict[Partition, int]:
        """Return the next line."""
        return {self._partition: self._next}

    def await_assignment(self, timeout_s: float) -> None:
        """A file is nobody else's."""

    def pause(self, partitions: Iterable[Partition]) -> None:
        """The one lane of a file never waits for another."""

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Nothing was paused."""

    def commit(self, positions: Mapping[Partition, int]) -> None:
        """Nothing to tell a file."""

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
