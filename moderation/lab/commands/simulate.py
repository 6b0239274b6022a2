"""`moderation simulate`: a platform's event stream, with the truth in a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from moderation.lab.commands.data_manifest import DataManifest


def simulate_command(
    output: Annotated[Path, typer.Option("-o", "--output", help="where the events go, as JSON lines")],
    texts: Annotated[
        Path | None, typer.Option(help="JSON lines of texts with id, label (1 machine), source, group, text")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="instead: folder with the text data (its evaluation part)")] = None,
    accounts: Annotated[int, typer.Option(help="how many accounts, campaigns included")] = 1000,
    days: Annotated[int, typer.Option(help="over how many days they post")] = 14,
    seed: Annotated[int, typer.Option(min=0, help="the same seed gives the same events")] = 1,
    labels: Annotated[Path | None, typer.Option(help="where the truth about the accounts goes")] = None,
    campaign_share: Annotated[float, typer.Option(help="share of accounts in campaigns")] = 0.1,
    unseen_share: Annotated[float, typer.Option(help="of those, in the family nothing is trained on")] = 0.15,
    held_out: Annotated[bool, typer.Option("--held-out", help="use the ranges kept for evaluation")] = False,
    data_manifest: DataManifest = None,
) -> None:
    """Write a simulated platform's posts, follows, deletions and labels in event-time order.

    People of many kinds, look-alikes (campus, carrier NAT, dictation, templates, schedulers, a fan cluster) and
    campaigns of three strengths. The events do not show which is which; --labels FILE writes it.

    Example:  moderation simulate --texts texts.jsonl --accounts 500 -o events.jsonl --labels truth.jsonl

    Exit codes: 0 written; 2 wrong arguments or texts.
    """
    from rich.console import Console

    from moderation.errors import InputError
    from moderation.lab.risk.texts import simulation_texts
    from moderation.lab.simulation import SimulationConfig, build_platform
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
            count = write_events(platform.events(), out)
        if labels is not None:
            with labels.open("w", encoding="utf-8") as out:
                write_truth(platform.truth, out)
    except OSError as error:
        why = f"Cannot write {error.filename}: {error.strerror}. Name a file in a folder that exists."
        raise InputError(why) from None
    campaigns = sum(not truth.genuine for truth in platform.truth)
    Console(stderr=True).print(f"{count} events of {accounts} accounts, {campaigns} of them in campaigns: {output}")
