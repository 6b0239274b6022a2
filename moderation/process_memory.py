"""How the process of a sidecar manages its memory: it has many objects that live for hours, and large arrays."""

from __future__ import annotations

import ctypes
import gc
import sys

GC_THRESHOLDS = (100_000, 20, 100)
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Names of parameters of mallopt, from malloc.h."""
_RETURNED_BYTES = 1 << 20
_KEPT_BYTES = 16 << 20


def suit_a_large_state() -> None:
    """Prepare this process for a large state: its objects have no cycles, and its arrays are often replaced."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    if sys.platform == "linux":
        _return_freed_arrays()


def _return_freed_arrays() -> None:
    """Have what is allocated in blocks of a mebibyte or more returned to the system when it is freed.

    Without this, glibc raises the limit to 32 MiB when such a block is freed, and keeps the gaps between smaller ones.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # not in musl
        library.mallopt(_MMAP_THRESHOLD, _RETURNED_BYTES)
        library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
