"""Opens the telemetry that the settings ask for, and closes it at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version

from moderation.detector import Detector
from moderation.risk.certificate import Certificate
from moderation.risk.model import BundledRiskModel
from moderation.settings import Settings
from moderation.telemetry.database_watch import DatabaseFigures, DatabaseWatch
from moderation.telemetry.health import Bounds, Health
from moderation.telemetry.metrics import Build, SidecarMetrics
from moderation.telemetry.observing import Telemetry
from moderation.telemetry.server import TelemetryServer
from moderation.telemetry.traces import Tracer, exporter_to

DATABASE_S = 15.0
"""The database is queried every five seconds; not ready when three in a row have no result."""
WARM_UP = "A text that is scored once, so that the first post does not wait for memory."


@contextmanager
def open_telemetry(settings: Settings) -> Iterator[OpenTelemetry]:
    """Yield the telemetry of a sidecar. Raises SettingsError where it cannot listen or lacks packages."""
    asked = settings.telemetry
    with ExitStack() as opened:
        metrics, health, tracer = None, None, None
        if asked.otlp_endpoint:
            released = version("moderation-sidecar")
            exporter = exporter_to(asked.otlp_endpoint)
            tracer = Tracer(exporter, released, settings.kafka.group_id, settings.pipeline)
            opened.callback(tracer.close)
        if asked.port:
            metrics, health = SidecarMetrics(settings.state.backend), Health(_bounds(settings))
            server = TelemetryServer((asked.host, asked.port), metrics.registry, health)
            opened.callback(server.close)
            if settings.state.directory is not None:
                metrics.state_directory(settings.state.directory)
        yield OpenTelemetry(Telemetry(metrics, health, tracer), opened)


def _bounds(settings: Settings) -> Bounds:
    # Records may wait for a partition that returns nothing for stalled_ms.
    return Bounds(settings.watchdog_s, settings.watchdog_s + settings.kafka.stalled_ms / 1000, DATABASE_S)


class OpenTelemetry:
    """The open telemetry; its methods are called as the sidecar is built."""

    def __init__(self, observer: Telemetry, opened: ExitStack) -> None:
        self.observer = observer
        self._opened = opened

    def models_loaded(self, detector: Detector, risk: BundledRiskModel) -> None:
        """Score a text where a probe waits for it, and export the versions."""
        metrics, health = self.observer.metrics, self.observer.health
        if metrics is None or health is None:
            return
        detector.score([WARM_UP])
        certificate = certified_as(risk.certified.certificate)
        released = version("moderation-sidecar")
        metrics.build(Build(released, detector.manifest_hash[:12], risk.manifest_hash[:12], certificate))
        health.models_warm()

    def loop_built(self, loop_age: Callable[[], float], figures: Callable[[], DatabaseFigures]) -> None:
        """Watch the loop and the database."""
        metrics, health = self.observer.metrics, self.observer.health
        if metrics is None or health is None:
            return
        health.loop_built(loop_age)

        def note(found: DatabaseFigures | None) -> None:
            health.database(found is not None)
            if found is not None:
                metrics.database(found)

        watch = DatabaseWatch(figures, note)
        self._opened.callback(watch.close)

    def loop_ended(self) -> None:
        """Note that the loop has ended."""
        if self.observer.health is not None:
            self.observer.health.loop_ended()


def certified_as(certificate: Certificate) -> str:
    """Return the certificate in few words, for a label."""
    verdict = "not supported" if not certificate.supported else "certified" if certificate.passed else "not certified"
    sample = ", simulated accounts" if certificate.simulated else ""
    return f"{verdict} for {certificate.target:g}{sample}"
