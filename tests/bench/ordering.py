"""What it costs to bring records of many partitions into order: `python -m tests.bench.ordering --partitions 48`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime, timedelta

from moderation.effects import Origin, Partition
from moderation.events import Follow
from moderation.stream.ordering import EventTimeMerge, Item
from tests.bench.processor import processor

ADDED = 1000
"""Records that are added before some are taken."""


def records(lanes: list[Partition], count: int) -> list[Item]:
    """Return records in event-time order that are spread evenly over the partitions."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    found = []
    for number in range(count):
        at = begin + timedelta(milliseconds=37 * number)
        event = Follow(account_id="a", target_account_id="b", at=at)
        found.append(Item(Origin(lanes[number % len(lanes)], number // len(lanes), value=b"{}"), event))
    return found


def microseconds_per_record(partitions: int, count: int) -> float:
    """Return the processor time of a record in a backlog, in which all logs continue."""
    lanes = [Partition("c", "posts", "t", number) for number in range(partitions)]
    items = records(lanes, count)
    merge = EventTimeMerge(lanes, stalled_ms=1000, now_ms=0)
    began = time.process_time()
    for begin in range(0, count, ADDED):
        for item in items[begin : begin + ADDED]:
            merge.add(item)
        merge.note_unread(set(lanes))
        while merge.take(ADDED, 0):
            pass
    return 1e6 * (time.process_time() - began) / count


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--partitions", type=int, nargs="+", default=[4, 48])
    parser.add_argument("--records", type=int, default=50_000)
    arguments = parser.parse_args()
    found = {str(n): round(microseconds_per_record(n, arguments.records), 1) for n in arguments.partitions}
    sys.stdout.write(json.dumps({"processor": processor(), "us_per_record_by_partitions": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
