"""Snapshots of the state: compressed JSON with a checksum, written atomically."""

from __future__ import annotations

import json
import os
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moderation.effects import Partition
from moderation.errors import ConnectionLost, InputError
from moderation.state.epochs import SavedEpochs

FORMAT = 2
MAGIC = b"moderation state\n"


@dataclass(frozen=True)
class Saved:
    """The content of a snapshot. JSON converts tuples to lists, which the readers of each part expect."""

    platform_id: str
    key_started_ms: dict[str, int | None]
    graph_epoch_s: int
    watermark_ms: int | None
    late_events: int
    degraded_since_ms: int | None
    graph_lost: bool
    buckets: list[tuple[str, int, list[str]]]
    edges: list[tuple[str, str, int, bool]]
    follows_known: bool
    follows_refused: int
    epochs: SavedEpochs
    positions: dict[Partition, int]


def write_snapshot(path: Path, saved: Saved) -> None:
    """Write a snapshot: beside the file, flushed to disk, then renamed, so that a crash leaves the old or the new one.

    Only the user of the sidecar may read it, because it contains account ids and follows. Raises ConnectionLost when it
    cannot be written, because disk space and permissions can be restored.
    """
    body: dict[str, Any] = {**vars(saved), "format": FORMAT, "epochs": vars(saved.epochs)}
    body["positions"] = [[*vars(partition).values(), offset] for partition, offset in saved.positions.items()]
    packed = zlib.compress(json.dumps(body).encode(), level=1)
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(MAGIC + zlib.crc32(packed).to_bytes(4, "big") + packed)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)  # an incomplete file is useless and takes space
        raise ConnectionLost(f"the snapshot {path} cannot be written: {error.strerror}") from None


def read_snapshot(path: Path) -> Saved:
    """Return a snapshot. Raises InputError when it is damaged or of another version."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"the snapshot {path} cannot be read: {error.strerror}") from None
    start = len(MAGIC)
    checksum, packed = raw[start : start + 4], raw[start + 4 :]
    if raw[:start] != MAGIC or zlib.crc32(packed).to_bytes(4, "big") != checksum:
        raise _unusable(path, "it is damaged")
    body = json.loads(zlib.decompress(packed))
    if body.pop("format") != FORMAT:
        raise _unusable(path, "it was written by another version")
    try:
        body["epochs"] = SavedEpochs(**body["epochs"])
        body["positions"] = {Partition(*names): offset for *names, offset in body["positions"]}
        return Saved(**body)
    except (KeyError, TypeError):
        raise _unusable(path, "it was written by another version") from None


def _unusable(path: Path, why: str) -> InputError:
    return InputError(f"the snapshot {path} cannot be used: {why}. Move it away to rebuild the state from the log.")
