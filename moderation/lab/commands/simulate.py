"""`moderation simulate`: write the event stream of a simulated platform, and the truth to a separate file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moderation.lab.commands.data_manifest import DataManifest


def simulate_command(
    output: Annotated[Path, typer.Option("-o", "--output", help="File for the events, as JSON lines.")],
    texts: Annotated[
        Path | None, typer.Option(help="JSON lines with id, label (1: machine), source, group and text.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Instead of --texts: directory with the text data (its evaluation part).")
    ] = None,
    accounts: Annotated[int, typer.Option(help="Number of accounts, campaigns included.")] = 1000,
    days: Annotated[int, typer.Option(help="Number of days in which they post.")] = 14,
    seed: Annotated[int, typer.Option(min=0, help="Seed; the same seed gives the same events.")] = 1,
    labels: Annotated[Path | None, typer.Option(help="File for the truth about the accounts.")] = None,
    campaign_share: Annotated[float, typer.Option(help="Share of the accounts that belong to campaigns.")] = 0.1,
    unseen_share: Annotated[
        float, typer.Option(help="Share of these in the families that are excluded from training.")
    ] = 0.15,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Use the parameter ranges held out for evaluation.")
    ] = False,
    disorder: Annotated[
        bool,
        typer.Option(
            "--disorder",
            help="Write the events in the order of their arrival, with delays, producers whose clocks are apart, and a "
            "partition that is minutes late.",
        ),
    ] = False,
    data_manifest: DataManifest = None,
) -> None:
    """Write the posts, follows, deletions and labels of a simulated platform in event-time order.

    The platform has ordinary users of many kinds, users who resemble campaigns (campus, carrier NAT, dictation,
    templates, schedulers, a fan cluster) and campaigns of three strengths. The truth is not part of the events;
    --labels FILE writes it.

    Example:  moderation simulate --texts texts.jsonl --accounts 500 -o events.jsonl --labels truth.jsonl

    Exit codes: 0 written; 2 wrong arguments or texts.
    """
    from rich.console import Console

    from moderation.errors import InputError
    from moderation.lab.risk.texts import simulation_texts
    from moderation.lab.simulation import SimulationConfig, build_platform
    from moderation.lab.simulation.disorder import arrivals
    from moderation.lab.simulation.writing import write_events, write_truth
    from moderation.output_paths import check_apart

    check_apart(texts, output, labels)
    config = SimulationConfig(
        seed=seed,
        accounts=accounts,
        days=days,
        campaign_share=campaign_share,
        unseen_share=unseen_share,
        parameters="held_out" if held_out else "trained",
    )
    platform = build_platform(config, simulation_texts(data, texts, data_manifest))
    try:
        with output.open("w", encoding="utf-8") as out:
            events = arrivals(platform.events(), seed) if disorder else platform.events()
            count = write_events(events, out)
        if labels is not None:
            with labels.open("w", encoding="utf-8") as out:
                write_truth(platform.truth, out)
    except OSError as error:
        if error.filename is None:  # a full disk
            raise
        why = f"Cannot write {error.filename}: {error.strerror}. Name a file in a directory that exists."
        raise InputError(why) from None
    campaigns = sum(not truth.genuine for truth in platform.truth)
    Console(stderr=True).print(f"{count} events of {accounts} accounts, {campaigns} of them in campaigns: {output}")
