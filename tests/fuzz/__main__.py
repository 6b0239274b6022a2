"""Decode damaged and random records: `python -m tests.fuzz --records 1000000 --seed 1`.

Each record must become an event, a dead letter or be ignored by a rule. An exception is a fault: it is printed with the
record, and the command ends with 1. Prints the numbers of outcomes, the slowest record and the growth of the memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from moderation.effects import Origin
from moderation.events import BadRecord, EventKey, Ignored
from moderation.events.reading import RecordReader
from moderation.mapping import KINDS, FieldMapping
from tests.fuzz.records import NOW_MS, mapping, records

LONGEST_REASON = 1_000


@dataclass
class Found:
    """Numbers of outcomes, faults with their record, and the longest processor time for one record."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[dict[str, Any]] = field(default_factory=list)
    longest_s: float = 0.0
    longest: bytes = b""


def fuzz(count: int, seed: int, most_faults: int = 10) -> Found:
    """Return what the records became, read by our own names and by a mapping in turn."""
    readers = [RecordReader(FieldMapping({}), lambda: NOW_MS), RecordReader(mapping(), lambda: NOW_MS)]
    found = Found()
    for number, origin in enumerate(records(count, seed)):
        began = time.thread_time()
        try:
            outcome = _outcome(readers[number % 2], origin, number)
        except Exception as error:
            found.faults.append({"record": number, "error": repr(error)[:300], "value": repr(origin.value)[:2_000]})
            if len(found.faults) >= most_faults:
                break
            continue
        lasted = time.thread_time() - began
        if lasted > found.longest_s:
            found.longest_s, found.longest = lasted, origin.value or b""
        found.outcomes[outcome] += 1
    return found


def _outcome(reader: RecordReader, origin: Origin, number: int) -> str:
    """Return what a record became; its kind is that of its topic for some records."""
    event = reader.read(origin, KINDS[number // 2 % 32] if number // 2 % 32 < len(KINDS) else None)
    if isinstance(event, Ignored):
        return "ignored"
    if isinstance(event, BadRecord):
        assert len(event.reason) <= LONGEST_REASON, f"a reason of {len(event.reason)} characters"
        return "dead letter"
    if event.at_ms is not None:
        EventKey.of(event).as_tuple()
    return type(event).__name__.lower()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    fuzz(min(20_000, arguments.records), arguments.seed + 1)  # caches are full before the memory is measured
    before_kib, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    found = fuzz(arguments.records, arguments.seed)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    for fault in found.faults:
        sys.stdout.write(json.dumps(fault) + "\n")
    report = {
        "records": arguments.records,
        "seed": arguments.seed,
        "outcomes": dict(sorted(found.outcomes.items())),
        "faults": len(found.faults),
        "longest_ms": round(1000 * found.longest_s, 1),
        "longest_bytes": len(found.longest),
        "memory_grown_mib": round(grown_kib / 1024, 1),
        "seconds": round(time.monotonic() - began),
    }
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
