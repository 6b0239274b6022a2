"""What the jobs on Spark cost on two cores: `python -m tests.bench.spark --edges 1000000`.

One epoch of the graph figures, of the follows of `tests.bench.graph`; the same without Spark; decoding follow events;
judging vectors again; and scoring texts of 280 characters again. Core-seconds are the processor time of Spark and its
Python workers, without their start, which other programs on the machine change less than the seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from moderation.features import FEATURES, FEATURES_VERSION
from moderation.risk.bundle import SHIPPED, read_bundle
from moderation.settings.mapping import MappingSettings
from moderation.spark.session import spark_session
from moderation.state.edges import Folded, fold
from moderation.state.graph_figures import networkit_figures
from tests.bench.figures_file import measured_into
from tests.bench.graph import random_follows
from tests.bench.processor import processor
from tests.texts import machine_text, person_text

VECTORS, TEXTS, RECORDS = 200_000, 4_000, 200_000
DAY_S = 86_400


def core_seconds() -> float:
    """Return the processor time of all processes below this one so far."""
    parent, ticks = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        number = int(stat.parent.name)
        parent[number], ticks[number] = int(fields[1]), sum(map(int, fields[11:15]))
    below, found = {os.getpid()}, set()
    while below:
        below = {number for number, of in parent.items() if of in below}
        found |= below
    return sum(ticks[number] for number in found) / os.sysconf("SC_CLK_TCK")


def timed(job: Callable[[], object]) -> dict[str, float]:
    """Run a job and return its time."""
    began, used = time.perf_counter(), core_seconds()
    job()
    return {"s": round(time.perf_counter() - began, 1), "core_s": round(core_seconds() - used, 1)}


def measure(nodes: int, edges: int, memory: str, partitions: int) -> dict[str, Any]:
    """Return the time of each job."""
    conf = ("spark.ui.enabled=false", f"spark.driver.memory={memory}", f"spark.sql.shuffle.partitions={partitions}")
    rows = random_follows(nodes, edges)
    distinct = fold(Folded(), rows, 0).edges
    pairs, size = distinct.pairs().astype(np.int64), len(distinct.accounts)
    began = time.perf_counter()
    networkit_figures(pairs, size)
    report = {"processor": processor(), "edges": len(pairs), "nodes": size}
    report["without_spark"] = {"s": round(time.perf_counter() - began, 1)}
    with (
        tempfile.TemporaryDirectory(prefix="moderation-bench-") as folder,
        spark_session("bench", "local[2]", conf) as spark,
    ):
        place = Path(folder)
        write_inputs(place, rows)
        spark.range(1000).mapInPandas(lambda frames: frames, "id long").count()  # starts the Python workers
        report["graph"] = timed(lambda: graph(spark, place))
        report["records"] = {"records": RECORDS, **timed(lambda: decode(spark, place))}
        report["vectors"] = {"vectors": VECTORS, **timed(lambda: vectors(spark, place))}
        report["texts"] = {"texts": TEXTS, "characters": 280, **timed(lambda: texts(spark, place))}
    return report


def write_inputs(place: Path, rows: np.ndarray) -> None:
    """Write follows as numbers and as records, vectors and posts."""
    signed = (rows[:, 1:] ^ np.uint64(1 << 63)).view(np.int64)
    table = {"word": rows[:, 0].astype(np.int64), "follower": signed[:, 0], "followed": signed[:, 1]}
    pd.DataFrame(table).to_parquet(place / "follows.parquet", row_group_size=100_000)
    names = rows[np.arange(RECORDS) % len(rows), 1:].tolist()
    follow = '{{"type":"follow","account_id":"{}","target_account_id":"{}","at":"2026-01-05T12:00:00Z"}}\n'
    (place / "follows.jsonl").write_text("".join(follow.format(*pair) for pair in names), encoding="ascii")
    rng, words = np.random.default_rng(1), random.Random(1)
    features = rng.normal(size=(VECTORS, len(FEATURES)))
    features[rng.random(features.shape) < 0.3] = np.nan
    known = dict.fromkeys(("platform_id", "account_id", "post_id", "verdict"), "x")
    versions = {"features_version": FEATURES_VERSION, "detector_version": read_bundle(SHIPPED).detector_hash}
    frame = pd.DataFrame({**known, "risk": 0.5, "flagged": False, "probability": 0.1, **versions}, range(VECTORS))
    frame["features"] = list(features)
    frame.to_parquet(place / "vectors.parquet", row_group_size=20_000)
    with (place / "posts.jsonl").open("w", encoding="utf-8") as lines:
        for number in range(TEXTS):
            write = machine_text if number % 2 else person_text
            text = " ".join(write(words) for _ in range(8))[:280]
            lines.write(json.dumps({"post_id": str(number), "text": text}) + "\n")


def graph(spark: Any, place: Path) -> None:
    from moderation.spark.graph_epochs import Epoch, write_epoch

    write_epoch(spark.read.parquet(str(place / "follows.parquet")), Epoch("bench", 1, DAY_S), place / "epochs")


def decode(spark: Any, place: Path) -> None:
    from moderation.spark.records import Records

    table = Records(spark, str(place / "follows.jsonl"), "jsonl", MappingSettings(), None).follows()
    table.write.format("noop").mode("overwrite").save()


def vectors(spark: Any, place: Path) -> None:
    from moderation.spark.rescoring import judged_again

    table = spark.read.parquet(str(place / "vectors.parquet")).repartition(2)
    judged_again(table, SHIPPED, "all").write.format("noop").mode("overwrite").save()


def texts(spark: Any, place: Path) -> None:
    from moderation.spark.records import Records
    from moderation.spark.rescoring import scored

    posts = Records(spark, str(place / "posts.jsonl"), "jsonl", MappingSettings(), "post").posts().repartition(2)
    scored(posts, None, 65_536).write.format("noop").mode("overwrite").save()


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, default=200_000)
    parser.add_argument("--nodes", type=int, help="default: a tenth of the edges")
    parser.add_argument("--memory", default="3g", help="memory of Spark")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    nodes = given.nodes or given.edges // 10
    report = measured_into(given.out, lambda: measure(nodes, given.edges, given.memory, given.partitions))
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
