"""Records and batches that kafka-python cannot parse are returned as unreadable, and reading goes on after them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.record import MemoryRecords
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.util import calc_crc32c

from connectors import kafka_records
from connectors.kafka_records import UnreadableHeaders, read_past_damage, require_codecs
from moderation.errors import SettingsError

NAME = TopicPartition("posts", 0)
CRC_FROM, ATTRIBUTES, HEADER = 17, 21, 61


class Latin1(str):
    """A header name that a client of another language sends in Latin-1."""

    def encode(self, *_arguments: object) -> bytes:
        """As on the wire."""
        return b"\xe9t\xe9"


def batch(base: int, *values: bytes, headers: list[tuple[str, bytes]] | None = None, compression: int = 0) -> bytearray:
    """A batch as a producer sends it, at an offset as a broker stores it."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=compression,
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 20,
    )
    for number, value in enumerate(values):
        builder.append(number, 1000 + number, b"k", value, headers or [])
    made = bytearray(builder.build())
    struct.pack_into(">q", made, 0, base)
    return made


def sealed(raw: bytearray) -> bytearray:
    """The same batch with a checksum that matches."""
    struct.pack_into(">I", raw, CRC_FROM, calc_crc32c(bytes(raw[ATTRIBUTES:])))
    return raw


@dataclass
class Log:
    """Batches of one partition, fetched as kafka-python's consumer does."""

    batches: list[bytes]
    end: int
    position: int = 0
    fetches: int = 0
    found: list[Any] = field(default_factory=list)

    def read(self, alter: Callable[[int, bytes], bytes] = lambda _fetch, raw: raw, most: int = 20) -> list[Any]:
        """All records up to the end; `alter` changes what a fetch returns."""
        consumer = SimpleNamespace(_fetcher=SimpleNamespace(), highwater=lambda _name: self.end)
        read_past_damage(consumer)
        while self.position < self.end:
            self.fetches += 1
            assert self.fetches <= most, f"still at offset {self.position} after {most} fetches"
            answer = alter(self.fetches, b"".join(raw for raw in self.batches if self._ends(raw) > self.position))
            taken = consumer._fetcher.PartitionRecords(self.position, NAME, MemoryRecords(answer))
            while taken:
                self.found.extend(taken.take(2))
                self.position = max(self.position, taken.next_fetch_offset)
        return self.found

    def _ends(self, raw: bytes) -> int:
        """As a broker knows it, whatever the bytes say now."""
        bases = [struct.unpack_from(">q", other)[0] for other in self.batches]
        return next((base for base in bases if base > struct.unpack_from(">q", raw)[0]), self.end)


def outcome(records: list[Any]) -> list[tuple[int, bytes | None, str | None]]:
    """Offset, value and what is wrong, of each record."""
    return [
        (r.offset, r.value, r.headers.reason if isinstance(r.headers, UnreadableHeaders) else None) for r in records
    ]


def test_record_with_header_key_not_utf8_keeps_its_bytes_and_its_neighbours() -> None:
    raw = batch(5, b"one", b"two", headers=[("ok", b"1"), (Latin1("x"), b"2")])
    found = Log([batch(0, *[b"v"] * 5), raw, batch(7, b"three")], 8).read()
    assert [record.offset for record in found] == list(range(8))
    assert outcome(found)[5:] == [
        (5, b"one", "the header key b'\\xe9t\\xe9' is not UTF-8"),
        (6, b"two", "the header key b'\\xe9t\\xe9' is not UTF-8"),
        (7, b"three", None),
    ]
    assert found[5].headers == (("ok", b"1"), ("\\xe9t\\xe9", b"2"))
    assert (found[6].key, found[6].timestamp) == (b"k", 1001)


def test_record_of_broken_structure_is_returned_raw_and_the_next_is_read() -> None:
    raw = batch(0, b"one", b"two", b"three")
    where = raw.index(b"two") - 1
    raw[where] = 10  # the value claims 5 bytes of 3
    found = outcome(Log([sealed(raw), batch(3, b"four")], 4).read())
    assert [(offset, reason is None) for offset, _, reason in found] == [(0, True), (1, False), (2, True), (3, True)]
    assert b"two" in (found[1][1] or b"")
    assert "the record cannot be read" in str(found[1][2])


def test_record_whose_size_leads_out_of_the_batch_takes_the_rest_of_it_along() -> None:
    raw = batch(0, b"one", b"two", b"three")
    raw[raw.index(b"two") - 7] = 126
    found = outcome(Log([sealed(raw), batch(3, b"four")], 4).read())
    assert [(offset, reason is None) for offset, _, reason in found] == [(0, True), (2, False), (3, True)]
    assert b"three" in (found[1][1] or b"")
    assert "number 2 on" in str(found[1][2])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda raw: raw.__setitem__(HEADER + 8, raw[HEADER + 8] ^ 1), "the checksum does not match"),
        (lambda raw: raw.__setitem__(16, 7), "format version 7 is not known"),
        (lambda raw: raw.__setitem__(16, 1), "cannot be read"),
    ],
    ids=["checksum", "unknown version", "wrong version"],
)
def test_batch_that_cannot_be_read_becomes_one_record_at_its_last_offset(
    spoil: Callable[[bytearray], None], words: str
) -> None:
    raw = batch(1, b"one", b"two")
    spoil(raw)
    log = Log([batch(0, b"v"), raw, batch(3, b"three")], 4)
    found = outcome(log.read())
    assert found[0] == (0, b"v", None)
    assert found[1][:2] == (2, bytes(raw))
    assert words in str(found[1][2])
    assert "at offsets 1 to 2" in str(found[1][2])
    assert found[2:] == [(3, b"three", None)]
    assert log.fetches == 2, "a batch that cannot be read is fetched a second time, and not more often"


def test_batch_that_is_damaged_on_the_way_is_read_at_the_second_fetch() -> None:
    def damaged_once(fetch: int, raw: bytes) -> bytes:
        return raw if fetch > 1 else raw[:-1] + bytes([raw[-1] ^ 1])

    found = Log([batch(0, b"one"), batch(1, b"two")], 2).read(damaged_once)
    assert outcome(found) == [(0, b"one", None), (1, b"two", None)]


def test_last_batch_that_cannot_be_read_ends_where_its_header_says() -> None:
    raw = batch(1, b"one", b"two")
    raw[-1] ^= 1
    found = outcome(Log([batch(0, b"v"), raw], 3).read())
    assert [offset for offset, _, _ in found] == [0, 2]


def test_last_batch_with_an_impossible_length_in_records_passes_over_none_that_follow() -> None:
    raw = batch(0, b"one")
    struct.pack_into(">i", raw, 23, 2**31 - 1)
    found = outcome(Log([raw], 1).read())
    assert [offset for offset, _, _ in found] == [0]


@pytest.mark.parametrize("codec", [1, 2, 3, 4], ids=["gzip", "snappy", "lz4", "zstd"])
def test_batch_that_cannot_be_decompressed_becomes_one_record(codec: int) -> None:
    raw = batch(0, b"x" * 500, b"x" * 500, compression=codec)
    raw[HEADER : HEADER + 12] = b"\xff" * 12
    found = outcome(Log([sealed(raw), batch(2, b"next")], 3).read())
    assert [offset for offset, _, _ in found] == [1, 2]
    assert "cannot be decompressed" in str(found[0][2])
    assert found[0][1] == bytes(raw)


def test_batch_of_a_codec_that_does_not_exist_becomes_one_record() -> None:
    raw = batch(0, b"one")
    raw[22] |= 7
    found = outcome(Log([sealed(raw), batch(1, b"next")], 2).read())
    assert [offset for offset, _, _ in found] == [0, 1]
    assert "Unrecognized compression type" in str(found[0][2])


@settings(max_examples=500)
@given(st.data())
def test_reading_ends_whatever_the_bytes_of_a_batch_are(data: st.DataObject) -> None:
    raw = batch(0, b"one", b"two", headers=[("a", b"1")])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(8, len(raw) - 1))] = data.draw(st.integers(0, 255))
    log = Log([sealed(raw) if data.draw(st.booleans()) else raw, batch(2, b"next")], 3)
    assume(MemoryRecords(b"".join(log.batches)).has_next())  # the client fetches a batch that is cut short again
    found = log.read(most=12)
    assert found[-1].value == b"next"
    offsets = [record.offset for record in found if isinstance(record.headers, UnreadableHeaders)]
    assert all(0 <= offset < 3 for offset in offsets)


def test_missing_codec_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    require_codecs()
    monkeypatch.setattr(kafka_records, "has_lz4", lambda: False)
    with pytest.raises(SettingsError, match=r"lz4 cannot be read.*pip install 'kafka-python\[lz4\]'"):
        require_codecs()
