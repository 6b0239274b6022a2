"""A file of events as a source with one partition."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import dropwhile, islice
from pathlib import Path

from connectors.record_files import numbered_records, open_file
from moderation.effects import Origin, Partition
from moderation.errors import InputError

HEAD_BYTES = 1 << 20


class JsonlSource:
    """A file replayed as a stream: the topic is its absolute path, the offset a record's number counted from 0."""

    def __init__(self, path: Path, *, known_ids: Collection[str] = (), max_records: int = 2_000) -> None:
        """*known_ids* are the identities of this path in the ledger."""
        if not path.is_file():
            raise InputError(f"{path} is not a file; name a file with one JSON event per line")
        self._partition = Partition("", str(path.resolve()), file_identity(path, known_ids), 0)
        self._path = path
        self._max_records = max_records
        self._stream = open_file(str(path))
        self._records = numbered_records(self._stream, str(path))
        self._ended = False
        self._next = 0

    @property
    def ended(self) -> bool:
        """Whether the file has been read to its end."""
        return self._ended

    def partitions(self) -> list[Partition]:
        """Return the one partition of the file."""
        return [self._partition]

    def bounds(self) -> dict[Partition, tuple[int, int]]:
        """Return 0 and the number of records."""
        with open_file(str(self._path)) as stream:
            end = max((number + 1 for number, _ in numbered_records(stream, str(self._path))), default=0)
        return {self._partition: (0, end)}

    def seek(self, positions: Mapping[Partition, int]) -> None:
        """Continue at this record."""
        first = positions[self._partition]
        self._stream.seek(0)
        self._records = self._from(first)
        self._next = first
        self._ended = False

    def _from(self, first: int) -> Iterator[tuple[int, bytes]]:
        return dropwhile(lambda record: record[0] < first, numbered_records(self._stream, str(self._path)))

    def poll(self, timeout_ms: int) -> Sequence[Origin]:  # noqa: ARG002  # a file has its next record ready
        """Return the next records."""
        found = [
            Origin(self._partition, number, None, None, value)
            for number, value in islice(self._records, self._max_records)
        ]
        self._ended = len(found) < self._max_records
        self._next = found[-1].offset + 1 if found else self._next
        return found

    def positions(self) -> dict[Partition, int]:
        """Return the number of the next record."""
        return {self._partition: self._next}

    def unread(self) -> set[Partition]:
        """Return the partition until the file has been read to its end."""
        return set() if self._ended else {self._partition}

    def ends(self) -> dict[Partition, int]:
        """Return the number of records that were read, because the others are not counted."""
        return {self._partition: self._next}

    def await_assignment(self, timeout_s: float) -> None:
        """Do nothing: a file has no other readers."""

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Do nothing: a file has one partition, which never waits for another."""

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Do nothing: nothing was paused."""

    def commit(self, positions: Mapping[Partition, int]) -> None:
        """Do nothing: a file stores no positions."""

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def file_identity(path: Path, known: Collection[str] = ()) -> str:
    """Return the identity of a file, a hash of its beginning, which distinguishes files of the same name.

    A file may grow, so that an identity includes the number of bytes that it covers: a file has an identity in *known*
    when it begins with the same bytes.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    same = [identity for identity in known if _covers(identity, head)]
    return max(same, key=_covered, default=_identity(head))


def _covered(identity: str) -> int:
    length, _, _ = identity.partition(":")
    return int(length) if length.isdecimal() else HEAD_BYTES + 1


def _covers(identity: str, head: bytes) -> bool:
    length = _covered(identity)
    return length <= len(head) and identity == _identity(head[:length])


def _identity(head: bytes) -> str:
    return f"{len(head)}:{hashlib.sha256(head).hexdigest()}"
