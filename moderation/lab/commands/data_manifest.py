"""The option by which a command reads other text data than those that the package names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataManifest = Annotated[
    Path | None,
    typer.Option(help="JSON file with the SHA-256 of your own data files, in place of those that the package names."),
]
