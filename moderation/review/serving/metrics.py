"""`/api/v1/metrics`: the metrics of the review, for a token with the scope `metrics`."""

from __future__ import annotations

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

from moderation.review.measures import Measures, durations, last_decision, measures
from moderation.review.permissions import Action, Actor
from moderation.review.serving.console import Console, console_of
from moderation.review.serving.identity import of_api

PATH = "/api/v1/metrics"
EVERY_S = 15.0
"""The database is queried at most this often, however many programs read the metrics."""
DECISION_S = (60, 300, 900, 3600, 14_400, 43_200, 86_400, 172_800, 604_800, 2_592_000)

router = APIRouter()


class ReviewMetrics(Collector):
    """The figures of one database. Each console exports those of the complete database: use `max`, not `sum`."""

    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        self._engine = engine
        self._lock = threading.Lock()
        self._found: Measures | None = None
        self._found_at: datetime | None = None
        self._last_decision: int | None = None
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
            self._found = measures(self._engine, now)
            if self._last_decision is None:
                self._last_decision = last_decision(self._engine)
            taken = durations(self._engine, self._last_decision)
            self._last_decision, self._found_at = taken.last_id, now
            for queue, seconds in (("open", taken.open), ("appeals", taken.appeals)):
                for one in seconds:
                    self._durations.labels(queue).observe(one)

    def collect(self) -> Iterable[Metric]:
        """Return the figures of the last query."""
        found = self._found
        if found is None:
            return
        accounts = GaugeMetricFamily("moderation_review_accounts", "Accounts in review.", labels=["queue", "state"])
        oldest = GaugeMetricFamily(
            "moderation_review_oldest_age_seconds", "How long the oldest has waited.", labels=["queue", "state"]
        )
        for place, waiting in found.waiting.items():
            accounts.add_metric(place, waiting.accounts)
            oldest.add_metric(place, waiting.oldest_s)
        yield accounts
        yield oldest
        for name, text, counts in (
            ("moderation_review_decisions", "Decisions about flags.", found.decisions),
            ("moderation_review_overturned", "Decisions that another verdict replaced.", found.overturned),
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
