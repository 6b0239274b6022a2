"""`moderation events`: check how records are decoded, and propose a mapping."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moderation.cli.kinds import kind_named
from moderation.errors import SettingsError
from moderation.mapping import KINDS, Kind

if TYPE_CHECKING:
    from rich.console import Console

    from moderation.effects import Origin
    from moderation.events.survey import Survey
    from moderation.settings import Settings

UNUSABLE = 1
SAMPLE_TIMEOUT_S = 30.0

app = typer.Typer(help="Check how your records are decoded, and propose a mapping.", no_args_is_help=True)


@app.command()
def check(
    source: Annotated[
        str | None, typer.Argument(metavar="[FILE|-]", help="File of records; - for standard input.")
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Read the latest records of this Kafka topic instead.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings (mapping, kafka).")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of all records; default: by the mapping or `type`.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Number of records to read.")] = 1_000,
) -> None:
    """Show for a sample of records the share and an example of each field, and the signals that posts have.

    Texts are shortened, addresses and device ids are masked. Nothing is stored.

    Example:  moderation events check records.jsonl --config sidecar.toml

    Exit codes: 0 at least one record became an event; 1 none did; 2 wrong arguments or settings.
    """
    from rich.console import Console

    from moderation.events.survey import Survey
    from moderation.settings import load_settings

    if (source is None) == (topic is None):
        raise SettingsError("name either a file (or - for standard input) or a topic with --topic")
    settings = load_settings(config)
    chosen = kind_named(kind)
    survey = Survey(settings.field_mapping())
    if source is not None:
        _read_file(survey, source, chosen, limit)
    elif topic is not None:
        from connectors.kafka_connection import describe_partitions
        from connectors.kafka_sample import sample_topic
        from moderation.app import topic_kinds

        known = topic_kinds(settings)
        partitions = describe_partitions(settings.kafka, [topic])
        sample = sample_topic(settings.kafka, partitions, records=limit, timeout_s=SAMPLE_TIMEOUT_S)
        survey.read(sample.records, chosen or known.get(topic))
    _print(Console(), survey, settings)
    if not survey.kinds:
        raise typer.Exit(UNUSABLE)


@app.command()
def guess(
    source: Annotated[str, typer.Argument(metavar="FILE|-", help="File of records; - for standard input.")],
    limit: Annotated[int, typer.Option(min=1, help="Number of records to read.")] = 1_000,
) -> None:
    """Propose a mapping for records of an unknown format, as a settings file on standard output.

    The proposal is based on the names and values of fields; check each line.

    Example:  moderation events guess records.jsonl > mapping.toml
    """
    from connectors.record_files import file_or_standard_input, numbered_records
    from moderation.mapping.guess import as_toml, guess_fields, guess_kinds, records_of

    with file_or_standard_input(source) as stream:
        records = records_of((value for _, value in numbered_records(stream, source)), limit)
    if not records:
        raise SettingsError(f"{source} contains no JSON object; name a file of JSON records")
    sys.stdout.write(as_toml(guess_fields(records), guess_kinds(records)))


def _read_file(survey: Survey, source: str, kind: Kind | None, limit: int) -> None:
    from connectors.record_files import file_or_standard_input, numbered_records
    from moderation.effects import Origin, Partition

    place = Partition("", source, "", 0)
    with file_or_standard_input(source) as stream:
        records: Iterable[Origin] = (
            Origin(place, number, value=value) for number, value in numbered_records(stream, source)
        )
        survey.read(islice(records, limit), kind)


def _print(console: Console, survey: Survey, settings: Settings) -> None:
    from rich.table import Table
    from rich.text import Text

    from moderation.text.terminal import visible

    mapping = settings.field_mapping()
    read = survey.kinds.total() + survey.ignored + survey.refused.total()
    console.print(f"{read} records: {survey.ignored} ignored, {survey.refused.total()} refused", highlight=False)
    for reason, count in survey.refused.most_common(5):
        console.print(Text(f"  {count} refused: {visible(reason)}", style="red"))
    for reason, count in survey.reasons.most_common(5):
        why = survey.why(reason)
        line = f"  {count} without a valid {visible(reason)}" + ("" if why is None else f": {visible(why)}")
        console.print(Text(line, style="yellow"))
    for kind in KINDS:
        total = survey.read_of(kind)
        if not total:
            continue
        columns = ("field", "read from", "found", "invalid", "example")
        table = Table(*columns, title=f"{total} records of kind {kind}" + ("" if mapping.maps(kind) else ", our names"))
        for row in survey.fields(kind):
            if row.found or row.invalid or mapping.maps(kind):
                style = "" if row.found else "red"
                cells = (row.name, visible(row.source), f"{row.found / total:.0%}", str(row.invalid), row.example)
                table.add_row(*(Text(cell, style=style) for cell in cells))
        console.print(table)
    _print_families(console, survey, settings)


def _print_families(console: Console, survey: Survey, settings: Settings) -> None:
    from rich.table import Table
    from rich.text import Text

    from moderation.events.survey import SHARED_ADDRESS

    posts = survey.kinds["post"]
    if not posts:
        return
    table = Table("signals", "posts that have them", "needs", title=f"what {posts} posts would be judged on")
    for family in survey.families():
        needs = family.needs
        if family.name == "graph" and not family.posts and settings.kafka.follows:
            needs = f"follow events, which come from the topic {settings.kafka.follows}"
        table.add_row(family.name, f"{family.posts / posts:.0%}", Text(needs if family.posts < posts else ""))
    console.print(table)
    share = survey.shared_address()
    if share > SHARED_ADDRESS:
        console.print(
            f"{share:.0%} of the posts with an address have the same one, probably that of your proxy. Map "
            "client.forwarded_for and set mapping.trusted_proxies (docs/events.md).",
            style="bold red",
            highlight=False,
        )
