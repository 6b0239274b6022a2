"""`moderation run`: the sidecar as a process, ended cleanly by SIGTERM or hard by its watchdog."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moderation.errors import PositionError
from moderation.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.jsonl import JsonlSource
    from moderation.mapping import Kind
    from moderation.pipeline import Outcome
    from moderation.ports import Relay, Source, Store
    from moderation.sidecar import Sidecar

log = logging.getLogger(__name__)

FROZEN = 70


def run_command(
    config: Annotated[Path | None, typer.Option(help="TOML file with settings; variables win over it")] = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", help="replay a file of events instead of reading from Kafka")
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="with --input: where bad lines go; default: beside the input, .rejects.jsonl")
    ] = None,
) -> None:
    """Run the sidecar: read events from Kafka, judge them, write flags to the review database.

    Needs MODERATION_ADDRESS_KEY (a secret of 32 bytes or more) and a database made with `moderation db upgrade`.
    `moderation check` says beforehand what is missing. SIGTERM ends it after the batch in hand, with exit code 0.

    Exit codes: 2 settings, 3 a bundle, 4 a server does not answer, 5 another sidecar is at work, 6 the log is not
    the one the ledger knows, 70 the watchdog ended a process that made no progress.
    """
    from moderation.settings import load_settings
    from moderation.telemetry import set_up_logging

    settings = load_settings(config)
    set_up_logging(settings.log_format)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))  # until there is a loop to end
    run_sidecar(settings, input_file=input_file, rejects=rejects)


def run_sidecar(
    settings: Settings,
    *,
    input_file: Path | None = None,
    rejects: Path | None = None,
    on_step: Callable[[str], None] = lambda _step: None,
    on_batch: Callable[[Outcome], None] | None = None,
) -> dict[str, int]:
    """Assemble and run until the end of the input or a signal; what was counted."""
    from moderation.cli.assemble import build_sidecar, load_models, open_store, required_secret
    from moderation.cli.summary import nothing_judged, summary
    from moderation.sidecar import Decoder

    if input_file is not None:
        settings = _apart_from_production(settings)
    secret = required_secret(settings)
    models = load_models(settings)
    for model in models:
        log.info("%s", model.describe())
    store = open_store(settings)
    try:
        source, relay, kinds = _doors(settings, store, input_file, rejects)
        try:
            decoder = Decoder(kinds, settings.field_mapping())
            sidecar = build_sidecar(
                settings,
                source=source,
                store=store,
                relay=relay,
                models=models,
                secret=secret,
                decoder=decoder,
                on_step=on_step,
                on_batch=on_batch or _log_batch,
            )
            _end_on_signals(sidecar)
            _watch(sidecar, settings.watchdog_s)
            sidecar.run()
            decoder.finish()
            log.info("ended cleanly: %s", summary(sidecar.totals), extra={"fields": sidecar.totals})
            if (why := nothing_judged(sidecar.totals)) is not None:
                log.warning("%s", why)
            return sidecar.totals
        finally:
            relay.close()
    finally:
        store.close()


def _apart_from_production(settings: Settings) -> Settings:
    """A file has a ledger entry and a lease of its own, and never touches the snapshot of the stream's state."""
    state = settings.state.model_copy(update={"snapshot": None})
    return settings.model_copy(update={"pipeline": f"{settings.pipeline} (file)", "state": state})


def _doors(
    settings: Settings, store: Store, input_file: Path | None, rejects: Path | None
) -> tuple[Source, Relay, dict[str, Kind | None]]:
    """Where records come from, where dead letters go, and which topic holds what."""
    if input_file is not None:
        from connectors.deadletters import FileRelay
        from moderation.cli.score import check_apart

        rejects = rejects or input_file.with_suffix(".rejects.jsonl")
        check_apart(str(input_file), rejects)
        lines = _file_source(settings, store, input_file)
        return lines, FileRelay(store, rejects, partitions=lines.partitions()), {}
    from connectors.deadletters import KafkaRelay
    from connectors.kafka import KafkaSource, connection_config
    from moderation.cli.assemble import topic_kinds

    source = KafkaSource(settings.kafka)
    relay = KafkaRelay(store, connection_config(settings.kafka), partitions=source.partitions())
    return source, relay, topic_kinds(settings)


def _file_source(settings: Settings, store: Store, path: Path) -> JsonlSource:
    """The file as a source. Raises PositionError where the ledger knows another file of this name."""
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


def _log_batch(outcome: Outcome) -> None:
    if outcome.effects.counters:
        log.info("batch", extra={"fields": outcome.effects.counters})


def _end_on_signals(sidecar: Sidecar) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: sidecar.stop())


def _watch(sidecar: Sidecar, bound_s: float) -> None:
    """End the process when the loop has stood still for too long: a frozen server may never let a call return.

    `os._exit` because a clean end would wait for the very call that hangs; the ledger makes a hard end safe.
    """

    def watch() -> None:
        while sidecar.seconds_without_progress < bound_s:
            if sidecar.ended.wait(min(1.0, bound_s / 4)):
                return
        log.error("no progress for %.0f s: a server is frozen. Ending so that a restart can go on.", bound_s)
        os._exit(FROZEN)

    threading.Thread(target=watch, name="watchdog", daemon=True).start()
