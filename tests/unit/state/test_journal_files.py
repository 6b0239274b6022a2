"""Arrays of a journal are read as they were written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from moderation.state.journal_files import ArrayFile, read_array, write_array

TABLE = np.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize(
    "array", [TABLE, np.asfortranarray(TABLE), TABLE[:, ::2], TABLE[:0], np.arange(5, dtype=np.uint32)]
)
def test_an_array_in_any_order_of_memory_is_read_as_it_was_written(tmp_path: Path, array: NDArray[Any]) -> None:
    size, checksum = write_array(tmp_path, "a.npy", array)
    found = read_array(tmp_path, ArrayFile("a.npy", "figures", 1, "values", size, checksum))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)
