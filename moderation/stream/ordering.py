"""Event-time order across partitions, as far as they have been read.

The smallest event time is next, whatever partition it came from. A partition that was read to the end of its log holds
up nothing; one whose log continues is waited for, because its next record may be older. One that returns nothing for
`stalled_ms` no longer holds up the others; what depends on it is missing until it continues. The idea is that of Kafka
Streams (KIP-353, KIP-695).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heappop, heappush

from moderation.effects import Origin, Partition
from moderation.events import BadRecord, Event, EventKey, Ignored

# A batch has a deadline, so that its size is bounded.
_LARGEST_TIE = 256
_LARGEST_TIE_BYTES = 128 * 1024
_UNTIMED = -(1 << 63)
"""Stands for the time of an item without one, which is before all others."""


@dataclass(frozen=True)
class Item:
    """One record in processing: decoded, refused or ignored, with its origin."""

    origin: Origin
    content: Event | BadRecord | Ignored
    silent: bool = False
    """Part of a rebuild: restores state and has no other effect."""

    @property
    def event(self) -> Event | None:
        """The event, None where the record was refused or ignored."""
        return None if isinstance(self.content, (BadRecord, Ignored)) else self.content

    @cached_property
    def at_ms(self) -> int | None:
        """Event time in milliseconds, None without one: such an item is next when it is first in its partition."""
        return None if isinstance(self.content, (BadRecord, Ignored)) else self.content.at_ms


@dataclass
class _Lane:
    number: int
    items: deque[Item] = field(default_factory=deque)
    bytes: int = 0
    empty_since_ms: float = 0.0
    unread: bool = True
    """Whether the log continues beyond the items."""
    reached_ms: int = 0
    """The latest event time that came from this lane."""


class EventTimeMerge:
    """Items of several partitions in event-time order; the order within each partition is kept.

    Items with the same event time come out together, ordered by kind and identity, so that the order does not
    depend on how records are spread over partitions.
    """

    def __init__(self, partitions: Iterable[Partition], *, stalled_ms: float, now_ms: float) -> None:
        self._lanes = {p: _Lane(number, empty_since_ms=now_ms) for number, p in enumerate(partitions)}
        self._numbered = list(self._lanes.values())
        self._stalled_ms = stalled_ms
        self._heads: list[tuple[int, int]] = []
        """A heap with the time of the first item and the number of each lane that has items."""
        self._open = set(range(len(self._numbered)))
        """The numbers of the lanes without items whose log continues."""
        self._size = 0

    def add(self, item: Item) -> None:
        """Append an item to its partition's lane."""
        lane = self._lanes[item.origin.partition]
        lane.items.append(item)
        lane.bytes += _bytes(item)
        self._size += 1
        if len(lane.items) == 1:
            self._open.discard(lane.number)
            self._push_head(lane)

    def buffered(self, partition: Partition) -> int:
        """Return the number of waiting items of a partition."""
        return len(self._lanes[partition].items)

    def full(self, most_items: int, most_bytes: int, most_bytes_in_all: int) -> set[Partition]:
        """Return the partitions of which no more should be fetched now.

        Those with as many items or bytes; all that have items, where there are too many bytes in all. A partition
        without an item is never full, because the others may wait for it.
        """
        crowded = sum(lane.bytes for lane in self._lanes.values()) >= most_bytes_in_all
        return {
            partition
            for partition, lane in self._lanes.items()
            if lane.items and (crowded or len(lane.items) >= most_items or lane.bytes >= most_bytes)
        }

    def oldest_ms(self) -> int | None:
        """Return the earliest event time among the first items; None without one."""
        heads = [lane.items[0].at_ms for lane in self._lanes.values() if lane.items]
        return min((at_ms for at_ms in heads if at_ms is not None), default=None)

    def note_unread(self, partitions: Collection[Partition]) -> None:
        """Note the partitions whose log continues beyond what was added; the others were read to their end."""
        for partition, lane in self._lanes.items():
            lane.unread = partition in partitions
        self._open = {lane.number for lane in self._numbered if lane.unread and not lane.items}

    def stalled(self, now_ms: float) -> set[Partition]:
        """Return the partitions that no longer hold up the others although their log continues."""
        return {partition for partition, lane in self._lanes.items() if self._stalled(lane, now_ms)}

    def reached_ms(self, now_ms: float) -> int | None:
        """Return the event time up to which the stalled partitions were read; None where none is stalled."""
        return min((self._lanes[partition].reached_ms for partition in self.stalled(now_ms)), default=None)

    def _stalled(self, lane: _Lane, now_ms: float) -> bool:
        return lane.unread and not lane.items and now_ms - lane.empty_since_ms >= self._stalled_ms

    def __len__(self) -> int:
        return self._size

    def done_ms(self, partition: Partition, wall_ms: int) -> int:
        """Return the event time up to which the items of a partition were taken; *wall_ms* where all were."""
        lane = self._lanes[partition]
        waiting = next((item.at_ms for item in lane.items if item.at_ms is not None), None)
        if waiting is not None:
            return waiting - 1
        return lane.reached_ms - 1 if lane.unread or lane.items else wall_ms

    def take(
        self,
        limit: int,
        now_ms: float,
        *,
        max_bytes: float = math.inf,
        flush: bool = False,
        until_ms: int | None = None,
    ) -> list[Item]:
        """Return ready items up to `limit` items or `max_bytes` of records.

        These limits do not split a tie, because the offsets of a partition are in another order within it, so that only
        a complete tie may be committed. Items later than `until_ms` wait. A tie of more than 256 records or 128 KiB,
        such as in an import whose times are days, is returned in several parts, each in the order of the log. `flush`
        treats every partition as ended.
        """
        taken: list[Item] = []
        size = 0
        while len(taken) < limit and size < max_bytes:
            group = self._next_group(now_ms, flush, until_ms)
            if not group:
                break
            taken.extend(group)
            size += sum(map(_bytes, group))
        return taken

    def _next_group(self, now_ms: float, flush: bool, until_ms: int | None) -> list[Item]:
        if not self._heads or (until_ms is not None and self._heads[0][0] > until_ms):
            return []
        at_ms, lanes = self._pop_heads()
        group: list[Item] = []
        if at_ms == _UNTIMED:
            group.append(self._pop(lanes[0], now_ms))
        elif flush or self._all_settled(lanes, at_ms, now_ms):
            size = 0
            for lane in lanes:
                while len(group) < _LARGEST_TIE and size < _LARGEST_TIE_BYTES and _next_time(lane) == at_ms:
                    group.append(self._pop(lane, now_ms))
                    size += _bytes(group[-1])
        for lane in lanes:
            self._push_head(lane)
        return sorted(group, key=_tie_key) if len(group) > 1 else group

    def _pop_heads(self) -> tuple[int, list[_Lane]]:
        """Remove the earliest heads; return their time and their lanes in order."""
        heads = self._heads
        at_ms, lanes = heads[0][0], list[_Lane]()
        while heads and heads[0][0] == at_ms:
            lanes.append(self._numbered[heappop(heads)[1]])
        return at_ms, lanes

    def _push_head(self, lane: _Lane) -> None:
        if lane.items:
            at_ms = lane.items[0].at_ms
            heappush(self._heads, (_UNTIMED if at_ms is None else at_ms, lane.number))

    def _all_settled(self, lanes: Sequence[_Lane], at_ms: int, now_ms: float) -> bool:
        """Return whether nothing at or before `at_ms`, at which *lanes* are, is still to come.

        Lanes with a later first item are settled, and so are those without one that were read to their end.
        """
        return all(self._settled(lane, at_ms, now_ms) for lane in lanes) and all(
            self._settled(self._numbered[number], at_ms, now_ms) for number in self._open
        )

    def _settled(self, lane: _Lane, at_ms: int, now_ms: float) -> bool:
        """Return whether nothing at or before `at_ms` is still to come from this lane, or the wait is over."""
        if not lane.unread or len(lane.items) >= _LARGEST_TIE or lane.bytes >= _LARGEST_TIE_BYTES:
            return True
        # The last item decides, except in the middle of a tie.
        if any(item.at_ms is not None and item.at_ms != at_ms for item in reversed(lane.items)):
            return True
        return now_ms - lane.empty_since_ms >= self._stalled_ms

    def _pop(self, lane: _Lane, now_ms: float) -> Item:
        item = lane.items.popleft()
        lane.bytes -= _bytes(item)
        lane.reached_ms = max(lane.reached_ms, item.at_ms or 0)
        self._size -= 1
        if not lane.items:
            lane.empty_since_ms = now_ms
            if lane.unread:
                self._open.add(lane.number)
        return item

    def note_arrivals(self, partitions: Iterable[Partition], now_ms: float) -> None:
        """Restart the idle clock of these partitions, which have just delivered records."""
        for partition in partitions:
            self._lanes[partition].empty_since_ms = now_ms


def _bytes(item: Item) -> int:
    return len(item.origin.value or b"")


def _next_time(lane: _Lane) -> int | None:
    """Return the event time of the first item with one."""
    if lane.items and lane.items[0].at_ms is not None:
        return lane.items[0].at_ms
    return next((item.at_ms for item in lane.items if item.at_ms is not None), None)


def _tie_key(item: Item) -> tuple[int, int, str]:
    event = item.event
    if event is None or event.at_ms is None:
        return (0, -1, "")
    return EventKey.of(event).as_tuple()
