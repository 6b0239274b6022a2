"""Tests whether the fast 8-bit products of this processor are exact, with the largest factors."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

LARGEST_PRODUCT = Path(__file__).with_name("largest_product.onnx")
"""Graph of ``y = x · w`` for 8-bit ``x`` of shape (rows, INNER) and largest weights; see `export.largest_product`."""
INNER = 64
LARGEST_ACTIVATION, LARGEST_WEIGHT = 255, 127
# One row, and more than the largest tile: onnxruntime has separate kernels for them.
_ROWS = (1, 33)
# The option for exact sums, which uses another, slower product.
_EXACT = ("session.x64quantprecision", "1")


def require_exact_sums(options: Any) -> None:
    """Set *options* so that 8-bit products are exact: a text has the same score on every x86-64 processor.

    Without VNNI, the fast product of onnxruntime sums two terms in 16 bits and saturates. Exact sums are set only
    there: where the fast product is exact, they give the same numbers in twice the time (decision 0612).
    """
    if not fast_sums_are_exact():
        options.add_session_config_entry(*_EXACT)


@cache
def fast_sums_are_exact() -> bool:
    """Return whether the default product of onnxruntime on this processor is exact."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(LARGEST_PRODUCT), options, providers=["CPUExecutionProvider"])
    return all(bool(np.all(_products(session, rows) == INNER * LARGEST_ACTIVATION * LARGEST_WEIGHT)) for rows in _ROWS)


def _products(session: Any, rows: int) -> Any:
    (found,) = session.run(["y"], {"x": np.full((rows, INNER), LARGEST_ACTIVATION, dtype=np.uint8)})
    return found
