"""`moderation settings`: every setting with its default and meaning, as a table for people or for the docs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from moderation.settings import PREFIX, Settings


def settings_command(
    markdown: Annotated[bool, typer.Option("--markdown", help="print docs/settings.md instead of a table")] = False,
) -> None:
    """List every setting: its name in the TOML file, its variable, its default and what it does."""
    if markdown:
        typer.echo(as_markdown(), nl=False)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("setting", "default", "meaning", title="moderation settings")
    for name, default, meaning in rows():
        table.add_row(name, default, meaning)
    Console().print(table)


def rows() -> Iterator[tuple[str, str, str]]:
    """Dotted name, default in TOML's spelling and meaning of every setting, in the model's order."""
    for name, info in Settings.model_fields.items():
        default = info.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            for inner, inner_info in type(default).model_fields.items():
                yield f"{name}.{inner}", _spelled(inner_info), inner_info.description or ""
        else:
            yield name, _spelled(info), info.description or ""


def _spelled(info: FieldInfo) -> str:
    default = info.get_default(call_default_factory=True)
    if default in (None, {}, ()):
        return "none"
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    return f'"{default}"' if isinstance(default, str) else str(default)


def as_markdown() -> str:
    """The page docs/settings.md; `make check` holds the committed page against it."""
    lines = [
        "# Settings",
        "",
        "One TOML file (`moderation run --config sidecar.toml`), and variables that win over it: the name in capitals",
        f"behind `{PREFIX}`, with `__` for each dot, as in `{PREFIX}KAFKA__BOOTSTRAP_SERVERS`. Secrets belong in",
        "variables or files, never in a repository. This page is printed by `moderation settings --markdown`.",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    lines += [f"| `{name}` | `{default}` | {meaning} |" for name, default, meaning in rows()]
    return "\n".join(lines) + "\n"
