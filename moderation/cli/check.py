"""`moderation check`: tries every connection and model and says in words what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from moderation.errors import ModerationError
from moderation.settings import Settings


def check_command(
    config: Annotated[Path | None, typer.Option(help="TOML file with settings; variables win over it")] = None,
) -> None:
    """Try the settings, the bundles, the database and the broker, and say what is wrong with each.

    Exit code 0 when the sidecar can run as it is set up, 1 otherwise.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from moderation.settings import load_settings

    settings = load_settings(config)
    table = Table("part", "state", "what was found", title="moderation check")
    failed = 0
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
    """Each part with a function that says what it found, or raises ModerationError with what is wrong."""
    yield "address key", lambda: _address_key(settings)
    yield "models", lambda: _models(settings)
    yield "review database", lambda: _database(settings)
    yield "Kafka", lambda: _kafka(settings)


def _address_key(settings: Settings) -> str:
    from moderation.app import keyring_of, required_secret

    keyring = keyring_of(settings, required_secret(settings))
    return f"{len(required_secret(settings))} bytes, live under the names {', '.join(sorted(keyring.known_key_ids))}"


def _models(settings: Settings) -> str:
    from moderation.app import load_models

    return "\n".join(model.describe() for model in load_models(settings))


def _database(settings: Settings) -> str:
    from moderation.app import open_store

    store = open_store(settings)
    try:
        return ", ".join(f"{count} {table}" for table, count in store.flag_counts().items())
    finally:
        store.close()


def _kafka(settings: Settings) -> str:
    from connectors.kafka import describe_partitions

    found = describe_partitions(settings.kafka, settings.kafka.topics().values())
    topics = {partition.topic: 0 for partition in found}
    for partition in found:
        topics[partition.topic] += 1
    return ", ".join(f"{topic} ({count} partitions)" for topic, count in topics.items())
