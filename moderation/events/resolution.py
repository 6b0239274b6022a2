"""Counts which configured fields have values, so that a mapping that never resolves is reported early."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from moderation.mapping import DURATIONS, TIMES, FieldMapping, Kind, Mapped
from moderation.values.times import NO_OFFSET

log = logging.getLogger(__name__)

FIRST_RECORDS = 100
JUDGED_BY = ("account_id", "created_at")


@dataclass
class FieldCounts:
    """Number of records of one kind, and of those with a valid value of each field."""

    records: int = 0
    found: Counter[str] = field(default_factory=Counter)
    invalid: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Any] = field(default_factory=dict)


class Resolution:
    """Counts which mapped fields resolve, and warns once per kind about those that never do."""

    def __init__(
        self,
        mapping: FieldMapping,
        first_records: int = FIRST_RECORDS,
        needed: tuple[str, ...] = JUDGED_BY,
    ) -> None:
        """*needed* are fields of a post that are counted even without a mapping, because judgement requires them."""
        self._mapping = mapping
        self._first_records = first_records
        self._needed = needed
        self.kinds: dict[Kind, FieldCounts] = {}
        self.reasons: dict[tuple[Kind, str], str] = {}
        """Why the first invalid time or duration of each field is invalid, with the value, which may be personal."""

    def note(self, kind: Kind, mapped: Mapped, invalid: Sequence[str]) -> None:
        """Count one record; has no effect after the first records of a kind. `decode` calls this."""
        for name in mapped.problems.keys() & (TIMES | DURATIONS):
            self.reasons.setdefault((kind, name), mapped.problems[name])
        counts = self.kinds.get(kind)
        if counts is None:
            if not self._counted_fields(kind):
                return
            counts = self.kinds[kind] = FieldCounts()
        if counts.records >= self._first_records:
            return
        counts.records += 1
        wrong = {name.partition(":")[0] for name in invalid}
        counts.invalid.update(wrong)
        for name in self._counted_fields(kind):
            value = mapped.values.get(name)
            if value is not None and name not in wrong:
                counts.found[name] += 1
                counts.examples.setdefault(name, value)
        if counts.records == self._first_records:
            self._warn(kind)

    def finish(self) -> None:
        """Warn about the kinds with fewer than the first records."""
        for kind, counts in self.kinds.items():
            if 0 < counts.records < self._first_records:
                self._warn(kind)

    def unresolved(self, kind: Kind) -> dict[str, str]:
        """Return the mapped fields of a kind without a valid value in any record, with the reason without a value."""
        counts = self.kinds.get(kind, FieldCounts())

        def unusable(name: str, path: str) -> str:
            reason = self.reasons.get((kind, name), "")
            if reason.endswith(NO_OFFSET):
                return f"a time at {path!r} {NO_OFFSET}"
            if reason and not self._mapping.maps(kind):
                return f"{path!r} cannot be used: {reason}"
            return f"{path!r} cannot be used" + ("; `moderation events check` prints why" if reason else "")

        return {
            name: unusable(name, path) if counts.invalid[name] else f"nothing found at {path!r}"
            for name, path in self._counted_fields(kind).items()
            if not counts.found[name]
        }

    def _counted_fields(self, kind: Kind) -> dict[str, str]:
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
