"""Searches undecodable records for an account id."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from pydantic_core import from_json


def mentions(account_id: str) -> Callable[[Iterable[bytes | None]], bool]:
    """Return a function that returns whether any of several byte strings contains the id.

    The id is found as a complete JSON string or number, in any escaping, and in the bytes, as UTF-8 or UTF-16, without
    a letter, digit or underscore directly before or after it.
    """
    escaped = json.dumps(account_id)[1:-1]
    spellings = {account_id, escaped, escaped.replace("/", r"\/")}
    tokens = {spelling.encode("utf-8", "surrogatepass") for spelling in spellings}
    tokens |= {account_id.encode(encoding, "surrogatepass") for encoding in ("utf-16-le", "utf-16-be")}
    token = re.compile(rb"(?<![0-9A-Za-z_])(?:" + b"|".join(map(re.escape, sorted(tokens))) + rb")(?![0-9A-Za-z_])")

    def found(pieces: Iterable[bytes | None]) -> bool:
        return any(token.search(piece) or _holds(_parsed(piece), account_id) for piece in pieces if piece)

    return found


def _parsed(piece: bytes) -> Any:
    try:
        return from_json(piece, allow_inf_nan=True)
    except ValueError:
        return None


def _holds(value: Any, account_id: str) -> bool:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
        elif item == account_id:
            return True
    return False
