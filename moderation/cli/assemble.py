"""Puts a running sidecar together from the settings: the one place that knows every part by name."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from moderation.audit import AuditSampling
from moderation.detector import Detector, load_detector
from moderation.effects import Partition
from moderation.errors import SettingsError
from moderation.features import FEATURES_VERSION, FeatureExtractor
from moderation.mapping import KINDS, Kind
from moderation.pipeline import Outcome, Pipeline
from moderation.ports import Relay, Source, Store
from moderation.risk import RiskModel, load_risk
from moderation.settings import Settings
from moderation.sidecar import Decoder, LoopConfig, Sidecar
from moderation.state import Keyring, PlatformState

if TYPE_CHECKING:
    from connectors.reviewdb.store import ReviewStore

MAKE_A_KEY = 'python3 -c "import secrets; print(secrets.token_hex(32))"'


def load_models(settings: Settings) -> tuple[Detector, RiskModel]:
    """Detector and risk model, each verified and matched with the other. Raises BundleError with a sentence."""
    detector = load_detector(
        settings.detector,
        max_text_bytes=settings.max_text_bytes,
        threads=settings.detector_threads,
        deadline_s=settings.detector_deadline_s,
    )
    return detector, load_risk(settings.risk, detector_hash=detector.manifest_hash, features_version=FEATURES_VERSION)


def required_secret(settings: Settings) -> bytes:
    """The address key. Raises SettingsError where none is set: hashes made without a secret can be reversed."""
    secret = settings.address_secret()
    if secret is None:
        raise SettingsError(
            "no address key is set, and addresses are never kept unhashed. Make one and keep it: "
            f"export MODERATION_ADDRESS_KEY=$({MAKE_A_KEY}), or name a file in address_key_file"
        )
    return secret


def keyring_of(settings: Settings, secret: bytes) -> Keyring:
    """Current and, while two are live, previous address key."""
    old_id, old = settings.previous_address_key_id, settings.previous_address_secret()
    previous = (old_id, old) if old_id is not None and old is not None else None
    return Keyring.from_secrets((settings.address_key_id, secret), previous)


def open_store(settings: Settings) -> ReviewStore:
    """The review database. Raises ConnectionLost or SettingsError with a sentence."""
    from connectors.reviewdb.store import ReviewStore

    return ReviewStore(settings.database_url.get_secret_value(), evidence_days=settings.evidence_days)


def topic_kinds(settings: Settings) -> dict[str, Kind | None]:
    """What each topic holds; None where kinds share a topic and `type` tells them apart."""
    topics = settings.kafka.topics()
    kinds: dict[str, Kind | None] = {}
    for kind in KINDS:
        if kind in topics:
            kinds[topics[kind]] = None if topics[kind] in kinds else kind
    return kinds


def owner_name() -> str:
    """A name for this process, in leases and the ledger."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def build_sidecar(
    settings: Settings,
    *,
    source: Source,
    store: Store,
    relay: Relay,
    models: tuple[Detector, RiskModel],
    secret: bytes,
    decoder: Decoder,
    on_step: Callable[[str], None] = lambda _step: None,
    on_batch: Callable[[Outcome], None] = lambda _outcome: None,
) -> Sidecar:
    """The loop with everything it needs, not yet started."""
    detector, risk = models
    keyring = keyring_of(settings, secret)

    def new_state() -> PlatformState:
        return PlatformState(
            platform_id=settings.platform_id, keyring=keyring, graph_epoch_s=settings.state.graph_epoch_s
        )

    def load_state(path: Path) -> tuple[PlatformState, dict[Partition, int]]:
        return PlatformState.restore(
            path, keyring=keyring, platform_id=settings.platform_id, graph_epoch_s=settings.state.graph_epoch_s
        )

    def build(state: PlatformState) -> Pipeline:
        return Pipeline(
            platform_id=settings.platform_id,
            extractor=FeatureExtractor(state),
            detector=detector,
            risk=risk,
            audit=AuditSampling(secret, settings.audit.rate, settings.audit.flagged_rate),
        )

    config = LoopConfig(
        pipeline=settings.pipeline,
        owner=owner_name(),
        lease_ttl_s=settings.lease_ttl_s,
        max_records=settings.batch.max_records,
        max_bytes=settings.batch.max_bytes,
        buffer_records=settings.kafka.buffer_records,
        max_idle_ms=settings.kafka.max_idle_ms,
        snapshot=settings.state.snapshot,
        snapshot_every_s=settings.state.snapshot_every_s,
        on_recreated_topic=settings.kafka.on_recreated_topic,
        on_lost_records=settings.kafka.on_lost_records,
    )
    return Sidecar(
        config,
        source=source,
        store=store,
        relay=relay,
        decoder=decoder,
        build=build,
        new_state=new_state,
        load_state=load_state,
        on_step=on_step,
        on_batch=on_batch,
    )
