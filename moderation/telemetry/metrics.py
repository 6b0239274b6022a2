"""The metrics of a sidecar. Their names and labels are listed in docs/metrics.md."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from moderation.effects import Partition
from moderation.events import Post
from moderation.stream.observing import Batch, LoopView
from moderation.telemetry.database_watch import DatabaseFigures
from moderation.telemetry.histograms import BatchHistogram
from moderation.telemetry.progress import Progress

STAGE_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LATENCY_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400)
POSTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
TOKENS = (16, 64, 256, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072, 262_144)
EVENTS = {"posts": "post", "follows": "follow", "deletions": "deletion", "labels": "label", "ignored": "ignored"}
"""Counter of the pipeline and value of the label `kind`."""
RULES = {"all": "all", "decisive": "watched", "watched": "watched", "sample": "audit", "baseline": "baseline"}
FLAGGED_BY = ("live", "trial", "both")
DEGRADED = ("graph", "graph_epoch", "partition_behind", "windows_1h", "windows_24h")


@dataclass(frozen=True)
class Build:
    """The versions of `moderation_build_info`."""

    version: str
    detector: str
    risk: str
    certificate: str


class SidecarMetrics:
    """Metrics in a registry of their own, from what an observer of the loop is given."""

    def __init__(self, backend: str, clock: Callable[[], float] = time.time) -> None:
        self.registry = CollectorRegistry()
        self._backend, self._clock = backend, clock
        self._evictions = 0
        self._positions: dict[Partition, int] = {}
        self._shown: set[Partition] = set()
        self._oldest_ms: int | None = None
        self._waiting = Progress(clock)
        self._declare_counters()
        self._declare_gauges()
        self._declare_histograms()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def _declare_counters(self) -> None:
        registry = self.registry
        self._posts = Counter("moderation_posts", "Posts by outcome.", ["outcome"], registry=registry)
        self._events = Counter("moderation_events", "Records that were decoded, by kind.", ["kind"], registry=registry)
        self._flags = Counter("moderation_flags", "Flags that were written.", registry=registry)
        self._letters = Counter(
            "moderation_dead_letters", "Records that cannot be processed, by stage.", ["reason"], registry=registry
        )
        self._texts = Counter(
            "moderation_texts_scored", "Texts that were scored, by rule.", ["rule"], registry=registry
        )
        self._evicted = Counter(
            "moderation_state_evictions", "Keys dropped from memory that a backend has.", registry=registry
        )
        self._tried = Counter(
            "moderation_trial_posts",
            "Posts that the live model or the one on trial flags.",
            ["flagged_by"],
            registry=registry,
        )
        self._late = Counter("moderation_late_events", "Events beyond the allowed lateness.", registry=registry)
        for outcome in ("flagged", "clear", "unjudged", "repeated"):
            self._posts.labels(outcome)
        for kind in EVENTS.values():
            self._events.labels(kind)
        for model in FLAGGED_BY:
            self._tried.labels(model)
        for reason in ("record", "decode", "time", "text"):
            self._letters.labels(reason)

    def _declare_gauges(self) -> None:
        registry, place = self.registry, ["topic", "partition"]
        self._lag = Gauge("moderation_consumer_lag_records", "Offsets not judged yet.", place, registry=registry)
        self._progress = Gauge(
            "moderation_partition_progress_timestamp_seconds", "When the position last moved.", place, registry=registry
        )
        oldest = Gauge(
            "moderation_oldest_unscored_post_age_seconds", "Age of the oldest event that waits.", registry=registry
        )
        oldest.set_function(self._oldest_age_s)
        waiting = Gauge(
            "moderation_records_waiting_seconds", "How long read records wait and none is judged.", registry=registry
        )
        waiting.set_function(self._waiting.waiting_s)
        self._entries = Gauge(
            "moderation_state_entries", "Keys in memory by kind.", ["backend", "kind"], registry=registry
        )
        self._bytes = Gauge("moderation_state_bytes", "Bytes of files.", ["backend", "kind"], registry=registry)
        self._graph_age = Gauge(
            "moderation_graph_epoch_age_seconds", "Event time since the last computed epoch.", registry=registry
        )
        self._outbox_age = Gauge(
            "moderation_outbox_oldest_age_seconds", "Age of the oldest dead letter that waits.", registry=registry
        )
        names = [name.name for name in fields(Build)]
        self._info = Gauge("moderation_build_info", "Versions that run.", names, registry=registry)
        self._quota = Gauge(
            "moderation_flag_quota_remaining", "Accounts that may still enter the queue today.", registry=registry
        )
        self._quota.set(math.nan)
        self._degraded = Gauge("moderation_degraded", "1 while something is missing.", ["reason"], registry=registry)
        for reason in DEGRADED:
            self._degraded.labels(reason).set(0)

    def _declare_histograms(self) -> None:
        registry = self.registry
        self._stages = Histogram(
            "moderation_stage_duration_seconds",
            "Time of a stage in a batch.",
            ["stage"],
            buckets=STAGE_S,
            registry=registry,
        )
        self._latency = BatchHistogram(
            "moderation_post_latency_seconds", "From the time of a record to its commit.", LATENCY_S, registry
        )
        self._batch_posts = BatchHistogram("moderation_batch_posts", "Posts in a batch.", POSTS, registry)
        self._batch_tokens = BatchHistogram("moderation_batch_tokens", "Scored tokens in a batch.", TOKENS, registry)

    def build(self, build: Build) -> None:
        """Export the versions."""
        self._info.clear()
        self._info.labels(**vars(build)).set(1)

    def state_directory(self, directory: Path) -> None:
        """Export the size of the files in the directory of the state, computed when it is read."""
        self._bytes.labels(self._backend, "directory").set_function(lambda: _size(directory))

    def database(self, found: DatabaseFigures) -> None:
        """Export figures of the review database."""
        self._outbox_age.set(found.outbox_age_s)
        self._quota.set(math.nan if found.quota_remaining is None else found.quota_remaining)

    def batch(self, batch: Batch) -> None:
        """Count a batch."""
        effects = batch.outcome.effects
        counted = effects.counters.get
        posts, flags = counted("posts", 0), counted("flags", 0)
        repeated, unjudged = counted("posts_repeated", 0), counted("posts_without_metadata", 0)
        clear = posts - flags - repeated - unjudged
        for outcome, count in (("flagged", flags), ("repeated", repeated), ("unjudged", unjudged), ("clear", clear)):
            self._posts.labels(outcome).inc(count)
        for name, kind in EVENTS.items():
            self._events.labels(kind).inc(counted(name, 0))
        self._flags.inc(flags)
        for letter in effects.dead_letters:
            self._letters.labels(letter.stage).inc()
        self._late.inc(counted("late_events", 0))
        for model in FLAGGED_BY:
            self._tried.labels(model).inc(counted(f"flagged_by_{model}", 0))
        for rule, count in batch.outcome.scored.items():
            self._texts.labels(RULES[rule]).inc(count)
        for stage, seconds in batch.stages.items():
            self._stages.labels(stage).observe(seconds)
        self._batch_posts.observe([posts])
        self._batch_tokens.observe([batch.outcome.tokens])
        self._note_latency(batch)

    def _note_latency(self, batch: Batch) -> None:
        written_ms = [
            item.origin.timestamp_ms
            for item in batch.items
            if not item.silent and item.origin.timestamp_ms is not None and isinstance(item.content, Post)
        ]
        if written_ms:
            self._latency.observe(np.maximum(self._clock() - np.array(written_ms, dtype=np.float64) / 1000, 0.0))

    def view(self, view: LoopView) -> None:
        """Export the state of the loop."""
        now, lag = self._clock(), view.lag()
        self._waiting.view(view)
        if lag:  # otherwise a rebalance, in which the assignment is unknown
            self._hide(self._shown - lag.keys())
        for partition, count in lag.items():
            place = (partition.topic, str(partition.partition))
            self._lag.labels(*place).set(count)
            at = view.positions.get(partition, 0)
            if self._positions.get(partition) != at:
                self._positions[partition] = at
                self._progress.labels(*place).set(now)
            self._shown.add(partition)
        self._oldest_ms = view.oldest_ms
        self._note_state(view)

    def outage(self) -> None:
        """Note that a server does not answer: records wait for it."""
        self._waiting.blocked()

    def unassigned(self) -> None:
        """Export no partitions: the sidecar waits for some."""
        self._hide(set(self._shown))
        self._oldest_ms = None
        self._waiting.ended()

    def _hide(self, partitions: set[Partition]) -> None:
        """Export partitions no longer, because other sidecars have them."""
        for partition in partitions:
            for gauge in (self._lag, self._progress):
                gauge.remove(partition.topic, str(partition.partition))
            self._positions.pop(partition, None)
            self._shown.discard(partition)

    def _note_state(self, view: LoopView) -> None:
        state = view.state
        for kind, count in state.entries.items():
            self._entries.labels(self._backend, kind).set(count)
        self._evicted.inc(max(0, state.evictions - self._evictions))
        self._evictions = state.evictions
        self._graph_age.set(math.nan if state.graph_age_ms is None else state.graph_age_ms / 1000)
        named = state.degraded | ({"partition_behind"} if view.stalled else set())
        for reason in DEGRADED:
            self._degraded.labels(reason).set(reason in named)

    def _oldest_age_s(self) -> float:
        oldest_ms = self._oldest_ms
        return 0.0 if oldest_ms is None else max(0.0, self._clock() - oldest_ms / 1000)


def _size(directory: Path) -> float:
    """Return the bytes of the files of a directory; a file that is deleted meanwhile counts nothing."""
    total = 0
    for path in directory.glob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return float(total)
