"""The processor that a bench ran on: its ratios hold for the instructions it has."""

from __future__ import annotations

import platform
from pathlib import Path

_FOR_PRODUCTS = {"avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8"}


def processor() -> str:
    """Return the processor's name, and which instructions for 8-bit products it has, where Linux tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    name = told.get("model name", platform.machine())
    if "flags" not in told:
        return name
    has = ", ".join(sorted(_FOR_PRODUCTS & set(told["flags"].split())))
    return f"{name} ({has or 'none of AVX2 and VNNI'})"
