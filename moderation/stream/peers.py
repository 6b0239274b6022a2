"""How far the sidecars that share a pipeline have read: each publishes it, and waits for the others where it must.

A post reads windows over other accounts up to the last full minute, so that a sidecar judges it when the others have
published that they wrote everything up to the end of that minute. Where another one makes no progress for the time
after which a partition counts as stalled, posts go on, with these windows missing.
"""

from __future__ import annotations

from collections.abc import Mapping

from moderation.state.coverage import MINUTE_MS
from moderation.stream.ordering import EventTimeMerge
from moderation.stream.slots import Assignment

REACHED = "reached:"


class Peers:
    """The progress of the slots of other sidecars, and of one's own."""

    def __init__(self, assignment: Assignment, *, lateness_ms: int, stalled_ms: float, now_ms: float) -> None:
        self._assignment = assignment
        self._lateness_ms = lateness_ms
        self._stalled_ms = stalled_ms
        self._reached = dict.fromkeys(assignment.others, 0)
        self._changed_ms = dict.fromkeys(assignment.others, now_ms)

    def __bool__(self) -> bool:
        return bool(self._reached)

    def note(self, marks: Mapping[str, int], now_ms: float) -> None:
        """Note what the others have published."""
        for slot, before in self._reached.items():
            reached = marks.get(f"{REACHED}{slot}", 0)
            if reached != before:
                self._reached[slot], self._changed_ms[slot] = reached, now_ms

    def _stalled(self, slot: int, now_ms: float) -> bool:
        return now_ms - self._changed_ms[slot] >= self._stalled_ms

    def until_ms(self, now_ms: float) -> int | None:
        """Return the time of the last event that may be judged now; None: any."""
        waited = [reached for slot, reached in self._reached.items() if not self._stalled(slot, now_ms)]
        if not waited:
            return None
        return self._lateness_ms + ((min(waited) + 1) // MINUTE_MS + 1) * MINUTE_MS - 1

    def missing_from_ms(self, now_ms: float, *, all_of_them: bool = False) -> int | None:
        """Return up to where the others that are not waited for have read; None where there is no such one."""
        found = (r for slot, r in self._reached.items() if all_of_them or self._stalled(slot, now_ms))
        return min(found, default=None)

    def passed_ms(self, marks: Mapping[str, int]) -> int:
        """Return up to when all own slots were read, by what was published for them."""
        return min((marks.get(f"{REACHED}{slot}", 0) for slot in self._assignment.slots), default=0)

    def marks(self, merge: EventTimeMerge, wall_ms: int) -> dict[str, int]:
        """Return what to publish: up to which event time the partitions of each own slot were read and written.

        A partition that was read to its end counts as read up to the time of that reading. 0: nothing was read yet.
        Events within the allowed lateness of what was read can still come, and a window over them is not complete.
        """
        done = {
            slot: min((merge.done_ms(p, wall_ms) for p in partitions), default=wall_ms)
            for slot, partitions in self._assignment.slots.items()
        }
        return {f"{REACHED}{slot}": max(0, at_ms - self._lateness_ms) for slot, at_ms in done.items()}
