"""`moderation run`: run the sidecar until SIGTERM, or until its watchdog ends the process."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer


def run_command(
    config: Annotated[Path | None, typer.Option(help="TOML file with settings; variables override it.")] = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", help="Replay a file of events instead of reading from Kafka.")
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(help="With --input: file for rejected lines; default: beside the input, .rejects.jsonl."),
    ] = None,
) -> None:
    """Run the sidecar: read events from Kafka, judge them, write flags to the review database.

    Needs MODERATION_ADDRESS_KEY (a secret of 32 bytes or more) and a database created with `moderation db upgrade`.
    `moderation check` reports what is missing. SIGTERM ends it after the current batch, with exit code 0. SIGHUP loads
    the risk bundles again, as `risk` and `trial` name them now; one that cannot be used changes nothing.

    Exit codes: 2 settings, 3 a bundle, 4 a server does not answer, 5 another sidecar runs this pipeline, 6 the log does
    not match the ledger, 7 a post took longer to score than the deadline, 70 the watchdog ended a process that made no
    progress.
    """
    from moderation.app import run_sidecar
    from moderation.settings import load_settings
    from moderation.telemetry.logs import set_up_logging

    settings = load_settings(config)
    set_up_logging(settings.log_format)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))  # until there is a loop to stop
    run_sidecar(settings, input_file=input_file, rejects=rejects, reread=lambda: load_settings(config))
