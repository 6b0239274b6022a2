"""Reads the settings from `MODERATION_…` variables and one TOML file."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError as UnreadableVariable

from moderation.errors import SettingsError
from moderation.settings.model import PREFIX, Settings


def load_settings(file: Path | None = None) -> Settings:
    """Settings from the environment and, below it, a TOML file. Raises SettingsError with every problem named."""
    from_file = _read_toml(file) if file is not None else {}
    _refuse_unknown_variables()
    try:
        return Settings(**from_file)
    except ValidationError as error:
        problems = "; ".join(_sentence(item) for item in error.errors(include_url=False, include_input=False))
        raise SettingsError(f"the settings cannot be used: {problems}") from None
    except UnreadableVariable as error:
        raise SettingsError(_whole_section(error)) from None


def _whole_section(error: UnreadableVariable) -> str:
    """Return what is wrong with a variable that stands for a section, a list or a table, and does not hold JSON."""
    raw = getattr(error.__cause__, "doc", None)
    for variable, value in os.environ.items():
        if variable.upper().startswith(PREFIX) and "__" in variable and value == raw:
            return f'{variable} must hold JSON, such as ["a", "b"] for a list or {{"a": "b"}} for a table'
    named = re.search(r'field "(\w+)"', str(error))
    section = f"{PREFIX}{named[1].upper()}" if named else f"a variable {PREFIX}…"
    return f"{section} stands for a whole section and must hold a JSON object, or name one setting as {section}__NAME"


def _sentence(problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"]) or "settings"
    if problem["type"] == "extra_forbidden":
        return f"{name} is no setting (see docs/settings.md for all of them)"
    if problem["type"] == "tuple_type":
        return f'{name}: must be a list, such as ["a", "b"]'
    return f"{name}: {problem['msg'].removeprefix('Value error, ')}"


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))  # editors of Windows write a byte-order mark
    except OSError as error:
        raise SettingsError(f"the settings file {file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError: also bytes and numbers without end
        reason = "too deeply nested" if isinstance(error, RecursionError) else error
        raise SettingsError(f"the settings file {file} is not valid TOML: {reason}") from None


def _refuse_unknown_variables() -> None:
    known = {name.upper() for name in Settings.model_fields}
    for variable in os.environ:
        if variable.startswith(PREFIX):
            section = variable.removeprefix(PREFIX).split("__")[0].upper()
            if section not in known:
                raise SettingsError(f"the variable {variable} is no setting (see docs/settings.md for all of them)")
