"""The command `moderation`: every sub-command is a file here; a user's mistake ends in one sentence."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer

from moderation.errors import ModerationError
from moderation.text.terminal import visible_lines

HELP = """Flags machine-written campaigns for human review, from what a post says and how it came to be.

Try it on your own events:  moderation score events.jsonl -o scores.jsonl
Run it beside a stream:     moderation run --config sidecar.toml
See what it flagged:        moderation flags list
"""

# Sub-command -> module and object; looked up when the command starts, so that `score` never waits for training code.
COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("demo", "moderation.demo.command", "demo_command"),
    ("run", "moderation.cli.run", "run_command"),
    ("score", "moderation.cli.score", "score_command"),
    ("check", "moderation.cli.check", "check_command"),
    ("events", "moderation.cli.events", "app"),
    ("simulate", "moderation.lab.commands.simulate", "simulate_command"),
    ("train", "moderation.lab.commands.train", "train_command"),
    ("evaluate", "moderation.lab.commands.evaluate", "evaluate_command"),
    ("flags", "moderation.cli.flags", "app"),
    ("db", "moderation.cli.db", "app"),
    ("detector", "moderation.lab.commands.detector", "app"),
    ("export", "export.command", "export"),
    ("settings", "moderation.cli.settings", "settings_command"),
)


def build_app() -> typer.Typer:
    """The command with all its sub-commands."""
    app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    for name, module, attribute in COMMANDS:
        found: Any = getattr(importlib.import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def main() -> None:
    """Entry point. Ends with the error's exit code and its sentence; a defect of ours still shows its traceback."""
    try:
        build_app()()
    except ModerationError as error:
        sys.stderr.write(f"moderation: {visible_lines(str(error))}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("moderation: interrupted\n")
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe has gone away, as `head` does; there is nothing to say to it.
        sys.stderr.close()
        sys.exit(141)
