"""Reads the platform's own records on the workers, with the mapping of the settings, as the sidecar does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from pyspark.sql import functions as F  # noqa: N812  # as in Spark's documentation

from moderation.effects import Origin, Partition
from moderation.errors import InputError
from moderation.events import BadRecord, Event, Follow, Ignored, Post
from moderation.events.reading import RecordReader
from moderation.events.resolution import Resolution
from moderation.mapping import Kind
from moderation.state.identifiers import account_number

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator
    from pyspark.sql import DataFrame, SparkSession

    from moderation.settings.mapping import MappingSettings

Form = Literal["jsonl", "parquet"]
PLACE = Partition("", "spark", "", 0)
SIGN = 1 << 63
"""Spark has no unsigned numbers: account numbers less this have the same order as signed ones."""


class Records:
    """The records at a path: lines of JSON, or Parquet with a column `value`, as an archive of a Kafka topic has."""

    def __init__(self, spark: SparkSession, path: str, form: Form, mapping: MappingSettings, kind: Kind | None) -> None:
        """Raises InputError where a Parquet file has no column `value`."""
        table = spark.read.text(path) if form == "jsonl" else spark.read.parquet(path)
        if "value" not in table.columns:
            raise InputError(f"{path} has no column value; it has {', '.join(table.columns)}")
        stamp = F.unix_millis("timestamp") if "timestamp" in table.columns else F.lit(None).cast("long")
        self._table = table.select(F.col("value").cast("binary"), stamp.alias("timestamp_ms"))
        self._mapping = mapping.model_copy(update={"network_database": None})  # no network is read here
        self._kind = kind
        self._rejected = spark.sparkContext.accumulator(0)

    @property
    def rejected(self) -> int:
        """Number of records that could not be decoded, after a job; a task that ran twice counts twice."""
        return int(self._rejected.value)

    def follows(self) -> DataFrame:
        """Return the follow events: time in milliseconds times 2, plus 1 for a follow; follower; followed."""
        read, rejected, kind = self._mapping, self._rejected, self._kind

        def rows(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
            for events in decoded(frames, read, rejected, kind):
                found = [
                    (
                        event.at_ms << 1 | (event.action == "follow"),
                        account_number(event.account_id) - SIGN,
                        account_number(event.target_account_id) - SIGN,
                    )
                    for event in events
                    if isinstance(event, Follow)
                ]
                yield pd.DataFrame(found, columns=["word", "follower", "followed"], dtype="int64")

        return self._table.mapInPandas(rows, "word long, follower long, followed long")

    def posts(self) -> DataFrame:
        """Return the posts: their ids, text and declared language."""
        read, rejected, kind = self._mapping, self._rejected, self._kind

        def rows(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
            for events in decoded(frames, read, rejected, kind):
                posts = [event for event in events if isinstance(event, Post)]
                found = [(post.account_id, post.post_id, post.text, post.lang) for post in posts]
                yield pd.DataFrame(found, columns=["account_id", "post_id", "text", "lang"], dtype="object")

        return self._table.mapInPandas(rows, "account_id string, post_id string, text string, lang string")


def decoded(
    frames: Iterable[pd.DataFrame], mapping: MappingSettings, rejected: Accumulator[int], kind: Kind | None
) -> Iterator[list[Event]]:
    """Yield the events of each frame of records; records of no interest are left out, unreadable ones counted."""
    fields = mapping.compiled()
    reader = RecordReader(fields, resolution=Resolution(fields, needed=()))
    for frame in frames:
        events: list[Event] = []
        for value, stamp in zip(frame["value"], frame["timestamp_ms"], strict=True):
            found = _read(reader, value, stamp, kind)
            if isinstance(found, BadRecord):
                rejected.add(1)
            elif found is not None and not isinstance(found, Ignored):
                events.append(found)
        yield events


def _read(reader: RecordReader, value: Any, stamp: Any, kind: Kind | None) -> Event | BadRecord | Ignored | None:
    """Return what a record is; None for an empty line."""
    content = None if value is None else bytes(value)
    if content is not None and not content.strip():
        return None
    timestamp_ms = None if pd.isna(stamp) else int(stamp)
    return reader.read(Origin(PLACE, 0, timestamp_ms=timestamp_ms, value=content), kind)
