"""`moderation serve`: serve the reviewers' console."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from moderation.cli.db import Config, Database


def serve_command(
    config: Config = None,
    database: Database = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: console.host.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port; default: console.port.")] = None,
    risk: Annotated[Path | None, typer.Option(help="Directory of the risk bundle; default: the setting risk.")] = None,
) -> None:
    """Serve the reviewers' console: pages, and a JSON API under /api/v1.

    Needs a database of this version (`moderation db upgrade`) and people (`moderation reviewers add`). Listens on this
    machine only, unless console.public_url names the HTTPS address of a proxy in front of it.

    Example:  moderation serve --config sidecar.toml --port 8090

    Exit codes: 0 ended by SIGTERM; 2 settings or an outdated schema; 3 a bundle; 4 the database does not answer.
    """
    from pydantic import SecretStr

    from moderation.review.serving.app import open_console, serve
    from moderation.settings import load_settings
    from moderation.telemetry.logs import set_up_logging

    settings = load_settings(config)
    given = {"host": host, "port": port}
    console = settings.console.model_copy(update={name: value for name, value in given.items() if value is not None})
    changes: dict[str, object] = {"console": console}
    if database is not None:
        changes["database_url"] = SecretStr(database)
    if risk is not None:
        changes["risk"] = risk
    settings = settings.model_copy(update=changes)
    set_up_logging(settings.log_format)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))  # the server calls it again when it has ended
    opened = open_console(settings)
    typer.echo(f"moderation console: {console.public_url or f'http://localhost:{console.port}'}", err=True)
    serve(opened)
