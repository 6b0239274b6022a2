"""Rows of the text data, read as a stream from files whose hashes are known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import BinaryIO

from moderation.checksum import sha256_of
from moderation.errors import InputError

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


def read_rows(
    data_dir: Path, name: str, manifest: Path | None = None, *, all_licences: bool = False
) -> Iterator[TextRow]:
    """Yield the rows of ``<data_dir>/<name>.jsonl.zst`` whose licence permits weights to be published.

    With *all_licences* the others too, for measurements whose weights nobody keeps. The group is empty where the file
    names none. Raises InputError when the file is missing, unreadable or not the one whose SHA-256 stands in
    *manifest*, by default the committed ``data_manifest.json``.
    """
    path = data_dir / f"{name}.jsonl.zst"
    check_hash(path, manifest)
    seen: set[str] = set()
    with path.open("rb") as file:
        for number, line in enumerate(_lines(file, path), start=1):
            try:
                row = json.loads(str(line, encoding="utf-8"))
                licence = str(row.get("lic", ""))
                if not all_licences and not permits_weights(licence):
                    continue
                read = _row(row, licence)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise InputError(
                    f"Line {number} of {path} is not a text row ({error}); correct it, or fetch the file again."
                ) from error
            if read.id in seen:
                raise InputError(f"Line {number} of {path} has the id {read.id} again; give every row its own.")
            seen.add(read.id)
            yield read


def _row(row: dict[str, object], licence: str) -> TextRow:
    label = row["label"]
    if not isinstance(label, int) or label not in (0, 1):
        raise ValueError(f"its label is {label!r}, not 0 for a person's or 1 for a machine's")
    return TextRow(
        id=str(row["id"]),
        source=str(row["source"]),
        label=int(label),
        group=str(row.get("group") or ""),
        text=str(row["text"]),
        generator=str(row.get("generator", "")),
        licence=licence,
        sampling=str(row.get("sampling") or ""),
        language=str(row.get("lang") or ""),
    )


def _lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Yield the lines of a file of one or several Zstandard frames. Raises InputError when one is cut short."""
    try:
        import zstandard
    except ImportError:
        raise InputError("Reading the data needs zstandard: pip install 'moderation-sidecar[export]'.") from None
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


def permits_weights(licence: str) -> bool:
    """Say whether weights trained on rows of *licence* may be published: not if it forbids commercial use."""
    return "-nc" not in licence.lower()


def check_hash(path: Path, manifest: Path | None = None) -> None:
    """Raise InputError unless *path* is byte for byte the file that the manifest names."""
    committed = resources.files(__package__).joinpath("data_manifest.json")
    try:
        content = json.loads((manifest or committed).read_text(encoding="utf-8"))
        expected = content["files"].get(path.name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{manifest} is no data manifest ({error}); see data_manifest.json for its form.") from error
    try:
        found = sha256_of(path)
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}. Name the folder with the text data.") from error
    if found != expected:
        raise InputError(
            f"{path} is not the file that {manifest or 'data_manifest.json'} names (SHA-256 {found[:12]}…, expected "
            f"{str(expected)[:12]}…): use the same version of the data, or name your own with --data-manifest."
        )
