"""JMESPath expressions on records: compiled once, plain paths to a short loop.

Decision: docs/decisions/0701-jmespath-for-mappings.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jmespath
from jmespath import exceptions, functions
from pydantic_core import from_json

RECORD = "_record"
"""The reserved name of the record's key, headers and timestamp in expressions."""
MAX_LENGTH = 4096


class EvaluationError(ValueError):
    """An expression that cannot be evaluated on this record, such as `join` over a missing value."""


@dataclass(frozen=True)
class Expression:
    """A compiled expression. *read* returns the value, None where the record has none; raises EvaluationError."""

    text: str
    read: Callable[[Any], Any]
    uses_record: bool
    """Whether it uses the record's key, headers or timestamp."""
    plain: bool
    """Whether it is a path of names and indexes only."""

    def holds(self, record: Any) -> bool:
        """Return whether the value is true by the rules of JMESPath; False where it cannot be evaluated."""
        try:
            found = self.read(record)
        except EvaluationError:
            return False
        return not (found is None or found is False or found == "" or found == [] or found == {})


class _Functions(functions.Functions):
    """The functions that the formats in docs/events.md need beside those of JMESPath."""

    def __init__(self) -> None:
        self._parsed: tuple[str, Any] = ("null", None)

    @functions.signature({"types": ["string", "null"]})
    def _func_parse_json(self, text: str | None) -> Any:
        """Return the value of JSON inside a string. The last one is cached, because several fields read one string."""
        if text is None:
            return None
        known, value = self._parsed
        if known is not text:
            value = from_json(text, allow_inf_nan=False)
            self._parsed = (text, value)
        return value

    @functions.signature({"types": ["string"]}, {"types": [], "variadic": True})
    def _func_concat_ws(self, separator: str, *values: Any) -> str | None:
        """Return the values joined as text, without missing and empty ones; lists are flattened."""
        texts: list[str] = []
        for value in values:
            texts += [_as_text(item) for item in (value if isinstance(value, list) else [value])]
        return separator.join(text for text in texts if text) or None

    @functions.signature({"types": ["string", "null"]}, {"types": ["string"]})
    def _func_split(self, text: str | None, separator: str) -> list[str] | None:
        return None if text is None else text.split(separator)


def _as_text(value: Any) -> str:
    if value is None or isinstance(value, (dict, list)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


_FUNCTIONS = _Functions()
_OPTIONS = jmespath.Options(custom_functions=_FUNCTIONS)


@lru_cache(maxsize=1024)
def compile_expression(text: str) -> Expression:
    """Return the compiled expression. Raises ValueError with the position of an error."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"an expression has at most {MAX_LENGTH} characters, got {len(text)}")
    try:
        parsed = jmespath.compile(text)
    except exceptions.JMESPathError as error:
        reason = " ".join(str(error).split("\n")[0].split())
        raise ValueError(f"{text!r} is not a JMESPath expression: {reason}") from None
    except RecursionError:
        raise ValueError(f"{text[:60]!r}… is nested too deeply") from None
    _check(text, parsed.parsed)
    uses = _uses_record(parsed.parsed)
    steps = _steps(parsed.parsed)
    if steps is not None:
        return Expression(text, _walk(steps), uses, plain=True)

    def read(record: Any) -> Any:
        try:
            return parsed.search(record, options=_OPTIONS)
        except (exceptions.JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise EvaluationError(" ".join(str(error).split())[:200]) from None

    return Expression(text, read, uses, plain=False)


def _check(text: str, node: Any) -> None:
    """Raise ValueError for an unknown function, and for `!a.b`, which JMESPath parses as `(!a).b`."""
    if not isinstance(node, dict):
        return
    if node["type"] == "function_expression" and node["value"] not in _FUNCTIONS.FUNCTION_TABLE:
        raise ValueError(f"{text!r} calls {node['value']}(), which is not a function here")
    if node["type"] in ("subexpression", "index_expression") and node["children"][0]["type"] == "not_expression":
        raise ValueError(f"{text!r} has '!' before a path; write the path in parentheses, as in !(a.b)")
    for child in node["children"]:
        _check(text, child)


def _uses_record(node: Any) -> bool:
    if not isinstance(node, dict):
        return False
    return (node["type"] == "field" and node["value"] == RECORD) or any(map(_uses_record, node["children"]))


def _steps(node: Any) -> tuple[str | int, ...] | None:
    """Return the names and indexes of a plain path, None for any other expression."""
    if node["type"] == "field" or node["type"] == "index":
        return (node["value"],)
    if node["type"] not in ("subexpression", "index_expression"):
        return None
    steps: tuple[str | int, ...] = ()
    for child in node["children"]:
        found = () if child["type"] == "identity" else _steps(child)
        if found is None:
            return None
        steps += found
    return steps


def _walk(steps: tuple[str | int, ...]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        for step in steps:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int):
                value = value[step] if -len(value) <= step < len(value) else None
            else:
                return None
        return value

    return read
