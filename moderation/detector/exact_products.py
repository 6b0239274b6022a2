"""Whether this processor's fast 8-bit products are exact, found out by multiplying the largest numbers."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

LARGEST_PRODUCT = Path(__file__).with_name("largest_product.onnx")
"""``y = x · w`` for 8-bit ``x`` of shape (rows, INNER), all weights the largest; `export.largest_product` makes it."""
INNER = 64
LARGEST_ACTIVATION, LARGEST_WEIGHT = 255, 127
# One row, and more than the largest tile: onnxruntime has kernels of their own for either.
_ROWS = (1, 33)
# Sums exactly wherever it is asked for, and takes another, slower product for it.
_EXACT = ("session.x64quantprecision", "1")


def ask_for_exact_sums(options: Any) -> None:
    """Let a session with *options* sum 8-bit products exactly: a text has the same score on every x86-64 processor.

    Without VNNI, onnxruntime's fast product sums two terms in 16 bits and cuts off what is larger. Exact sums are asked
    for there alone: where the fast product is exact, they give the same numbers in twice the time (decision 0612).
    """
    if not fast_sums_are_exact():
        options.add_session_config_entry(*_EXACT)


@cache
def fast_sums_are_exact() -> bool:
    """Say whether the product that onnxruntime takes here unless asked otherwise cuts nothing off."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(LARGEST_PRODUCT), options, providers=["CPUExecutionProvider"])
    return all(bool(np.all(_products(session, rows) == INNER * LARGEST_ACTIVATION * LARGEST_WEIGHT)) for rows in _ROWS)


def _products(session: Any, rows: int) -> Any:
    (found,) = session.run(["y"], {"x": np.full((rows, INNER), LARGEST_ACTIVATION, dtype=np.uint8)})
    return found
