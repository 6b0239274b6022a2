"""Keeps the state on disk as an append-only journal, written in the background while the loop goes on.

A directory has a manifest (`state.json`) and the files that it lists: segments with rows of 64-bit numbers, one kind of
change each, the edges of the last closed graph and the figures of closed graphs. A save appends the rows since the last
one, then replaces the manifest atomically; what lies beyond the sizes in the manifest is ignored. A start reads the
rows again. Segments of posts are dropped when their posts are older than every window.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.errors import InputError
from moderation.state.edges import NO_ROWS, Folded
from moderation.state.epochs import SavedGraphs
from moderation.state.graph_figures import ClosedGraph
from moderation.state.journal_files import (
    ArrayFile,
    flush,
    flush_directory,
    read_array,
    read_checked,
    unusable,
    write_array,
    write_new,
)

log = logging.getLogger(__name__)

FORMAT = 8
MANIFEST = "state.json"
SEGMENT_BYTES = 64 << 20
SEGMENT_MS = 2 * 3_600_000
_NUMBERED = re.compile(
    r"(?:posts|items|partners|deletions|follows|watched|scores|votes|edges|figures)-(\d{8})"
    r"(?:\.rows|-[a-z]+\.npy)"
)
Numbers = NDArray[np.uint64]
Arrays = Mapping[str, NDArray[Any]]
Graphs = tuple[int, Folded, tuple[ClosedGraph, ...]]
"""Epoch and edges of the last closed graph, and the figures of the kept ones."""


@dataclass(frozen=True)
class Segment:
    """A file with rows of one kind, as far as the manifest knows it."""

    name: str
    kind: str
    size: int
    checksum: int
    begun_ms: int
    newest_ms: int


@dataclass
class Changes:
    """What a save adds: rows by kind, each flat, with the time of the newest row of each."""

    rows: dict[str, Numbers]
    newest_ms: int
    fields: dict[str, Any]
    """Fields of the manifest."""
    graphs: SavedGraphs | None
    """Given where a further graph was closed; its rows replace the segments of follows."""
    kept_from_ms: dict[str, int]
    """Segments of a kind that end before this time are dropped."""


@dataclass
class Journal:
    """The journal in one directory, which belongs to one process."""

    directory: Path
    segments: list[Segment] = field(default_factory=list)
    graph_files: list[ArrayFile] = field(default_factory=list)
    _number: int = 0
    _thread: threading.Thread | None = None
    _unsaved: list[Changes] = field(default_factory=list)
    _written_graphs: Graphs | None = None

    @classmethod
    def beginning(cls, directory: Path) -> Journal:
        """Return an empty journal, whose files do not replace those of an earlier one before its first save."""
        numbers = [int(found[1]) for file in directory.glob("*") if (found := _NUMBERED.fullmatch(file.name))]
        return cls(directory, _number=max(numbers, default=0))

    @property
    def busy(self) -> bool:
        """Whether a save is in progress."""
        return self._thread is not None and self._thread.is_alive()

    def save(self, changes: Changes) -> None:
        """Save changes in the background. What could not be written is logged, and written with the next save."""
        self.wait()
        self._unsaved.append(changes)
        self._thread = threading.Thread(target=self._save, name="state-journal")
        self._thread.start()

    def wait(self) -> None:
        """Wait until no save is in progress."""
        if self._thread is not None:
            self._thread.join()

    @property
    def unsaved_bytes(self) -> int:
        """Size of the rows that could not be written yet."""
        return sum(rows.nbytes for changes in self._unsaved for rows in changes.rows.values())

    @property
    def saved(self) -> bool:
        """Whether everything was written."""
        return not self._unsaved

    def take_written_graphs(self) -> Graphs | None:
        """Return the graphs that the last save wrote, with arrays that are in their files; None without new ones."""
        graphs, self._written_graphs = self._written_graphs, None
        return graphs

    def _save(self) -> None:
        segments, files, number = list(self.segments), list(self.graph_files), self._number
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            for changes in self._unsaved:
                self._append(changes)
            self._write_manifest(self._unsaved[-1].fields)
        except OSError as error:
            self.segments, self.graph_files, self._number = segments, files, number
            log.warning(
                "the state in %s cannot be written: %s; a restart reads more of the log", self.directory, error.strerror
            )
            return
        graphs_written = any(changes.graphs is not None for changes in self._unsaved)
        self._unsaved.clear()
        self._remove_others()
        if graphs_written:
            try:
                self._written_graphs = read_graphs(self)
            except InputError as error:
                log.warning("%s", error)

    def rewrite(
        self, saved: Mapping[str, Any], kept: Mapping[str, Numbers], changed: Callable[[Arrays], tuple[Arrays, int]]
    ) -> int:
        """Replace all segments by the kept rows of each, and all files of graphs by what *changed* returns.

        *changed* also returns how many rows it removed; all of them are returned. New files are complete before the
        manifest lists them, and the old ones are deleted afterwards. Raises InputError where the directory cannot be
        written.
        """
        removed = 0
        try:
            self.segments = [self._replaced(part, kept[part.name].tobytes()) for part in self.segments]
            files, self.graph_files = _by_graph(self.graph_files), []
            for (kind, epoch), columns in files.items():
                after, fewer = changed({file.column: read_array(self.directory, file) for file in columns})
                removed += fewer
                self.graph_files += self._graph_files({}, kind, epoch, after)
            own = {"format", "segments", "graph_files", "number"}
            self._write_manifest({name: value for name, value in saved.items() if name not in own})
        except OSError as error:
            raise InputError(f"the state in {self.directory} cannot be written: {error.strerror}") from None
        self._remove_others()
        return removed

    def _replaced(self, part: Segment, raw: bytes) -> Segment:
        self._number += 1
        found = replace(part, name=f"{part.kind}-{self._number:08d}.rows", size=len(raw), checksum=zlib.crc32(raw))
        write_new(self.directory / found.name, raw)
        return found

    def _append(self, changes: Changes) -> None:
        if changes.graphs is not None:
            self._append_graphs(changes.graphs)
            changes.rows["follows"] = np.concatenate([NO_ROWS, *changes.graphs.rows]).ravel()
        self.segments = [
            part for part in self.segments if part.newest_ms >= changes.kept_from_ms.get(part.kind, part.newest_ms)
        ]
        for kind, rows in changes.rows.items():
            if len(rows):
                self._append_rows(kind, rows.tobytes(), changes.newest_ms)

    def _append_rows(self, kind: str, raw: bytes, newest_ms: int) -> None:
        last = next((part for part in reversed(self.segments) if part.kind == kind), None)
        if last is None or last.size > SEGMENT_BYTES or newest_ms - last.begun_ms > SEGMENT_MS:
            self._number += 1
            last = Segment(f"{kind}-{self._number:08d}.rows", kind, 0, 0, newest_ms, newest_ms)
            self.segments.append(last)
        with os.fdopen(os.open(self.directory / last.name, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            file.truncate(last.size)
            file.seek(last.size)
            file.write(raw)
            flush(file)
        grown = replace(
            last,
            size=last.size + len(raw),
            checksum=zlib.crc32(raw, last.checksum),
            newest_ms=max(newest_ms, last.newest_ms),
        )
        self.segments[self.segments.index(last)] = grown

    def _append_graphs(self, graphs: SavedGraphs) -> None:
        self.segments = [part for part in self.segments if part.kind != "follows"]
        known = _by_graph(self.graph_files)
        files = self._graph_files(known, "edges", graphs.base_epoch, graphs.base.arrays())
        for graph in graphs.closed:
            content = {"accounts": graph.accounts, "values": graph.values}
            files = files + self._graph_files(known, "figures", graph.epoch, content)
        self.graph_files = files

    def _graph_files(
        self, known: Mapping[tuple[str, int], list[ArrayFile]], kind: str, epoch: int, content: Arrays
    ) -> list[ArrayFile]:
        """Return the files of a graph, written under new names unless they are known."""
        if (kind, epoch) in known:
            return known[kind, epoch]
        self._number += 1
        files = []
        for column, array in content.items():
            name = f"{kind}-{self._number:08d}-{column}.npy"
            files.append(ArrayFile(name, kind, epoch, column, *write_array(self.directory, name, array)))
        return files

    def _write_manifest(self, fields: Mapping[str, Any]) -> None:
        body = {
            "format": FORMAT,
            **fields,
            "segments": [asdict(part) for part in self.segments],
            "graph_files": [asdict(file) for file in self.graph_files],
            "number": self._number,
        }
        partial = self.directory / f"{MANIFEST}.partial"
        try:
            write_new(partial, json.dumps(body).encode())
            flush_directory(self.directory)
            partial.replace(self.directory / MANIFEST)
            flush_directory(self.directory)
        except OSError:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise

    def _remove_others(self) -> None:
        kept = {part.name for part in self.segments} | {file.name for file in self.graph_files}
        for file in self.directory.iterdir():
            if file.name not in kept and _NUMBERED.fullmatch(file.name):
                with suppress(OSError):
                    file.unlink()


def read_journal(directory: Path) -> tuple[Journal, dict[str, Any]]:
    """Return the journal in a directory with the fields of its manifest.

    Raises InputError when it is damaged or of another version.
    """
    try:
        body = json.loads((directory / MANIFEST).read_bytes())
        if body["format"] != FORMAT:
            raise unusable(directory, "it was written by another version")
        segments = [Segment(**part) for part in body["segments"]]
        files = [ArrayFile(**file) for file in body["graph_files"]]
        journal = Journal(directory, segments, files, _number=int(body["number"]))
    except OSError as error:
        raise unusable(directory, f"{MANIFEST} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise unusable(directory, f"{MANIFEST} is damaged") from None
    return journal, body


def read_rows(journal: Journal, kind: str, width: int) -> NDArray[np.uint64]:
    """Return all rows of a kind in order, shape (rows, width). Raises InputError when a file is damaged."""
    parts = []
    for part in journal.segments:
        if part.kind != kind:
            continue
        raw = read_checked(journal.directory, part.name, part.size, part.checksum)
        if part.size % (8 * width):
            raise unusable(journal.directory, f"{part.name} is damaged")
        parts.append(np.frombuffer(raw, dtype=np.uint64).reshape(-1, width))
    return np.concatenate(parts) if parts else np.zeros((0, width), np.uint64)


def read_graphs(journal: Journal) -> Graphs | None:
    """Return the saved graphs, whose arrays stay in their files; None before the first one.

    Raises InputError when a file is damaged or missing.
    """
    base: tuple[int, Folded] | None = None
    closed = []
    for (kind, epoch), columns in _by_graph(journal.graph_files).items():
        content = {file.column: read_array(journal.directory, file) for file in columns}
        if kind == "edges":
            base = (epoch, Folded.of(content))
        else:
            closed.append(ClosedGraph(epoch, content["accounts"], content["values"]))
    return None if base is None else (*base, tuple(sorted(closed, key=lambda graph: graph.epoch)))


def _by_graph(files: Iterable[ArrayFile]) -> dict[tuple[str, int], list[ArrayFile]]:
    """Return files by the kind and epoch of their graph."""
    graphs: dict[tuple[str, int], list[ArrayFile]] = {}
    for file in files:
        graphs.setdefault((file.kind, file.epoch), []).append(file)
    return graphs
