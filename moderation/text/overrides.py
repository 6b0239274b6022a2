"""Text that is stored backwards and shown forwards."""

from __future__ import annotations

import re
import unicodedata

from moderation.text.scripts import MARKS

# From a right-to-left override to where its force ends; another control inside makes the order a matter of levels.
_OVERRIDDEN = re.compile("\u202e([^\u202a-\u202e\u2066-\u2069\n\r\u2029]+)")
_CLUSTER = re.compile(f".[{MARKS}]*", re.DOTALL)
_MIRRORED = str.maketrans("()[]{}<>«»‹›", ")(][}{><»«›‹")


def as_displayed(text: str) -> str:
    """Return *text* with each run under a right-to-left override (U+202E) in the order in which it is shown.

    Runs with letters that are written from right to left anyway stay as they are; so do the override and what ends it,
    for counting. Source: Unicode Standard Annex 9, rules X4 and L2 to L4. Takes linear time. Raises nothing.
    """
    return _OVERRIDDEN.sub(_shown, text)


def _shown(run: re.Match[str]) -> str:
    stored = run[1]
    if any(unicodedata.bidirectional(character) in ("R", "AL") for character in stored):
        return run[0]
    return run[0][0] + "".join(reversed(_CLUSTER.findall(stored))).translate(_MIRRORED)
