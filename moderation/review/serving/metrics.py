"""`/api/v1/metrics`: the metrics of the review, for a token with the scope `metrics`."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from starlette.responses import Response

from moderation.review.drift import Drift, score_drift
from moderation.review.measures import DecisionCounts, Waiting, waiting
from moderation.review.permissions import Action, Actor
from moderation.review.quality_report import live_false_positive_bound
from moderation.review.serving.console import Console, console_of
from moderation.review.serving.identity import of_api

PATH = "/api/v1/metrics"
EVERY_S = 15.0
"""The database is queried at most this often, however many programs read the metrics."""
SLOW_EVERY_S = 600.0
"""The same for figures of the audit sample, which change slowly."""
DECISION_S = (60, 300, 900, 3600, 14_400, 43_200, 86_400, 172_800, 604_800, 2_592_000)

router = APIRouter()


class ReviewMetrics(Collector):
    """The figures of one database. Each console exports those of the complete database: use `max`, not `sum`."""

    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        self._engine = engine
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str], Waiting] = {}
        self._counts = DecisionCounts()
        self._started: datetime | None = None
        self._found_at: datetime | None = None
        self._drift: list[Drift] = []
        self._bound: float | None = None
        self._slow_at: datetime | None = None
        self._durations = Histogram(
            "moderation_review_decision_duration_seconds",
            "From a flag or an appeal to its decision, since the console started.",
            ["queue"],
            buckets=DECISION_S,
            registry=self.registry,
        )
        self.registry.register(self)

    def refresh(self, now: datetime) -> None:
        """Query the database where the figures are old."""
        with self._lock:
            if self._found_at is not None and (now - self._found_at).total_seconds() < EVERY_S:
                return
            self._waiting = waiting(self._engine, now)
            self._started = self._started or now
            for decided in self._counts.update(self._engine, now):
                if decided.waited is not None and decided.at >= self._started:
                    queue, seconds = decided.waited
                    self._durations.labels(queue).observe(seconds)
            self._found_at = now
            if self._slow_at is None or (now - self._slow_at).total_seconds() >= SLOW_EVERY_S:
                self._drift = score_drift(self._engine, now)
                self._bound = live_false_positive_bound(self._engine, now)
                self._slow_at = now

    def collect(self) -> Iterable[Metric]:
        """Return the figures of the last query."""
        if self._found_at is None:
            return
        accounts = GaugeMetricFamily("moderation_review_accounts", "Accounts in review.", labels=["queue", "state"])
        oldest = GaugeMetricFamily(
            "moderation_review_oldest_age_seconds", "How long the oldest has waited.", labels=["queue", "state"]
        )
        for place, one in self._waiting.items():
            accounts.add_metric(place, one.accounts)
            oldest.add_metric(place, one.oldest_s)
        yield accounts
        yield oldest
        drift = GaugeMetricFamily("moderation_score_psi", "Drift of text scores by stratum.", labels=["stratum"])
        for stratum in self._drift:
            drift.add_metric([stratum.stratum], stratum.psi)
        yield drift
        yield GaugeMetricFamily(
            "moderation_live_fpr_upper_bound",
            "Upper bound of the share of genuine accounts that are flagged.",
            math.nan if self._bound is None else self._bound,
        )
        for name, text, counts in (
            ("moderation_review_decisions", "Decisions about flags.", self._counts.decisions),
            ("moderation_review_overturned", "Decisions that another verdict replaced.", self._counts.overturned),
        ):
            family = CounterMetricFamily(name, text, labels=["verdict"])
            for verdict, count in counts.items():
                family.add_metric([verdict], count)
            yield family


@router.get(PATH)
def metrics(request: Request, _actor: Annotated[Actor, Depends(of_api(Action.READ_METRICS))]) -> Response:
    """Return the metrics in the format of Prometheus."""
    console: Console = console_of(request)
    exported: ReviewMetrics = request.app.state.metrics
    exported.refresh(console.now())
    encode, content_type = choose_encoder(request.headers.get("accept") or "")
    return Response(encode(exported.registry), media_type=content_type)
