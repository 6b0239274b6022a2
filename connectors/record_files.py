"""Reads records from files: JSON lines, an array, indented JSON; plain, gzip, zstd; UTF-8 or UTF-16."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast

import zstandard
from pydantic_core import from_json

from moderation.errors import InputError
from moderation.events.wire import SIGNATURES

CHUNK = 1 << 16
COMPRESSED_CHUNK = 1 << 10
"""Bytes of zstd that are decompressed at a time: an expansion by 32,000, the most of zstd, remains 32 MiB."""
LARGEST_WINDOW = 1 << 31
"""The most that `zstd --long=31` writes, as in the dumps of Reddit; zstd refuses more than 128 MiB by default."""
_TOKEN = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'\\.|"', re.DOTALL)


def open_file(path: str) -> BinaryIO:
    """Return the bytes of a file. Raises InputError."""
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def file_or_standard_input(path: str) -> AbstractContextManager[BinaryIO]:
    """Return the bytes of a file, closed at the end, or those of standard input for `-`, which stays open.

    Raises InputError.
    """
    if path != "-":
        return open_file(path)
    if sys.stdin is None:
        raise InputError("standard input is closed; name a file instead of -")
    return nullcontext(sys.stdin.buffer)


def numbered_records(stream: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield the number, from 0, and the bytes of each record; empty lines are numbered and skipped.

    A record is a line, or an item where the file is an array or indented JSON. *name* is the name of the file, for
    messages. Raises InputError for a damaged file or another format.
    """
    try:
        chunks = _plain_chunks(_buffered(stream), name)
        first = next(chunks, b"")
        depth = _array_or_documents(first)
        every = chain([first], chunks)
        if depth is None:
            yield from ((number, line.strip()) for number, line in enumerate(_lines(every)) if line.strip())
        else:
            yield from enumerate(_documents(every, depth))
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError, UnicodeDecodeError) as error:
        raise InputError(f"{name} is damaged: {error}") from None


def _buffered(stream: BinaryIO) -> io.BufferedReader:
    return stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, stream))


def _plain_chunks(stream: io.BufferedReader, name: str) -> Iterator[bytes]:
    """Yield the decompressed content in UTF-8, without a byte-order mark."""
    head = stream.peek(8)
    if head.startswith(b"\x1f\x8b"):
        stream = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=stream)))
        head = stream.peek(8)
    elif head.startswith(b"\x28\xb5\x2f\xfd"):
        stream = io.BufferedReader(_ZstdFrames(stream))
        head = stream.peek(8)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield from _utf8(stream)
        return
    for signature, found in SIGNATURES:
        if head.startswith(signature):
            raise InputError(
                f"{name} is {found}; expected JSON, one record a line (plain, or compressed by gzip or zstd)"
            )
    if head.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    while chunk := stream.read1(CHUNK):
        yield chunk


class _ZstdFrames(io.RawIOBase):
    """The decompressed content of zstd frames. Raises EOFError where the last frame is cut short.

    The reader of zstandard takes a frame that is cut short for the end of the file.
    """

    def __init__(self, compressed: io.BufferedReader) -> None:
        self._compressed = compressed
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW)
        self._frame = self._decompressor.decompressobj()
        self._in_frame = False
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            compressed = self._frame.unused_data or self._compressed.read(COMPRESSED_CHUNK)
            if not compressed:
                if self._in_frame:
                    raise EOFError("the compressed data ends too early; copy or download the file again")
                return 0
            if self._frame.eof:
                self._frame = self._decompressor.decompressobj()
            self._ready = memoryview(self._frame.decompress(compressed))
            self._in_frame = not self._frame.eof
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def _utf8(stream: io.BufferedReader) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-16")()
    while chunk := stream.read1(CHUNK):
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
    decoder.decode(b"", final=True)


def _array_or_documents(first: bytes) -> int | None:
    """Return the nesting depth of records: 1 in an array, 0 in indented JSON; None for one record per line."""
    start = first.lstrip()
    if start.startswith(b"["):
        return 1
    line, newline, _ = start.partition(b"\n")
    if not line.startswith(b"{") or not newline:
        return None
    try:
        from_json(line)
    except ValueError:
        return 0 if b"}" not in line.rpartition(b"{")[2] and not line.rstrip().endswith(b"}") else None
    return None


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    for chunk in chunks:
        head, newline, rest = chunk.partition(b"\n")
        waiting.append(head)
        if not newline:
            continue
        yield b"".join(waiting)
        *complete, last = rest.split(b"\n")
        yield from complete
        waiting = [last]
    yield b"".join(waiting)


def _documents(chunks: Iterable[bytes], base: int) -> Iterator[bytes]:
    """Yield the JSON values at nesting depth *base* as written, and any other content between them."""
    buffer = bytearray()
    place = depth = start = 0  # `start` is the start of the current document, or of the content between two
    in_string = False
    for chunk in chunks:
        buffer += chunk
        while found := (_IN_STRING if in_string else _TOKEN).search(buffer, place):
            place = found.end()
            token = found.group()
            if in_string or token == b'"':
                in_string = in_string != (token == b'"')
            elif token in b"{[":
                if depth <= base:
                    yield from _between(buffer[start : found.start()])
                    start = found.start() if depth == base else place
                depth += 1
            else:
                depth = max(0, depth - 1)
                if depth == base:
                    yield bytes(buffer[start:place])
                    start = place
                elif depth < base:
                    yield from _between(buffer[start : found.start()])
                    start = place
        half_escape = in_string and place < len(buffer) and buffer.endswith(b"\\")
        place = len(buffer) - half_escape
        del buffer[:start]
        place, start = place - start, 0
    rest = buffer.strip(b" \t\r\n,")
    if rest:
        yield bytes(rest)


def _between(text: bytearray) -> Iterator[bytes]:
    return (bytes(part.strip()) for part in text.split(b",") if part.strip())
