"""Measures the peak memory of one call, independent of earlier allocations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_PROCESS = Path("/proc/self")
_RESET_PEAK = "5"  # see proc(5), clear_refs

Found = TypeVar("Found")


def peak_of(call: Callable[[], Found]) -> tuple[Found, int]:
    """Return what *call* returns, and by how many bytes the process was larger at its peak than before it."""
    (_PROCESS / "clear_refs").write_text(_RESET_PEAK, encoding="ascii")
    before = _bytes_of("VmRSS")
    found = call()
    return found, _bytes_of("VmHWM") - before


def _bytes_of(name: str) -> int:
    lines = (_PROCESS / "status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
