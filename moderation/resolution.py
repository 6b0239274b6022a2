"""Which configured fields are found in the records: a mapping that resolves nowhere is reported early."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from moderation.mapping import FieldMapping, Kind, Mapped

log = logging.getLogger(__name__)

FIRST_RECORDS = 100


@dataclass
class FieldCounts:
    """How many records of one kind were read, and in how many each field had a valid value."""

    records: int = 0
    found: Counter[str] = field(default_factory=Counter)
    invalid: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Any] = field(default_factory=dict)


class Resolution:
    """Counts which mapped fields resolve, and warns once per kind about those that never did."""

    def __init__(self, mapping: FieldMapping, first_records: int = FIRST_RECORDS) -> None:
        self._mapping = mapping
        self._first_records = first_records
        self.kinds: dict[Kind, FieldCounts] = {}

    def note(self, kind: Kind, mapped: Mapped, invalid: list[str]) -> None:
        """Count one record; `decode` calls this. Does nothing once a kind has its first records."""
        counts = self.kinds.setdefault(kind, FieldCounts())
        if counts.records >= self._first_records:
            return
        counts.records += 1
        wrong = {name.partition(":")[0] for name in invalid}
        counts.invalid.update(wrong)
        for name, value in mapped.values.items():
            if value is not None and name not in wrong:
                counts.found[name] += 1
                counts.examples.setdefault(name, value)
        if counts.records == self._first_records:
            self._warn(kind)

    def finish(self) -> None:
        """Warn about the kinds that had fewer records than are waited for."""
        for kind, counts in self.kinds.items():
            if 0 < counts.records < self._first_records:
                self._warn(kind)

    def unresolved(self, kind: Kind) -> dict[str, str]:
        """Return the mapped fields of a kind that no record had a valid value for, with what was found instead."""
        counts = self.kinds.get(kind, FieldCounts())
        return {
            name: f"{path!r} cannot be used" if counts.invalid[name] else f"nothing found at {path!r}"
            for name, path in self._mapping.paths(kind).items()
            if not counts.found[name]
        }

    def _warn(self, kind: Kind) -> None:
        for name, why in self.unresolved(kind).items():
            log.warning(
                "mapping.%s.%s resolved in none of the first %d records: %s",
                kind,
                name,
                self.kinds[kind].records,
                why,
            )
