"""The command `moderation`: one file per sub-command; an error is one line on standard error."""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
from typing import Any, NoReturn

import typer

from moderation.cli.judged_posts import read_judged_posts
from moderation.errors import ModerationError
from moderation.text.terminal import visible_lines

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

HELP = """Flags machine-written campaigns for human review, from the text and the metadata of posts.

Score a file of events:  moderation score events.jsonl -o scores.jsonl
Run it on a stream:      moderation run --config sidecar.toml
List the flags:          moderation flags list
"""

# Sub-command -> module and object; imported when the command starts, so that `score` does not import training code.
COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("demo", "moderation.demo.command", "demo_command"),
    ("run", "moderation.cli.run", "run_command"),
    ("score", "moderation.cli.score", "score_command"),
    ("check", "moderation.cli.check", "check_command"),
    ("events", "moderation.cli.events", "app"),
    ("simulate", "moderation.lab.commands.simulate", "simulate_command"),
    ("train", "moderation.lab.commands.train", "train_command"),
    ("certify", "moderation.lab.commands.certify", "certify_command"),
    ("evaluate", "moderation.lab.commands.evaluate", "evaluate_command"),
    ("signals", "moderation.lab.commands.signals", "signals_command"),
    ("flags", "moderation.cli.flags", "app"),
    ("serve", "moderation.cli.serve", "serve_command"),
    ("reviewers", "moderation.cli.reviewers", "app"),
    ("audit", "moderation.cli.audit", "app"),
    ("statements", "moderation.cli.statements", "app"),
    ("decisions", "moderation.cli.decisions", "app"),
    ("replay", "moderation.cli.replay", "replay_command"),
    ("vectors", "moderation.cli.vectors", "app"),
    ("spark", "moderation.spark.commands", "app"),
    ("trial", "moderation.cli.trial", "trial_command"),
    ("db", "moderation.cli.db", "app"),
    ("detector", "moderation.lab.commands.detector", "app"),
    ("export", "export.command", "export"),
    ("settings", "moderation.cli.settings", "settings_command"),
)


def build_app() -> typer.Typer:
    """Return the command with all its sub-commands."""
    app = typer.Typer(
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"obj": read_judged_posts},  # the laboratory opens no database itself
    )
    for name, module, attribute in COMMANDS:
        found: Any = getattr(importlib.import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def main() -> None:
    """Run the command. Exits with the message and exit code of an error; a defect shows its traceback."""
    _open_standard_streams()
    try:
        try:
            build_app()()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # detects a full disk
    except ModerationError as error:
        _fail(visible_lines(str(error)), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except BrokenPipeError:
        _discard_output()  # the reader of a pipe, such as `head`, has ended
        sys.exit(141)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        _discard_output()
        _fail(f"the output cannot be written: {error.strerror}; free some space or name another file", 2)


def _open_standard_streams() -> None:
    """Open closed standard streams, and escape what the encoding of the output lacks, such as Latin-1.

    Else a database or model gets the file number of a closed stream, and messages are written to it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _fail(message: str, exit_code: int) -> NoReturn:
    if sys.stderr is not None:
        sys.stderr.write(f"moderation: {message}\n")
    sys.exit(exit_code)


def _discard_output() -> None:
    """Redirect the remaining output to null, because flushing it at exit would fail again."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
