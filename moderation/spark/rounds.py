"""Keeps a table between the rounds of an iteration, so that plans stay short and a lost executor costs one round."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def kept(table: DataFrame, *keys: str) -> DataFrame:
    """Return a table as a checkpoint, partitioned by *keys* where they are given."""
    return (table.repartition(*keys) if keys else table).checkpoint()
