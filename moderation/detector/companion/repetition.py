"""Which tokens only say again what a text has said: a language model expects those whoever wrote them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_RUN = 3


def repeated(ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which of the tokens in *ids*, shape (tokens,), end a run of three that stood there before, same shape.

    A refrain, a greeting that comes twice or a laugh is copied from the text itself, which language models do well
    (Olsson et al. 2022, induction heads), so how expected it was tells nothing about the writer.
    """
    found = np.zeros(len(ids), dtype=np.bool_)
    if len(ids) > _RUN:
        runs = np.lib.stride_tricks.sliding_window_view(ids, _RUN)
        _, first = np.unique(runs, axis=0, return_index=True)
        found[_RUN - 1 :] = True
        found[first + _RUN - 1] = False
    return found
