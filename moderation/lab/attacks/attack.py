"""One way to change a text, the same way each time it is asked with the same seed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass

Change = Callable[[str, random.Random, float], str]


@dataclass(frozen=True)
class Attack:
    """A named change of a text, with the share of its units that it changes.

    *rate* counts among the units that the change can touch at all: letters with a look-alike, words with a
    synonym, the articles. Links and mentions are not among them: they must keep working. Of the
    units there are, ``round(rate * units)`` are changed, and never fewer than one. A change of the whole text
    has the unit "text" and the rate 1.0. *what* is one plain sentence for a report.
    """

    name: str
    rate: float
    unit: str
    what: str
    change: Change

    def apply(self, text: str, seed: int | str) -> str:
        """Return the changed text; the same name, seed and text give the same result on every machine.

        A text that has nothing to change comes back as it is. Takes time linear in the length of *text*. Raises
        nothing, whatever the text, lone surrogates included.
        """
        return self.change(text, random_for(self.name, seed, text), self.rate)


def random_for(name: str, seed: int | str, text: str) -> random.Random:
    """Return the random numbers that belong to these three, independent of every other name, seed and text."""
    key = f"{name}\0{seed}\0{text}".encode("utf-8", "surrogatepass")
    return random.Random(hashlib.blake2b(key, digest_size=16).digest())  # noqa: S311 - repeatable, nothing secret
