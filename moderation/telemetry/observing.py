"""The observer of the loop: one log line for each batch, metrics, health and traces."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from moderation.stream.observing import Batch, LoopView
from moderation.telemetry.health import Health
from moderation.telemetry.metrics import SidecarMetrics
from moderation.telemetry.traces import Tracer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Telemetry:
    """`moderation.stream.observing.Observer`; each part that is None does nothing."""

    metrics: SidecarMetrics | None = None
    health: Health | None = None
    tracer: Tracer | None = None

    def batch(self, batch: Batch) -> None:
        """Log, count and trace a batch."""
        if batch.outcome.effects.counters:
            log.info("batch", extra={"fields": batch_fields(batch)})
        if self.metrics is not None:
            self.metrics.batch(batch)
        if self.tracer is not None:
            self.tracer.batch(batch)

    def view(self, view: LoopView) -> None:
        """Export the state of the loop."""
        if self.metrics is not None:
            self.metrics.view(view)
        if self.health is not None:
            self.health.view(view)

    def outage(self) -> None:
        """Note that a server does not answer."""
        if self.metrics is not None:
            self.metrics.outage()
        if self.health is not None:
            self.health.outage()

    def unassigned(self) -> None:
        """Note that the sidecar waits for partitions."""
        if self.metrics is not None:
            self.metrics.unassigned()
        if self.health is not None:
            self.health.unassigned()


def batch_fields(batch: Batch) -> dict[str, object]:
    """Return the fields of the log line of a batch: counters and times, no text, no address and no id."""
    fields: dict[str, object] = {"event": "batch", "records": len(batch.items), **batch.outcome.effects.counters}
    fields["duration_ms"] = round(1000 * batch.duration_s, 1)
    fields["tokens"] = batch.outcome.tokens
    fields |= {f"{stage}_ms": round(1000 * seconds, 1) for stage, seconds in batch.stages.items()}
    return fields
