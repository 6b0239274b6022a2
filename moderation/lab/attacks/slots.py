"""Templates with slots: the small grammars from which the banks of honest texts are drawn."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

# A slot is written «name»: code, queries and settings use every ASCII bracket themselves.
_SLOT = re.compile(r"«(\w+)»")

Slots = Mapping[str, Sequence[object]]


def filled(template: str, slots: Slots, rng: random.Random) -> str:
    """Return *template* with each «name» replaced by one of ``slots[name]``, drawn independently at each place."""
    return _SLOT.sub(lambda slot: str(rng.choice(slots[slot[1]])), template)
