"""docs/metrics.md lists exactly the metrics that are exported."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine

from connectors.reviewdb.models import Base
from moderation.review.serving.metrics import ReviewMetrics
from moderation.telemetry.metrics import DEGRADED, EVENTS, RULES, Build, SidecarMetrics
from tests.unit.project.pages import ROOT

PAGE = ROOT / "docs" / "metrics.md"


def names(registry: CollectorRegistry) -> set[str]:
    """The names in queries: a counter ends with `_total`, a histogram is without the suffixes of its parts."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in registry.collect()
        if family.name.startswith("moderation_")
    }


@cache
def exported() -> set[str]:
    """The names of all metrics of sidecar and console."""
    sidecar = SidecarMetrics("memory")
    sidecar.build(Build("v", "d", "r", "c"))
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    console = ReviewMetrics(engine)
    console.refresh(datetime(2026, 11, 29, tzinfo=UTC))
    return names(sidecar.registry) | names(console.registry)


def test_the_page_lists_exactly_what_is_exported() -> None:
    listed = set(re.findall(r"`(moderation_\w+)`", PAGE.read_text(encoding="utf-8")))
    assert listed == exported()


@pytest.mark.parametrize(
    ("metric", "label", "values"),
    [
        ("moderation_texts_scored_total", "rule", set(RULES.values())),
        ("moderation_events_total", "kind", set(EVENTS.values())),
        ("moderation_degraded", "reason", set(DEGRADED)),
    ],
)
def test_the_page_lists_the_values_of_the_labels(metric: str, label: str, values: set[str]) -> None:
    found = re.search(rf"`{metric}` \| \w+ \| {label}: ([^|]*) \|", PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert set(found[1].split(", ")) == values
