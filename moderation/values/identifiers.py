"""Validates ids: text, or integers that JSON represents without loss."""

from __future__ import annotations

import math
from typing import Any

MAX_LENGTH = 512
_MOST_BITS = 1_700
"""Bits of the largest integer of 512 digits."""
_EXACT = 2**53
"""Integers beyond this lose digits as a floating-point number."""


def identifier(value: Any) -> str:
    """Return an id as text. Raises ValueError for NaN, infinities, fractions, booleans and blank text."""
    if isinstance(value, str):
        if not value.strip():
            raise ValueError("an id must not be empty")
        value.encode("utf-8")  # a lone surrogate raises UnicodeEncodeError, a ValueError
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("an id is text or a whole number")
    if isinstance(value, float):
        if not math.isfinite(value) or value != math.floor(value) or abs(value) >= _EXACT:
            raise ValueError(f"{value!r} is not an id: it is not a whole number, or has lost digits")
        value = int(value)
    if value.bit_length() > _MOST_BITS:
        raise ValueError(f"an id has at most {MAX_LENGTH} digits")
    return str(value)


def is_placeholder_device(device_id: str) -> bool:
    """Return whether a device id is a placeholder: all zeros, as clients send without permission to read it."""
    return not device_id.strip("0-: ")
