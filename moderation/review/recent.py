"""Figures over large tables, which a console computes at most once a minute."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import TypeVar, cast

LASTS = timedelta(minutes=1)
Value = TypeVar("Value")


class Recent:
    """Keeps the last value of each figure for a minute. Safe to call from several threads: one computes, others wait.

    Only numbers that no decision depends on are kept, never what a person reads about an account.
    """

    def __init__(self) -> None:
        self._locks: defaultdict[Hashable, threading.Lock] = defaultdict(threading.Lock)
        self._kept: dict[Hashable, tuple[datetime, object]] = {}

    def get(self, name: Hashable, now: datetime, compute: Callable[[], Value]) -> Value:
        """Return the value of a figure; *compute* is called where it is missing, older than a minute, or of later."""
        with self._locks[name]:
            at, value = self._kept.get(name, (now - 2 * LASTS, None))
            if not timedelta(0) <= now - at < LASTS:
                value = compute()
                self._kept[name] = now, value
            return cast(Value, value)
