"""`moderation check`: test every connection and model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from moderation.cli.check_topics import describe_sharing, describe_topic
from moderation.errors import ModerationError
from moderation.settings import Settings


def check_command(
    config: Annotated[Path | None, typer.Option(help="TOML file with settings; variables override it.")] = None,
) -> None:
    """Check the settings, the bundles, the database and the broker, and report the problems of each.

    Reads some of the latest records of each topic, without joining the consumer group, and reports their events.
    Exit code 0 when the sidecar can run with these settings, 1 otherwise.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from moderation.settings import load_settings

    settings = load_settings(config)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # it logs each attempt; the table has the cause
    table = Table("part", "state", "what was found", title="moderation check")
    failed = 0
    for warning in settings.warnings():
        table.add_row("settings", Text("warning", style="yellow"), Text(warning))
    for name, verify in parts(settings):
        try:
            table.add_row(name, Text("ok", style="green"), Text(verify()))
        except ModerationError as error:
            failed += 1
            table.add_row(name, Text("not usable", style="bold red"), Text(str(error)))
    Console().print(table)
    if failed:
        raise typer.Exit(1)


def parts(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield each part with a function that returns its description or raises ModerationError."""
    yield "address key", lambda: _address_key(settings)
    if settings.mapping.network_database is not None:
        yield "networks", lambda: _networks(settings)
    yield "models", lambda: _models(settings)
    yield "review database", lambda: _database(settings)
    if settings.state.backend != "memory":
        yield "state", lambda: _state(settings)
    if settings.state.graph_epochs is not None:
        yield "graph epochs", partial(_graph_epochs, settings, settings.state.graph_epochs)
    for topic in sorted(set(settings.kafka.topics().values())):
        yield f"topic {topic}", partial(describe_topic, settings, topic)


def _address_key(settings: Settings) -> str:
    from moderation.app import keyring_of, required_secret

    keyring = keyring_of(settings, required_secret(settings))
    return f"{len(required_secret(settings))} bytes, live under the names {', '.join(sorted(keyring.known_key_ids))}"


def _networks(settings: Settings) -> str:
    database = settings.mapping.opened_database()
    return "" if database is None else database.describe()


def _models(settings: Settings) -> str:
    from moderation.app import load_models
    from moderation.models_in_use import Models, load_trial

    detector, risk = load_models(settings)
    return "\n".join(Models(detector, risk, load_trial(settings, detector, b"")).describe())


def _graph_epochs(settings: Settings, directory: Path) -> str:
    from moderation.state.graph_files import GraphFiles

    found = GraphFiles(directory, settings.platform_id, settings.state.graph_epoch_s).available()
    newest = f", the newest is {found[-1]}" if found else ""
    return f"{len(found)} epochs in {directory}{newest}"


def _state(settings: Settings) -> str:
    from moderation.app import state_backend

    backend = state_backend(settings)
    found = [backend.check()]
    backend.close()
    if settings.state.backend == "redis":
        found.append(describe_sharing(settings))
    return "\n".join(found)


def _database(settings: Settings) -> str:
    from moderation.app import open_store

    store = open_store(settings)
    try:
        found = [", ".join(f"{count} {table}" for table, count in store.flag_counts().items())]
        waiting, refused = store.unsent_letters()
        if waiting:
            found.append(f"{waiting} dead letters wait to be sent")
        found += [f"{count} dead letters were refused: {reason}" for reason, count in sorted(refused.items())]
        return "\n".join(found)
    finally:
        store.close()
