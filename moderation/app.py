"""The composition root: builds the sidecar from the settings and runs it as a process."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from moderation.detector import Detector, load_detector
from moderation.detector.onnx_detector import OnnxDetector
from moderation.directories import exclusive
from moderation.errors import PositionError, SettingsError
from moderation.features import FeatureExtractor
from moderation.mapping import KINDS, Kind
from moderation.models_in_use import Models, ModelsInUse, load_trial
from moderation.output_paths import check_apart
from moderation.ports import Relay, Source, Store
from moderation.process_memory import suit_a_large_state
from moderation.risk import load_risk
from moderation.risk.model import BundledRiskModel
from moderation.settings import Settings
from moderation.state import Keyring, PlatformState, Storage
from moderation.state.backend import StateBackend
from moderation.stream.assembly import Builders, Callbacks, Connectors, Decoder, LoopConfig
from moderation.stream.audit import AuditSampling
from moderation.stream.pipeline import Outcome, Pipeline
from moderation.stream.scoring_policy import ScoreAll, ScoreSelected
from moderation.stream.sidecar import Sidecar
from moderation.stream.stages import StageTimes
from moderation.stream.summary import nothing_judged, summary
from moderation.telemetry.database_watch import DatabaseFigures
from moderation.telemetry.opening import OpenTelemetry, open_telemetry

if TYPE_CHECKING:
    from connectors.jsonl import JsonlSource
    from connectors.reviewdb.store import ReviewStore

log = logging.getLogger(__name__)

FROZEN = 70
"""Exit code of a process that the watchdog ended."""
MAKE_A_KEY = 'python3 -c "import secrets; print(secrets.token_hex(32))"'


def load_models(settings: Settings) -> tuple[Detector, BundledRiskModel]:
    """Return detector and risk model, verified and matched with each other. Raises BundleError."""
    detector = load_detector(
        settings.detector,
        max_text_bytes=settings.max_text_bytes,
        threads=settings.detector_threads,
        # Else the watchdog would end the process before the batch is split, and a restart would form the same batch.
        deadline_s=min(settings.detector_deadline_s, 0.8 * settings.watchdog_s),
    )
    return detector, load_risk(settings.risk, detector_hash=detector.manifest_hash, policy=settings.scoring.policy)


def required_secret(settings: Settings) -> bytes:
    """Return the address key. Raises SettingsError where none is set, because unkeyed hashes are reversible."""
    secret = settings.address_secret()
    if secret is None:
        raise SettingsError(
            "no address key is set, and addresses are never stored unhashed. Create one and keep it: "
            f"export MODERATION_ADDRESS_KEY=$({MAKE_A_KEY}), or name a file in address_key_file"
        )
    return secret


def keyring_of(settings: Settings, secret: bytes) -> Keyring:
    """Return the keyring of the current and, while it is live, the previous address key."""
    old_id, old = settings.previous_address_key_id, settings.previous_address_secret()
    previous = (old_id, old) if old_id is not None and old is not None else None
    return Keyring.from_secrets((settings.address_key_id, secret), previous)


def open_store(settings: Settings) -> ReviewStore:
    """Return the review database. Raises ConnectionLost or SettingsError."""
    from connectors.reviewdb.store import ReviewStore

    return ReviewStore(
        settings.database_url.get_secret_value(),
        evidence_days=settings.evidence_days,
        daily_quota=settings.flags.daily_quota,
    )


def topic_kinds(settings: Settings) -> dict[str, Kind | None]:
    """Return the kind of event in each topic; None where kinds share a topic and `type` determines them."""
    topics = settings.kafka.topics()
    kinds: dict[str, Kind | None] = {}
    for kind in KINDS:
        if kind in topics:
            kinds[topics[kind]] = None if topics[kind] in kinds else kind
    return kinds


def owner_name() -> str:
    """Return a unique name of this process for leases and the ledger."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def build_sidecar(
    settings: Settings,
    connectors: Connectors,
    decoder: Decoder,
    models: ModelsInUse,
    callbacks: Callbacks,
) -> Sidecar:
    """Return the sidecar, not yet started."""
    config = LoopConfig(
        pipeline=settings.pipeline,
        owner=owner_name(),
        lease_ttl_s=settings.lease_ttl_s,
        max_records=settings.batch.max_records,
        max_bytes=settings.batch.max_bytes,
        buffer_records=settings.kafka.buffer_records,
        buffer_bytes=settings.kafka.buffer_bytes,
        buffer_bytes_in_all=settings.kafka.buffer_bytes_in_all,
        stalled_ms=settings.kafka.stalled_ms,
        state_directory=settings.state.directory,
        save_state_every_s=settings.state.save_every_s,
        on_recreated_topic=settings.kafka.on_recreated_topic,
        on_lost_records=settings.kafka.on_lost_records,
        standby=settings.standby,
        shared=settings.state.backend == "redis",
        follows=settings.kafka.follows,
    )
    return Sidecar(config, connectors, decoder, _builders(settings, models), callbacks)


def _builders(settings: Settings, in_use: ModelsInUse) -> Builders:
    detector = in_use.models.detector
    secret = required_secret(settings)
    keyring = keyring_of(settings, secret)

    def new_state() -> PlatformState:
        state = PlatformState(
            platform_id=settings.platform_id,
            keyring=keyring,
            graph_epoch_s=settings.state.graph_epoch_s,
            max_edges=settings.state.max_follows,
            coverage=settings.state.coverage(),
            scored_with=f"{detector.manifest_hash[:12]}-{settings.scoring.policy}",
        )
        if settings.state.graph_epochs is not None:
            state.epochs.read_from(settings.state.graph_epochs, settings.platform_id)
        if settings.state.backend != "memory":
            state.keep_in(Storage(state_backend(settings), settings.state.cached_keys))
        return state

    def pipeline(state: PlatformState) -> Pipeline:
        audit = AuditSampling(secret, settings.audit.rate, settings.audit.flagged_rate)
        selective = settings.scoring.policy == "selective"
        return Pipeline(
            platform_id=settings.platform_id,
            extractor=FeatureExtractor(state),
            detector=detector,
            risk=in_use.models.risk,
            audit=audit,
            policy=ScoreSelected(settings.platform_id, state, audit) if selective else ScoreAll(),
            trial=in_use.models.trial,
        )

    return Builders(pipeline, new_state, in_use.refreshed)


def state_backend(settings: Settings) -> StateBackend:
    """Return the backend of the state on disk or Redis, not opened yet. Raises SettingsError."""
    if settings.state.backend == "disk" and settings.state.directory is not None:
        from connectors.state_disk import DiskState

        return DiskState(settings.state.directory)
    from connectors.state_redis import RedisState

    return RedisState(settings.state.redis_url.get_secret_value(), settings.pipeline)


def run_sidecar(
    settings: Settings,
    *,
    input_file: Path | None = None,
    rejects: Path | None = None,
    reread: Callable[[], Settings] | None = None,
    on_step: Callable[[str], None] = lambda _step: None,
    on_batch: Callable[[Outcome], None] = lambda _outcome: None,
) -> dict[str, int]:
    """Run the sidecar until the end of the input or a signal, and return the counters.

    *reread* returns the settings as they are now, for a reload of the risk models (SIGHUP).
    """
    if input_file is not None:
        settings, of_stream = _for_a_file(settings), reread
        reread = None if of_stream is None else lambda: _for_a_file(of_stream())
    asked = _asked_by_signal()
    secret = required_secret(settings)
    with open_telemetry(settings) as telemetry:
        detector, risk = load_models(settings)
        models = Models(detector, risk, load_trial(settings, detector, secret))
        for line in models.describe():
            log.info("%s", line)
        for warning in settings.warnings():
            log.warning("%s", warning)
        telemetry.models_loaded(detector, risk)
        in_use = ModelsInUse(settings, models, secret, asked, reread)
        in_use.on_change = lambda changed: telemetry.models_loaded(changed.detector, changed.risk)
        callbacks = Callbacks(on_step, on_batch, telemetry.observer, _stages_of(detector))
        with _own_directory(settings):
            return _run(settings, in_use, (input_file, rejects), callbacks, telemetry)


def _stages_of(detector: Detector) -> StageTimes:
    """Return the times of stages, to which the detector adds its own."""
    stages = StageTimes()
    if isinstance(detector, OnnxDetector):
        detector.on_stage = stages.add
    return stages


@contextmanager
def _own_directory(settings: Settings) -> Iterator[None]:
    """Hold the state directory of a sidecar that shares its pipeline with others, which need directories of their own.

    With another backend the lease of the pipeline keeps the directory to one sidecar, and a standby may have it too.
    """
    directory = settings.state.directory
    if settings.state.backend != "redis" or directory is None:
        yield
        return
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with exclusive(directory):
        yield


def _run(
    settings: Settings,
    models: ModelsInUse,
    files: tuple[Path | None, Path | None],
    callbacks: Callbacks,
    telemetry: OpenTelemetry,
) -> dict[str, int]:
    """Run with the input file and the file of rejected lines, where there are any."""
    store = open_store(settings)
    try:
        source, relay, kinds = _connectors(settings, store, *files)
        try:
            decoder = Decoder(kinds, settings.field_mapping())
            sidecar = build_sidecar(settings, Connectors(source, store, relay), decoder, models, callbacks)
            models.raised = lambda: store.raised_thresholds(settings.platform_id)
            _on_signals(sidecar)
            _watch(sidecar, settings.watchdog_s)
            suit_a_large_state()
            logs = {(partition.cluster_id, partition.topic) for partition in source.partitions()}
            telemetry.loop_built(
                lambda: sidecar.seconds_without_progress,
                lambda: DatabaseFigures(store.outbox_age_s(logs), store.quota_remaining()),
            )
            try:
                sidecar.run()
            finally:
                telemetry.loop_ended()
            decoder.finish()
            log.info("ended cleanly: %s", summary(sidecar.totals), extra={"fields": sidecar.totals})
            if (why := nothing_judged(sidecar.totals)) is not None:
                log.warning("%s", why)
            return sidecar.totals
        finally:
            relay.close()
    finally:
        store.close()


def _for_a_file(settings: Settings) -> Settings:
    """Return settings with a separate pipeline name, without the saved state of the stream, for a complete file."""
    return settings.model_copy(update={"pipeline": f"{settings.pipeline} (file)", "state": settings.state.of_a_file()})


def _connectors(
    settings: Settings, store: ReviewStore, input_file: Path | None, rejects: Path | None
) -> tuple[Source, Relay, dict[str, Kind | None]]:
    """Return the source, the relay of dead letters and decisions, and the kind of event in each topic."""
    if input_file is not None:
        from connectors.deadletters import FileRelay

        rejects = rejects or input_file.parent / f"{input_file.stem}.rejects.jsonl"
        check_apart(input_file, rejects)
        lines = _file_source(settings, store, input_file)
        return lines, FileRelay(store, rejects, partitions=lines.partitions()), {}
    from connectors.deadletters import KafkaRelay
    from connectors.decision_relay import DecisionRelay, Relays
    from connectors.kafka import KafkaSource
    from connectors.kafka_connection import connection_config
    from connectors.kafka_shared import SharedKafkaSource

    shared = settings.state.backend == "redis"
    source = SharedKafkaSource(settings.kafka) if shared else KafkaSource(settings.kafka)
    connection = connection_config(settings.kafka)
    relay: Relay = KafkaRelay(store, connection, partitions=source.partitions())
    if settings.kafka.decisions_topic:
        decisions = DecisionRelay(store.engine, connection, settings.kafka.decisions_topic, settings.platform_id)
        relay = Relays(relay, decisions)
    return source, relay, topic_kinds(settings)


def _file_source(settings: Settings, store: Store, path: Path) -> JsonlSource:
    """Return the file as a source. Raises PositionError where the ledger has another file of this name."""
    from connectors.jsonl import JsonlSource

    known = store.known_topic_ids(settings.pipeline, "", str(path.resolve()))
    source = JsonlSource(path, known_ids=known)
    (partition,) = source.partitions()
    if known and partition.topic_id not in known and settings.kafka.on_recreated_topic == "stop":
        source.close()
        raise PositionError(
            f"{path} is not the file that was read before: its beginning changed, or it became shorter. Give the new "
            'file another name, or set kafka.on_recreated_topic = "restart" to read it from its start.'
        )
    return source


def _asked_by_signal() -> threading.Event:
    """Return an event that SIGHUP sets; without a handler the signal would end a process that loads its models."""
    asked = threading.Event()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGHUP, lambda _number, _frame: asked.set())
    return asked


def _on_signals(sidecar: Sidecar) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: sidecar.stop())


def _watch(sidecar: Sidecar, bound_s: float) -> None:
    """End the process when the loop makes no progress for too long, because a frozen server can block a call forever.

    Uses `os._exit`, because a clean exit would wait for the blocked call; the ledger makes this safe.
    """

    def watch() -> None:
        while sidecar.seconds_without_progress < bound_s:
            if sidecar.ended.wait(min(1.0, bound_s / 4)):
                return
        log.error("no progress for %.0f s: a server is frozen. Exiting so that a restart can continue.", bound_s)
        os._exit(FROZEN)

    threading.Thread(target=watch, name="watchdog", daemon=True).start()
