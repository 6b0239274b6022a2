"""A named change of a text, deterministic for a seed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass

Change = Callable[[str, random.Random, float], str]


@dataclass(frozen=True)
class Attack:
    """A named change of a text, with the share of its units that it changes.

    *rate* is the share among the units that can change: letters with a look-alike, words with a synonym, articles,
    outside links and mentions, which must keep working. ``round(rate * units)`` units are changed, at least one.
    A change of the complete text has the unit "text" and the rate 1.0. *what* is one sentence for reports.
    """

    name: str
    rate: float
    unit: str
    what: str
    change: Change

    def apply(self, text: str, seed: int | str) -> str:
        """Return the changed text; the same name, seed and text give the same result on every machine.

        A text without a unit to change is returned unchanged. Runs in time linear in the length of *text*. Never
        raises, not even for lone surrogates.
        """
        return self.change(text, random_for(self.name, seed, text), self.rate)


def random_for(name: str, seed: int | str, text: str) -> random.Random:
    """Return a random generator that depends only on *name*, *seed* and *text*."""
    key = f"{name}\0{seed}\0{text}".encode("utf-8", "surrogatepass")
    return random.Random(hashlib.blake2b(key, digest_size=16).digest())  # nosec B311  # noqa: S311 - repeatable, nothing secret
