"""8-bit products are exact on every processor, also where a sum of two terms exceeds 16 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from export.largest_product import largest_product
from moderation.detector import exact_products
from moderation.detector.exact_products import LARGEST_PRODUCT, fast_sums_are_exact
from moderation.detector.sessions import cpu_options

_INNER = 64
_OPTION = "session.x64quantprecision"


def _sums(options: Any, rows: int) -> set[int]:
    """The sums of 64 products of the largest 8-bit activation and the largest 8-bit weight."""
    session = onnxruntime.InferenceSession(str(LARGEST_PRODUCT), options, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.full((rows, _INNER), 255, dtype=np.uint8)})
    return set(found.ravel().tolist())


@pytest.mark.parametrize("rows", [1, 2, 7, 16, 64, 254])
def test_sums_of_8_bit_products_are_exact(rows: int) -> None:
    assert _sums(cpu_options(threads=1), rows) == {_INNER * 255 * 127}


@pytest.mark.parametrize(("exact_anyway", "asked"), [(True, False), (False, True)])
def test_slow_product_is_set_only_where_needed(
    exact_anyway: bool, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact_products, "fast_sums_are_exact", lambda: exact_anyway)
    options = cpu_options(threads=1)
    if asked:
        assert options.get_session_config_entry(_OPTION) == "1"
    else:
        with pytest.raises(RuntimeError):
            options.get_session_config_entry(_OPTION)


def test_saturating_sum_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact_products, "_products", lambda _session, rows: np.full((rows, 16), _INNER * 32767 // 2))
    fast_sums_are_exact.cache_clear()
    try:
        assert not fast_sums_are_exact()
    finally:
        fast_sums_are_exact.cache_clear()


def test_graph_equals_the_exported_one() -> None:
    assert onnx.load(str(LARGEST_PRODUCT)) == onnx.load_from_string(largest_product())
