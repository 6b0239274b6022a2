"""The option that replaces the data manifest of the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataManifest = Annotated[
    Path | None,
    typer.Option(help="JSON file with the SHA-256 of your data files; default: the manifest of the package."),
]
