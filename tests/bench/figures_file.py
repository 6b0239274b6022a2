"""How a bench ends: its figures in a file, or a user's error in one sentence with its exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moderation.errors import ModerationError
from moderation.output_paths import check_writable


def measured_into(out: Path | None, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what *measure* finds, after writing it to *out* where one is given; a user's error ends the process.

    An *out* that cannot be written is such an error, told before anything is measured.
    """
    try:
        if out:
            check_writable(out)
        report = measure()
    except ModerationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    if out:
        out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report
