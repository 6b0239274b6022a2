"""Skips records that kafka-python cannot parse: each becomes an unreadable record, and later records are read.

kafka-python (3.0.12) raises at the first record or batch that it cannot parse and keeps its position, so that every
later poll raises again. The Java client does the same, but its error contains the position to seek beyond. The only
internal used here is the attribute `PartitionRecords` of the fetcher, which is replaced for one consumer by a function
that passes other batches to the class of the client. The client handles transactions, control records and positions.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.codec import has_lz4, has_snappy, has_zstd
from kafka.consumer.fetcher import Fetcher
from kafka.errors import KafkaError
from kafka.record import MemoryRecords
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.legacy_records import LegacyRecordBatch
from kafka.record.util import decode_varint

from moderation.errors import SettingsError

log = logging.getLogger(__name__)

_MAGIC = struct.Struct(">16xb")
_BASE_OFFSET = struct.Struct(">q")
_LAST_OFFSET_DELTA = struct.Struct(">23xi")


def require_codecs() -> None:
    """Raise SettingsError unless every compression of Kafka is supported.

    Afterwards an unknown codec is one that no client supports.
    """
    present = {"lz4": has_lz4(), "snappy": has_snappy(), "zstd": has_zstd()}
    missing = [name for name, found in present.items() if not found]
    if missing:
        raise SettingsError(
            f"record batches compressed with {', '.join(missing)} cannot be read: the library is not installed. "
            f"Install it: pip install 'kafka-python[{','.join(missing)}]'"
        )


class UnreadableHeaders(tuple[tuple[str, bytes | None], ...]):
    """Headers of a record that could not be parsed; `reason` is the cause."""

    reason: str

    @classmethod
    def of(cls, reason: str, headers: list[tuple[bytes, bytes | None]] | None = None) -> UnreadableHeaders:
        """Return headers with names in UTF-8; a byte of a name that is not UTF-8 is escaped as `\\xe9`."""
        made = cls((name.decode("utf-8", "backslashreplace"), value) for name, value in headers or ())
        made.reason = reason
        return made


@dataclass(frozen=True)
class _UnreadableRecord:
    """A record that could not be parsed, with the attributes that the client expects."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: UnreadableHeaders
    timestamp_type: int = 0
    checksum: None = None
    abort: bool = False

    @property
    def size_in_bytes(self) -> int:
        return len(self.value or b"")

    def validate_crc(self) -> bool:
        return True


@dataclass(frozen=True)
class _UnreadableBatch:
    """A batch that could not be parsed, as one record at its last offset, so that the next position is correct."""

    record: _UnreadableRecord
    magic: int = 1
    """Below version 2 the client expects no transactions and control records."""

    @property
    def base_offset(self) -> int:
        return self.record.offset

    def validate_crc(self) -> bool:
        return True

    def __iter__(self) -> Iterator[_UnreadableRecord]:
        return iter((self.record,))


def _unread(offset: int, reason: str, raw: Any) -> _UnreadableRecord:
    return _UnreadableRecord(offset, -1, None, bytes(raw), UnreadableHeaders.of(reason))


class _Unreadable(ValueError):
    """Bytes that are not a valid batch."""


def _cause(error: Exception) -> str:
    if isinstance(error, (_Unreadable, KafkaError)):
        return str(error)  # the text of these errors includes the class
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


class _Batch(DefaultRecordBatch):  # type: ignore[misc]  # kafka-python carries no types
    """A batch of version 2 that returns an unreadable record where the class of the client raises."""

    _pos: int
    _next_record_index: int

    def __init__(self, raw: memoryview, log_end: int) -> None:
        super().__init__(raw)
        if not super().validate_crc():
            raise _Unreadable("the checksum does not match")
        self._raw = raw
        self._log_end = log_end

    @property
    def last_offset(self) -> int:
        """Limited to the log, because the client continues after it."""
        return int(max(self.base_offset, min(self.base_offset + self.last_offset_delta, self._log_end - 1)))

    def validate_crc(self) -> bool:
        return True  # verified in the constructor

    def __iter__(self) -> Iterator[Any]:
        try:
            return super().__iter__()  # type: ignore[no-any-return]
        except MemoryError:
            raise
        except Exception as error:  # each codec raises errors of its own
            reason = f"the record batch {_span(self.base_offset, self.last_offset)} cannot be decompressed"
            return iter((_unread(self.last_offset, f"{reason} ({_cause(error)}); {_WHOLE_BATCH}", self._raw),))

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except (StopIteration, MemoryError):
            raise
        except Exception as error:
            return self._unreadable(error)

    def _unreadable(self, error: Exception) -> _UnreadableRecord:
        """Return the record at the current position, or the rest of the batch where its end is unknown."""
        index, start = self._next_record_index, self._pos
        if 0 < self._num_records <= index:
            log.warning("bytes after the last record of the batch at offset %d are ignored", self.base_offset)
            raise StopIteration
        size, body = _size(self._buffer, start)
        if size < 1 or body + size > len(self._buffer):
            self._next_record_index, self._pos = self._num_records, len(self._buffer)
            rest = f"the records of the batch from number {index + 1} on cannot be read ({_cause(error)})"
            return _unread(self.last_offset, f"{rest}; the value is the rest of the batch", self._buffer[start:])
        self._next_record_index, self._pos = index + 1, body + size
        try:
            return self._with_undecodable_names(_fields(self._buffer, body, body + size))
        except (IndexError, ValueError):
            offset = min(self.base_offset + index, self.last_offset)
            reason = f"the record cannot be read ({_cause(error)}); the value is the record as the broker sent it"
            return _unread(offset, reason, self._buffer[start : body + size])

    def _with_undecodable_names(self, fields: _Fields) -> _UnreadableRecord:
        """Return a record with valid fields except for header names that are not UTF-8."""
        bad = next((name for name, _ in fields.headers if not _is_utf8(name)), None)
        offset = self.base_offset + fields.offset_delta
        if bad is None or not self.base_offset <= offset <= self.last_offset:
            raise ValueError("the record has another defect")
        stamp = self.max_timestamp if self.timestamp_type else self.first_timestamp + fields.timestamp_delta
        headers = UnreadableHeaders.of(f"the header key {bad!r} is not UTF-8", fields.headers)
        return _UnreadableRecord(offset, stamp, fields.key, fields.value, headers)


_WHOLE_BATCH = "the value is the batch as the broker sent it"


def _span(first: int, last: int) -> str:
    return f"at offset {first}" if first >= last else f"at offsets {first} to {last}"


@dataclass(frozen=True)
class _Fields:
    """A record of version 2 with header names as bytes."""

    timestamp_delta: int
    offset_delta: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[bytes, bytes | None]]


def _size(buffer: bytearray, position: int) -> tuple[int, int]:
    """Return the size of the record here and the start of its fields; a size of 0 where there is none."""
    try:
        return decode_varint(buffer, position)  # type: ignore[no-any-return]
    except (IndexError, ValueError):
        return 0, position


def _fields(buffer: bytearray, position: int, end: int) -> _Fields:
    """Return the fields of a record. Raises IndexError or ValueError."""

    def number() -> int:
        nonlocal position
        found, position = decode_varint(buffer, position)
        return int(found)

    def data() -> bytes | None:
        nonlocal position
        size = number()
        if size < 0:
            return None
        begin, position = position, position + size
        if position > end:
            raise ValueError("a field is longer than its record")
        return bytes(buffer[begin:position])

    number()  # attributes, unused
    timestamp_delta, offset_delta = number(), number()
    key, value = data(), data()
    headers = [(data() or b"", data()) for _ in range(number())]
    if position != end:
        raise ValueError("the record is longer than its fields")
    return _Fields(timestamp_delta, offset_delta, key, value, headers)


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class _Batches:
    """The batches of a fetch response, in place of `MemoryRecords` of kafka-python."""

    def __init__(self, records: MemoryRecords, damage: _Damage, name: TopicPartition, fetch_offset: int) -> None:
        self._records = records
        self._damage = damage
        self._name = name
        self._fetch_offset = fetch_offset

    def next_batch(self) -> Any:
        """Return the next batch, None at the end or where the batch must be fetched a second time."""
        raw = self._records._next_slice
        if raw is None:
            return None
        try:
            batch = _parsed(raw, self._log_end)
        except MemoryError:
            raise
        except Exception as error:  # the parser of the client raises many types
            return self._unreadable(raw, error)
        self._records._cache_next()
        return batch

    @property
    def _log_end(self) -> int:
        """Return the end of the log in this response; the client sets it before it reads batches."""
        return self._damage.log_end(self._name) or 2**62

    def _unreadable(self, raw: memoryview, error: Exception) -> _UnreadableBatch | None:
        framed = len(raw) >= _MAGIC.size
        base = min(_BASE_OFFSET.unpack_from(raw)[0], self._log_end) if framed else self._fetch_offset
        if not self._damage.confirmed(self._name, base):
            log.warning(
                "the record batch of %s/%d at offset %d cannot be read (%s); it is fetched again",
                self._name.topic,
                self._name.partition,
                base,
                _cause(error),
            )
            return None
        if framed:
            self._records._cache_next()
        else:
            self._records._next_slice = None  # without a size, the start of the next one is unknown
        first = max(base, self._fetch_offset)
        last = self._last_offset(raw, base, first)
        reason = f"the record batch {_span(first, last)} cannot be read ({_cause(error)}); {_WHOLE_BATCH}"
        return _UnreadableBatch(_unread(last, reason, raw))

    def _last_offset(self, raw: memoryview, base: int, first: int) -> int:
        """Return the offset before the next batch, else that of the header, where it is plausible."""
        following = self._records._next_slice
        if following is not None and len(following) >= _MAGIC.size:
            last = int(_BASE_OFFSET.unpack_from(following)[0]) - 1
        elif len(raw) >= _LAST_OFFSET_DELTA.size:
            last = base + int(_LAST_OFFSET_DELTA.unpack_from(raw)[0])
        else:
            last = first
        return last if first <= last < self._log_end else first


def _parsed(raw: memoryview, log_end: int) -> Any:
    """Return the batch. Raises one of many errors where it cannot be read."""
    if len(raw) < _MAGIC.size:
        raise _Unreadable("the batch is shorter than its header")
    (magic,) = _MAGIC.unpack_from(raw)
    if magic == 2:
        return _Batch(raw, log_end)
    if magic not in (0, 1):
        raise _Unreadable(f"format version {magic} is not known")
    batch = LegacyRecordBatch(raw, magic)
    if not batch.validate_crc() or not all(record.validate_crc() for record in LegacyRecordBatch(raw, magic)):
        raise _Unreadable("the checksum does not match")
    return batch


class _Damage:
    """Batches that could not be parsed once; bytes damaged in transit are correct in a second fetch."""

    def __init__(self, log_end: Callable[[TopicPartition], int | None]) -> None:
        self.log_end = log_end
        self._suspected: dict[TopicPartition, int] = {}

    def confirmed(self, name: TopicPartition, base: int) -> bool:
        """Return whether the same batch failed before; otherwise store it."""
        if self._suspected.get(name) == base:
            del self._suspected[name]
            return True
        self._suspected[name] = base
        return False


def read_past_damage(consumer: KafkaConsumer) -> None:
    """Let a consumer return unparsable records with UnreadableHeaders instead of raising."""
    damage = _Damage(consumer.highwater)

    def partition_records(fetch_offset: int, name: TopicPartition, records: MemoryRecords, **options: Any) -> Any:
        return Fetcher.PartitionRecords(fetch_offset, name, _Batches(records, damage, name, fetch_offset), **options)

    consumer._fetcher.PartitionRecords = partition_records


def free_parked_records(consumer: KafkaConsumer) -> None:
    """Let the next poll return the records of partitions that were paused and resumed.

    kafka-python (3.0.12) parks fetched records of a paused partition, and takes them back only while no other records
    are in line. Records in line that are used up still count, so that without another fetch the parked ones are never
    returned and the partition stands still.
    """
    fetcher = consumer._fetcher
    in_line = getattr(fetcher, "_next_partition_records", None)
    if in_line is not None and not in_line:
        fetcher._next_partition_records = None
