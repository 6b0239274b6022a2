"""The graph figures of every account as joins of tables, equal to those of `moderation.state.graph_figures`.

Nodes are signed 64-bit numbers. Tables: `edges` (follower, followed), each once and none to itself, and `links` (node,
other), the undirected edges in both directions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F  # noqa: N812  # as in Spark's documentation

from moderation.spark.rounds import kept
from moderation.state.graph_figures import HUB_DEGREE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

DAMPING = 0.85
PAGERANK_ROUNDS = 60
"""The sum of all errors is at most 0.85 ** 60 = 6e-5 of the sum of all ranks."""
_ROUNDS_KEPT = 5
"""Rounds that are computed as one plan."""
_HASHED = "shuffle_hash"
"""Joins with one row for each node, which a hash table holds: the edges, many more, are not sorted in each round."""


def figures(edges: DataFrame) -> DataFrame:
    """Return node, clustering (null above `HUB_DEGREE`), core_number, component_share and log_pagerank of each node."""
    edges = kept(edges.select("follower", "followed"), "follower")
    both = edges.select(F.col("follower").alias("node"), F.col("followed").alias("other"))
    links = kept(both.union(both.select("other", "node")).distinct(), "node")
    degrees = kept(links.groupBy("node").agg(F.count("*").alias("degree")))
    size = degrees.count()
    return (
        degrees.join(clustering(links, degrees), "node")
        .join(core_numbers(links, degrees), "node")
        .join(components(links), "node")
        .join(log_pageranks(edges, degrees, size), "node")
        .select("node", "clustering", "core_number", (F.col("members") / size).alias("component_share"), "log_pagerank")
    )


def log_pageranks(edges: DataFrame, degrees: DataFrame, size: int) -> DataFrame:
    """Return node and log_pagerank, the logarithm of PageRank over its mean.

    The rounds leave out the rank of nodes without edges out: spread over all nodes it is a common factor.
    """
    out = edges.groupBy("follower").agg((F.lit(DAMPING) / F.count("*")).alias("weight"))
    weighted = kept(edges.join(out, "follower"))
    ranks = edges.select(F.col("followed").alias("node")).distinct().select("node", F.lit(1.0).alias("rank"))
    given = F.col("weight") * F.coalesce("rank", F.lit(1.0))
    for number in range(1, PAGERANK_ROUNDS + 1):
        read = weighted.join(ranks.hint(_HASHED), F.col("follower") == F.col("node"), "left")
        ranks = read.groupBy(F.col("followed").alias("node")).agg((F.lit(1.0) + F.sum(given)).alias("rank"))
        if number % _ROUNDS_KEPT == 0:
            ranks = kept(ranks)
    every = degrees.join(ranks, "node", "left").select("node", F.coalesce("rank", F.lit(1.0)).alias("rank"))
    total = every.agg(F.sum("rank")).first()[0]
    return every.select("node", F.log(F.col("rank") * size / total).alias("log_pagerank"))


def components(links: DataFrame) -> DataFrame:
    """Return node and members, the number of nodes in its connected component.

    Alternates large-star and small-star until nothing changes. Source: Kiveris et al. (2014), "Connected Components in
    MapReduce and Beyond".
    """
    pairs = links.where("node > other")
    before = None
    while True:
        pairs = kept(_small_star(_large_star(pairs)), "node")
        found = pairs.agg(F.count("*"), F.bit_xor(F.xxhash64("node", "other"))).first()
        if found == before:
            break
        before = found
    named = pairs.union(pairs.select("other", "other").distinct()).toDF("node", "component")
    return named.select("node", F.count("*").over(Window.partitionBy("component")).alias("members"))


def _large_star(pairs: DataFrame) -> DataFrame:
    """Join each larger neighbour of a node to the smallest of node and neighbours."""
    both = pairs.union(pairs.select("other", "node"))
    smallest = both.groupBy("node").agg(F.least("node", F.min("other")).alias("least"))
    larger = both.where("other > node").join(smallest, "node")
    return larger.select(F.col("other").alias("node"), F.col("least").alias("other")).distinct()


def _small_star(pairs: DataFrame) -> DataFrame:
    """Join each node and its smaller neighbours to the smallest of these."""
    smallest = pairs.groupBy("node").agg(F.min("other").alias("least"))
    others = pairs.join(smallest, "node").where("other > least").select(F.col("other").alias("node"), "least")
    return others.union(smallest).distinct().toDF("node", "other")


def core_numbers(links: DataFrame, degrees: DataFrame) -> DataFrame:
    """Return node and core_number: degrees, replaced by the h-index of the neighbours' numbers until nothing changes.

    Source: Lü et al. (2016), "The H-index of a network node and its relation to degree and coreness".
    """
    numbers, before = degrees.select("node", F.col("degree").alias("core_number")), None
    downwards = Window.partitionBy("other").orderBy(F.desc("core_number"))
    while True:
        for _ in range(_ROUNDS_KEPT):
            read = links.join(numbers.hint(_HASHED), "node").repartition("other")
            counted = read.groupBy("other", "core_number").agg(F.count("*").alias("count"))
            counted = counted.withColumn("count", F.sum("count").over(downwards))
            numbers = counted.groupBy(F.col("other").alias("node")).agg(
                F.max(F.least("core_number", "count")).alias("core_number")
            )
        numbers = kept(numbers)
        total = numbers.agg(F.sum("core_number")).first()[0]
        if total == before:  # numbers never grow, so an equal sum is an end
            return numbers
        before = total


def clustering(links: DataFrame, degrees: DataFrame) -> DataFrame:
    """Return node and clustering, from the triangles at each node's edges to neighbours of a higher degree."""
    others = degrees.toDF("other", "other_degree")
    upward = (
        links.join(degrees, "node")
        .join(others, "other")
        .where(F.struct("degree", "node") < F.struct("other_degree", "other"))
        .where(F.col("degree") <= HUB_DEGREE)  # above it, all three nodes are hubs
        .select("node", "other")
    )
    upward = kept(upward, "node")
    one, two = upward.toDF("node", "first"), upward.toDF("node", "second")
    open_pairs = one.join(two, "node").where("first < second")
    triangles = open_pairs.join(links.toDF("first", "second"), ["first", "second"])
    corners = triangles.select(F.explode(F.array("node", "first", "second")).alias("node"))
    counted = corners.groupBy("node").agg(F.count("*").alias("triangles"))
    pairs = F.col("degree") * (F.col("degree") - 1) / 2
    share = F.when(F.col("degree") < 2, 0.0).otherwise(F.coalesce("triangles", F.lit(0)) / pairs)
    return degrees.join(counted, "node", "left").select(
        "node", F.when(F.col("degree") <= HUB_DEGREE, share).alias("clustering")
    )
