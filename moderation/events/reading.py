"""Reads records of a source as events, with their key, headers and timestamp."""

from __future__ import annotations

import time
from collections.abc import Callable

from moderation.effects import Origin, Partition
from moderation.events import BadRecord, Event, Ignored, decode
from moderation.events.resolution import Resolution
from moderation.events.wire import read_key
from moderation.mapping import FieldMapping, Kind, Mapped, RecordInfo
from moderation.values.bounds import record_time
from moderation.values.identifiers import identifier


def _now_ms() -> int:
    return int(time.time() * 1000)


def _account_of(value: object) -> str | None:
    try:
        return identifier(value)
    except ValueError:
        return None


class RecordReader:
    """Decodes the records of a source and counts the mapped fields with a value."""

    def __init__(
        self,
        mapping: FieldMapping,
        now_ms: Callable[[], int] = _now_ms,
        resolution: Resolution | None = None,
    ) -> None:
        self.mapping = mapping
        self.resolution = resolution or Resolution(mapping)
        self._now_ms = now_ms
        self._latest_ms: dict[Partition, int] = {}
        self._account: object = None

    def read(self, origin: Origin, kind: Kind | None = None) -> Event | BadRecord | Ignored:
        """Return the event of a record, or the reason for none. *kind* is the kind of its topic, None for several.

        In a source without record timestamps, such as a file, the time of a record is that of the latest event before.
        """
        if origin.unreadable is not None:
            return BadRecord("record", origin.unreadable)
        self._account = None
        now_ms = self._now_ms()
        stamp_ms = record_time(origin.timestamp_ms, now_ms)
        try:
            event = decode(
                origin.value,
                arrival_ms=now_ms if stamp_ms is None else stamp_ms,
                kind=kind,
                mapping=self.mapping,
                info=self._info(origin, stamp_ms),
                on_mapped=self._note,
            )
        except Ignored as ignored:
            return ignored
        except BadRecord as bad:
            bad.account_id = _account_of(self._account)
            return bad
        if stamp_ms is None and event.at_ms is not None:
            latest = self._latest_ms.get(origin.partition, event.at_ms)
            self._latest_ms[origin.partition] = max(latest, event.at_ms)
        return event

    def _note(self, kind: Kind, mapped: Mapped, invalid: list[str]) -> None:
        self._account = mapped.values.get("account_id")
        self.resolution.note(kind, mapped, invalid)

    def _info(self, origin: Origin, stamp_ms: int | None) -> RecordInfo:
        written_ms = self._latest_ms.get(origin.partition) if stamp_ms is None else stamp_ms
        if not self.mapping.uses_record:
            return RecordInfo(timestamp_ms=written_ms)
        headers = {
            name: None if value is None else value.decode("utf-8", "backslashreplace") for name, value in origin.headers
        }
        return RecordInfo(read_key(origin.key), headers, written_ms)
