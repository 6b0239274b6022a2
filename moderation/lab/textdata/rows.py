"""Reads the rows of the text data as a stream, from files with known hashes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

from moderation.errors import InputError
from moderation.lab.textdata.manifest import DataManifest, Split

_READ_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class TextRow:
    """One text with its label (1 machine, 0 human) and the cluster that must never be split."""

    id: str
    source: str
    label: int
    group: str
    text: str
    generator: str
    licence: str
    sampling: str = ""
    language: str = ""
    register: str = "unknown"
    author: str = ""
    community: str = ""
    family: str = ""
    """The family of the generator; empty where the data have none."""
    prompt_kind: str = ""
    second_language: bool = False
    first_language: str = ""
    level: str = ""
    formal: bool = False
    year: int | None = None


def read_rows(data_dir: Path, split: Split, manifest: DataManifest, *, all_licences: bool = False) -> Iterator[TextRow]:
    """Yield the rows of the files of *split* whose licence permits published weights.

    *all_licences* yields the others too, for measurements. The group is empty where the file has none. Raises
    InputError when a file is missing, unreadable or differs from the manifest.
    """
    seen: set[str] = set()
    for name in manifest.train if split == "train" else manifest.dev:
        path = manifest.checked(data_dir, name)
        with path.open("rb") as file:
            for number, line in enumerate(_lines(file, path), start=1):
                try:
                    row = _row(json.loads(str(line, encoding="utf-8")), manifest)
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                    raise InputError(
                        f"Line {number} of {path} is not a text row ({error}); correct it, or fetch the file again."
                    ) from error
                if not all_licences and not manifest.permits_weights(row.source, row.licence):
                    continue
                if row.id in seen:
                    raise InputError(f"Line {number} of {path} repeats the id {row.id}; ids must be unique.")
                seen.add(row.id)
                yield row


def read_people(data_dir: Path, manifest: DataManifest) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield each person of the files of people, with text and community of each post in time order.

    The licence of the posts permits published weights.

    Raises InputError when a file is missing, unreadable or differs from the manifest.
    """
    for name in manifest.people:
        path = manifest.checked(data_dir, name)
        with path.open("rb") as file:
            posts = (_post(path, number, line, manifest) for number, line in enumerate(_lines(file, path), start=1))
            for author, own in groupby((post for post in posts if post is not None), key=itemgetter(0)):
                yield author, [post for _, post in own]


def _post(path: Path, number: int, line: bytes, manifest: DataManifest) -> tuple[str, tuple[str, str]] | None:
    try:
        row = json.loads(str(line, encoding="utf-8"))
        source, author, text = str(row["source"]), str(row["author"]), str(row["text"])
        permitted = manifest.permits_weights(source, str(row.get("lic") or ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"Line {number} of {path} is not a post of a person ({error}); correct it, or fetch the file again."
        ) from error
    return (f"{source}/{author}", (text, str(row.get("community") or source))) if permitted else None


def _row(row: dict[str, Any], manifest: DataManifest) -> TextRow:
    label, source = row["label"], str(row["source"])
    if not isinstance(label, int) or isinstance(label, bool) or label not in (0, 1):
        raise ValueError(f"label must be 0 (human) or 1 (machine), got {label!r}")
    if not source:
        raise ValueError("source is empty")
    return TextRow(
        id=str(row["id"]),
        source=source,
        label=label,
        group=str(row.get("group") or ""),
        text=str(row["text"]),
        generator=str(row.get("generator") or ""),
        licence=str(row.get("lic") or ""),
        sampling=str(row.get("sampling") or ""),
        language=str(row.get("lang") or ""),
        register=manifest.source(source).register_name,
        author=str(row.get("author") or ""),
        community=str(row.get("community") or ""),
        family=str(row.get("family") or ""),
        prompt_kind=str(row.get("prompt_kind") or "") if label else "",
        second_language=bool(row.get("l2")),
        first_language=str(row.get("l1") or ""),
        level=str(row.get("level") or ""),
        formal=bool(row.get("formal")),
        year=row["year"] if isinstance(row.get("year"), int) else None,
    )


def _lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Yield the lines of a file of one or several Zstandard frames. Raises InputError when one is cut short."""
    try:
        import zstandard
    except ImportError:
        raise InputError(
            "Reading the data needs zstandard: pip install -e '.[export]' in its source directory."
        ) from None
    frame = zstandard.ZstdDecompressor().decompressobj()
    rest, begun = b"", False
    for chunk in iter(lambda: file.read(_READ_BYTES), b""):
        compressed = chunk
        while compressed:
            begun = True
            try:
                *lines, rest = (rest + frame.decompress(compressed)).split(b"\n")
            except zstandard.ZstdError as error:
                raise InputError(
                    f"{path} cannot be decompressed ({error}); compress the JSON lines with zstd."
                ) from error
            yield from lines
            compressed = b""
            if frame.eof:
                compressed, begun = frame.unused_data, False
                frame = zstandard.ZstdDecompressor().decompressobj()
    if begun:
        raise InputError(f"{path} ends in the middle of its compressed data; fetch or compress it again.")
    if rest:
        yield rest
