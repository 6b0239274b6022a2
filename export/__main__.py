"""``python -m export CHECKPOINT OUT``: the same as ``moderation export``."""

from __future__ import annotations

import sys

from export.command import app
from moderation.errors import ModerationError


def main() -> None:
    """Run the command; print an error of the user as one line and exit with its code."""
    try:
        app()
    except ModerationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


main()
