"""Reads and writes the files of a journal.

An array of a closed graph is a file in numpy's format that is mapped into memory: the system can take its pages back.
"""

from __future__ import annotations

import io
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.errors import InputError


@dataclass(frozen=True)
class ArrayFile:
    """A file with one array of the edges or the figures of a closed graph."""

    name: str
    kind: str
    epoch: int
    column: str
    size: int
    checksum: int


def write_new(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file that only its owner may read, until it is on the disk. Raises OSError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for part in parts:
            file.write(part)
        flush(file)


def flush(file: Any) -> None:
    """Have what was written to a file put on the disk. Raises OSError."""
    file.flush()
    os.fsync(file.fileno())


def flush_directory(directory: Path) -> None:
    """Have the names in a directory put on the disk. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_checked(directory: Path, name: str, size: int, checksum: int) -> bytes:
    """Return the first *size* bytes of a file. Raises InputError when they are not those with the checksum."""
    try:
        with (directory / name).open("rb") as file:
            raw = file.read(size)
    except OSError as error:
        raise unusable(directory, f"{name} cannot be read: {error.strerror}") from None
    if len(raw) < size or zlib.crc32(raw) != checksum:
        raise unusable(directory, f"{name} is damaged")
    return raw


def write_array(directory: Path, name: str, array: NDArray[Any]) -> tuple[int, int]:
    """Write an array into a new file; return its size in bytes and its checksum. Raises OSError."""
    array = np.ascontiguousarray(array)  # else the header says that columns come first
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(array))
    data = array.reshape(-1).view(np.uint8).data
    write_new(directory / name, head.getvalue(), data)
    return head.tell() + len(data), zlib.crc32(data, zlib.crc32(head.getvalue()))


def read_array(directory: Path, file: ArrayFile) -> NDArray[Any]:
    """Return the array in a file, mapped into memory and read-only. Raises InputError when it is damaged."""
    try:
        raw = np.memmap(directory / file.name, np.uint8, "r")
        if len(raw) != file.size or zlib.crc32(raw.data) != file.checksum:
            raise unusable(directory, f"{file.name} is damaged")
        return np.asarray(np.load(directory / file.name, mmap_mode="r", allow_pickle=False))
    except OSError as error:
        raise unusable(directory, f"{file.name} cannot be read: {error.strerror}") from None
    except ValueError:
        raise unusable(directory, f"{file.name} is damaged") from None


def unusable(directory: Path, why: str) -> InputError:
    """Return the error for a journal that cannot be used."""
    return InputError(
        f"the state in {directory} cannot be used: {why}. Move it away to rebuild the state from the log."
    )
