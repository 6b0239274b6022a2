"""Which configured fields are found in the records: a mapping that resolves nowhere is reported early."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from moderation.mapping import FieldMapping, Kind, Mapped

log = logging.getLogger(__name__)

FIRST_RECORDS = 100
JUDGED_BY = ("account_id", "created_at")


@dataclass
class FieldCounts:
    """How many records of one kind were read, and in how many each field had a valid value."""

    records: int = 0
    found: Counter[str] = field(default_factory=Counter)
    invalid: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Any] = field(default_factory=dict)


class Resolution:
    """Counts which mapped fields resolve, and warns once per kind about those that never did."""

    def __init__(
        self,
        mapping: FieldMapping,
        first_records: int = FIRST_RECORDS,
        needed: tuple[str, ...] = JUDGED_BY,
    ) -> None:
        """*needed* are the fields of a post without a mapping that are watched as well: without them none is judged."""
        self._mapping = mapping
        self._first_records = first_records
        self._needed = needed
        self.kinds: dict[Kind, FieldCounts] = {}

    def note(self, kind: Kind, mapped: Mapped, invalid: Sequence[str]) -> None:
        """Count one record; `decode` calls this. Does nothing once a kind has its first records."""
        if not self._watched(kind):
            return
        counts = self.kinds.setdefault(kind, FieldCounts())
        if counts.records >= self._first_records:
            return
        counts.records += 1
        wrong = {name.partition(":")[0] for name in invalid}
        counts.invalid.update(wrong)
        for name in self._watched(kind):
            value = mapped.values.get(name)
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
            for name, path in self._watched(kind).items()
            if not counts.found[name]
        }

    def _watched(self, kind: Kind) -> dict[str, str]:
        if self._mapping.maps(kind):
            return self._mapping.paths(kind)
        return {name: name for name in self._needed} if kind == "post" else {}

    def _warn(self, kind: Kind) -> None:
        for name, why in self.unresolved(kind).items():
            log.warning(
                "%s.%s resolved in none of the first %d records: %s",
                f"mapping.{kind}" if self._mapping.maps(kind) else kind,
                name,
                self.kinds[kind].records,
                why,
            )
