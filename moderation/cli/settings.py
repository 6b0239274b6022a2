"""`moderation settings`: list every setting with its default and meaning, as a table or as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from moderation.settings import PREFIX, Settings


def settings_command(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/settings.md instead of a table.")] = False,
) -> None:
    """List every setting with its name, variable, default and meaning."""
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
    """Yield dotted name, default in TOML and meaning of every setting, in the order of the model."""
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
    """Return the page docs/settings.md; a test compares the committed page with it."""
    lines = [
        "# Settings",
        "",
        "One TOML file (`moderation run --config sidecar.toml`), and variables that override it: the name in capitals",
        f"after `{PREFIX}`, with `__` for each dot, as in `{PREFIX}KAFKA__BOOTSTRAP_SERVERS`. Secrets belong in",
        "variables or files, never in a repository. `moderation settings --markdown` prints this page.",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    lines += [f"| `{name}` | `{default}` | {meaning} |" for name, default, meaning in rows()]
    return "\n".join(lines) + "\n"
