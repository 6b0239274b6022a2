"""Maps generators to families: the sizes and tunings of one model, which write alike."""

from __future__ import annotations

import re

# The first match gives the family; any other generator is a separate family. "others" in a collection stays as it
# is: generators that the collection does not name.
_FAMILIES = (
    (re.compile(r"^gpt-?2\b"), "gpt2"),
    (re.compile(r"^gpt-neo\b"), "gpt-neo"),
    (re.compile(r"^bloom\b"), "bloom"),
    (re.compile(r"^(gpt3|babbage|curie|text-(babbage|curie|davinci)-00\d)$"), "gpt3"),
)


def families_of(generator: str, family: str = "") -> frozenset[str]:
    """Return the families that *generator* may be of: *family* where the data name it, or several joined by a bar."""
    if family:
        return frozenset((family,))
    return frozenset(_family(name) for name in generator.split("|") if name)


def _family(generator: str) -> str:
    return next((family for pattern, family in _FAMILIES if pattern.search(generator)), generator)
