"""Computes the figures of one graph epoch and writes them in the format that the sidecar reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pyspark.sql import functions as F  # noqa: N812  # as in Spark's documentation

from moderation.directories import replace_directory, room_beside
from moderation.errors import InputError
from moderation.spark.records import SIGN
from moderation.spark.rounds import kept
from moderation.spark.whole_graph import figures
from moderation.state.graph_figures import NodeFigures
from moderation.state.graph_files import ACCOUNTS, VALUES, GraphManifest, epoch_directory, write_manifest

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class Epoch(NamedTuple):
    """An epoch of the follow graph of a platform."""

    platform_id: str
    number: int
    length_s: int

    @property
    def end_ms(self) -> int:
        """The time at which it ends."""
        return (self.number + 1) * self.length_s * 1000


class Written(NamedTuple):
    """What was written for an epoch."""

    place: Path
    edges: int
    accounts: int


def edges_at_end(follows: DataFrame, epoch: Epoch) -> DataFrame:
    """Return the edges at the end of an epoch, each once: the latest change wins, of two at once the follow.

    *follows* has the columns word, follower and followed of `Records.follows`.
    """
    earlier = follows.where((F.col("word") < 2 * epoch.end_ms) & (F.col("follower") != F.col("followed")))
    latest = earlier.groupBy("follower", "followed").agg(F.max("word").alias("word"))
    return latest.where(F.col("word") % 2 == 1).select("follower", "followed")


def write_epoch(follows: DataFrame, epoch: Epoch, out: Path) -> Written:
    """Compute the figures of an epoch and put its directory into *out*, in the place of an earlier one.

    *out* must be the same directory for the driver and all executors. Raises InputError where there is no edge, and
    where nothing can be written.
    """
    place = epoch_directory(out, epoch.number)
    with room_beside(place) as room:
        follows.sparkSession.sparkContext.setCheckpointDir(f"{room}/rounds")
        edges = kept(edges_at_end(follows, epoch), "follower")
        count = edges.count()
        if not count:
            raise InputError(
                f"there is no follow before the end of epoch {epoch.number}; check --epoch, --kind and the mapping"
            )
        unknown = F.lit(float("nan"))
        columns = [F.coalesce(F.col(name).cast("double"), unknown).alias(name) for name in NodeFigures._fields]
        table, fresh = Path(room) / "table", Path(room) / place.name
        figures(edges).select("node", *columns).orderBy("node").write.parquet(table.resolve().as_uri())
        fresh.mkdir()
        accounts = _pack(table, fresh)
        write_manifest(fresh, GraphManifest(epoch.platform_id, epoch.number, epoch.length_s, accounts))
        replace_directory(fresh, place)
    return Written(place, count, accounts)


def _pack(table: Path, target: Path) -> int:
    """Write the sorted parts of a table as two arrays, a batch of rows in memory at a time; return their length."""
    from pyarrow import parquet

    parts = [parquet.ParquetFile(part) for part in sorted(table.glob("part-*.parquet"))]
    total: int = sum(part.metadata.num_rows for part in parts)
    width = len(NodeFigures._fields)
    accounts = np.lib.format.open_memmap(target / ACCOUNTS, mode="w+", dtype=np.uint64, shape=(total,))
    values = np.lib.format.open_memmap(target / VALUES, mode="w+", dtype=np.float64, shape=(total, width))
    row = 0
    for part in parts:
        for batch in part.iter_batches():
            end = row + len(batch)
            accounts[row:end] = batch.column("node").to_numpy().view(np.uint64) ^ np.uint64(SIGN)
            for column, name in enumerate(NodeFigures._fields):
                values[row:end, column] = batch.column(name).to_numpy()
            row = end
    accounts.flush()
    values.flush()
    return total
