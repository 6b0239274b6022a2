"""The state on disk, in LMDB: one process, restart in milliseconds whatever the size.

Each kind of row has a table for each bucket of time, in which the rows of a key are duplicates of the key: LMDB keeps
them in order and each once. Tables of buckets that no window reaches any more are dropped.

Writes are atomic and survive the end of the process. They are not forced to the disk, so that an operating system that
ends without writing its pages could leave a damaged file: a file that was in use under another boot is removed, and the
state is rebuilt from the log.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import Any

import lmdb
import numpy as np

from moderation.errors import ConnectionLost, InputError, StateLost
from moderation.state.backend import Marks, Place, RowKind

log = logging.getLogger(__name__)

DATA = "data.mdb"
MAP_BYTES = 256 << 30
"""Address space of the file, which bounds its size; the file takes what is stored."""
LEAST_FREE_BYTES = 1 << 20
"""Without room for the pages that are mapped at first, LMDB ends the process by SIGBUS when it opens the file."""
MOST_TABLES = 64
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
DAMAGED = (
    lmdb.CorruptedError,
    lmdb.IncompatibleError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.VersionMismatchError,
)
_KEY = Struct(">Q")
_Table = tuple[str, int]


class DiskState:
    """`moderation.state.backend.StateBackend` in a directory, for one sidecar."""

    several = False

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "keyed"
        self._about = directory / "keyed.json"
        self._kinds: dict[str, RowKind] = {}
        self._tables: dict[_Table, Any] = {}
        self._identity = ""
        self._token = uuid.uuid4().hex
        """Shows whether another process has opened the file since."""
        self._damaged = False
        self._env: Any = None

    def open(self, kinds: Sequence[RowKind], identity: str) -> None:
        """Open the file, or an empty one in place of a file that cannot be used."""
        self._kinds, self._identity = {kind.name: kind for kind in kinds}, identity
        about, boot = self._read_about(), _boot()
        complete = about.get("closed") or (boot is not None and about.get("boot") == boot)
        if about.get("identity") != identity or not complete:
            self._remove()
        try:
            self._open()
        except StateLost as lost:
            log.warning("%s; it is rebuilt from the log", lost)
            self._rebuild()

    def _rebuild(self) -> None:
        if self._env is not None:
            self._env.close()
            self._env = None
        self._remove()
        self._open()

    def _open(self) -> None:
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            if shutil.disk_usage(self._directory).free < LEAST_FREE_BYTES:
                raise ConnectionLost(f"the disk of {self._directory} is full; free some space")
            self._env = lmdb.open(
                str(self._directory),
                map_size=MAP_BYTES,
                max_dbs=MOST_TABLES,
                mode=0o600,
                sync=False,
                metasync=False,
                readahead=False,
            )
            self._write_about(closed=False)
            self._open_tables()
        except DAMAGED as error:
            raise self._lost(error) from None
        except (lmdb.Error, OSError) as error:
            raise InputError(
                f"the state in {self._directory} cannot be opened: {error}; set state.directory to a directory on a "
                "local disk that the sidecar may write"
            ) from None

    def _open_tables(self) -> None:
        self._marks = self._env.open_db(b"marks")
        with self._env.begin() as transaction:
            names = [bytes(name).decode() for name in transaction.cursor().iternext(values=False)]
        for kind, bucket in (name.rsplit(":", 1) for name in names if ":" in name):
            self._table((kind, int(bucket)))
        for table in [table for table in self._tables if table[0] not in self._kinds]:
            self._drop(table)  # such as scores of another detector

    def _table(self, table: _Table, transaction: Any = None) -> Any:
        name = f"{table[0]}:{table[1]}".encode()
        found = self._env.open_db(name, txn=transaction, dupsort=True, dupfixed=True)
        self._tables[table] = found
        return found

    def read(self, places: Sequence[tuple[Place, int]]) -> tuple[list[bytes], Marks]:
        """Return the rows of each place, and all marks."""
        wanted: dict[_Table, list[bytes]] = defaultdict(list)
        for place, _ in places:
            wanted[place.kind, place.bucket].append(_KEY.pack(place.key))
        found: dict[_Table, dict[int, bytes]] = {}
        with self._at_edge(), self._env.begin(buffers=True) as transaction:
            for table, keys in wanted.items():
                if table in self._tables:
                    size = self._kinds[table[0]].packing.size
                    cursor = transaction.cursor(self._tables[table])
                    rows = cursor.getmulti(keys, dupdata=True, dupfixed_bytes=size, keyfixed=True)
                    found[table] = dict(_by_key(bytes(rows), size))
            marks = {
                bytes(name).decode(): _KEY.unpack(value)[0]
                for name, value in transaction.cursor(self._marks).iternext()
            }
        nothing: dict[int, bytes] = {}
        raws = [found.get((place.kind, place.bucket), nothing).get(place.key, b"")[size:] for place, size in places]
        return raws, marks

    def write(self, rows: Mapping[Place, bytes], marks: Marks, least: Marks) -> list[int]:  # noqa: ARG002
        """Add rows and raise marks in one transaction. A file that is open loses nothing, so *least* is not used."""
        added: dict[_Table, list[tuple[bytes, bytes]]] = defaultdict(list)
        for place, raw in rows.items():
            size, key = self._kinds[place.kind].packing.size, _KEY.pack(place.key)
            added[place.kind, place.bucket].extend((key, raw[at : at + size]) for at in range(0, len(raw), size))
        known = set(self._tables)
        try:
            with self._at_edge(), self._env.begin(write=True) as transaction:
                for table in sorted(self._kept(added)):
                    opened = self._tables.get(table) or self._table(table, transaction)
                    transaction.cursor(opened).putmulti(added[table])
                for name, value in marks.items():
                    before = transaction.get(name.encode(), db=self._marks)
                    if before is None or _KEY.unpack(before)[0] < value:
                        transaction.put(name.encode(), _KEY.pack(value), db=self._marks)
        except (ConnectionLost, StateLost):
            for table in set(self._tables) - known:
                del self._tables[table]
            raise
        self._drop_old()
        return []

    def _kept(self, tables: Iterable[_Table]) -> list[_Table]:
        """Return the tables without those of buckets that no window reaches any more."""
        newest = self._newest([*tables, *self._tables])
        return [(kind, bucket) for kind, bucket in tables if bucket >= newest[kind] - 1]

    @staticmethod
    def _newest(tables: Iterable[_Table]) -> dict[str, int]:
        newest: dict[str, int] = {}
        for kind, bucket in tables:
            newest[kind] = max(bucket, newest.get(kind, bucket))
        return newest

    def _drop_old(self) -> None:
        for table in set(self._tables) - set(self._kept(self._tables)):
            self._drop(table)

    def _drop(self, table: _Table) -> None:
        with self._at_edge(), self._env.begin(write=True) as transaction:
            transaction.drop(self._tables.pop(table))

    def clear(self) -> None:
        """Remove all rows and marks."""
        self._rebuild()

    def _remove(self) -> None:
        self._tables.clear()
        self._damaged = False
        shutil.rmtree(self._directory, ignore_errors=True)
        if any(self._directory.glob("*")):  # such as a link to a directory, which rmtree leaves
            raise InputError(
                f"{self._directory} has a state that cannot be used and cannot be removed; remove it, or set "
                "state.directory to another directory"
            )

    def erase(self, account: int) -> int:
        """Remove an account from a file that no sidecar uses, and write the file again; return the number of rows.

        The file is copied, because pages that are free keep their bytes until they are used again.
        """
        if not (self._directory / DATA).exists():
            return 0
        if shutil.disk_usage(self._directory).free < (self._directory / DATA).stat().st_size + LEAST_FREE_BYTES:
            raise InputError(f"the disk of {self._directory} has no room for a copy of its file; free some space")
        fresh = self._directory.with_suffix(".fresh")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        try:
            removed = self._without(account, fresh)
            (fresh / DATA).chmod(0o600)
            (fresh / DATA).replace(self._directory / DATA)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return removed

    def _without(self, account: int, fresh: Path) -> int:
        """Remove an account from the file and copy it to a directory; return the number of removed rows."""
        sought, removed = _KEY.pack(account), 0
        with self._at_edge(), lmdb.open(str(self._directory), map_size=MAP_BYTES, max_dbs=MOST_TABLES) as env:
            with env.begin() as transaction:
                names = [bytes(name) for name in transaction.cursor().iternext(values=False)]
            for name in [name for name in names if b":" in name]:
                table = env.open_db(name, dupsort=True, dupfixed=True)
                with env.begin(write=True) as transaction:
                    found = [
                        (key, value)
                        for key, value in transaction.cursor(table).iternext()
                        if key == sought or sought in _numbers(value)
                    ]
                    removed += sum(transaction.delete(key, value, db=table) for key, value in found)
            env.copy(str(fresh), compact=True)
        return removed

    def check(self) -> str:
        """Return where the state is. Raises InputError where the directory cannot be written."""
        existing = next(path for path in (self._directory, *self._directory.parents) if path.exists())
        if not os.access(existing, os.W_OK | os.X_OK) or not existing.is_dir():
            raise InputError(
                f"{existing} cannot be written, which has or would have the state; set state.directory to a directory "
                "on a local disk that the sidecar may write"
            )
        size = sum(file.stat().st_size for file in self._directory.glob("*"))
        return f"{self.describe()}, {size >> 20} MiB"

    def describe(self) -> str:
        """Return where the state is."""
        return f"the state in {self._directory}"

    def close(self) -> None:
        """Force everything to the disk and close the file. Safe to call twice."""
        if self._env is None:
            return
        env, self._env = self._env, None
        try:
            if not self._damaged:
                env.sync(True)
            env.close()
            if self._damaged:
                self._about.unlink(missing_ok=True)
            elif self._read_about().get("token") == self._token:
                self._write_about(closed=True)
        except (lmdb.Error, OSError) as error:
            log.warning("the state in %s was not closed: %s; the next start may rebuild it", self._directory, error)

    @contextmanager
    def _at_edge(self) -> Iterator[None]:
        try:
            yield
        except DAMAGED as error:
            raise self._lost(error) from None
        except lmdb.Error as error:
            raise ConnectionLost(f"the state in {self._directory} cannot be read or written: {error}") from None

    def _lost(self, error: Exception) -> StateLost:
        """Return the error of a damaged file, which the next start removes."""
        self._damaged = True
        return StateLost(f"the state in {self._directory} is damaged: {error}")

    def _read_about(self) -> dict[str, Any]:
        try:
            found = json.loads(self._about.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write_about(self, *, closed: bool) -> None:
        partial = self._about.with_suffix(".partial")
        about = {"identity": self._identity, "boot": _boot(), "closed": closed, "token": self._token}
        with partial.open("w") as file:
            file.write(json.dumps(about))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._about)
        directory = os.open(self._about.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _numbers(row: bytes) -> list[bytes]:
    """Return the numbers of a row as they are written."""
    return [row[at : at + _KEY.size] for at in range(0, len(row), _KEY.size)]


def _boot() -> str | None:
    """Return the identity of the current boot of this machine; None where the system has none."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return None


def _by_key(raw: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield each key with its rows, from keys and rows in turn."""
    if not raw:
        return
    records = np.frombuffer(raw, np.uint8).reshape(-1, _KEY.size + size)
    keys = np.ascontiguousarray(records[:, : _KEY.size]).view(">u8").ravel()
    rows = np.ascontiguousarray(records[:, _KEY.size :]).tobytes()
    begins = [0, *(np.flatnonzero(keys[1:] != keys[:-1]) + 1).tolist()]
    for begin, end in zip(begins, [*begins[1:], len(keys)], strict=True):
        yield int(keys[begin]), rows[size * begin : size * end]
