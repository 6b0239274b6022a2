"""Queries the review database from time to time, for readiness, the age of the outbox and the quota."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

from moderation.errors import ModerationError

log = logging.getLogger(__name__)

EVERY_S = 5.0


class DatabaseFigures(NamedTuple):
    """The age of the oldest dead letter that waits, and how many accounts may enter the queue today."""

    outbox_age_s: float
    quota_remaining: int | None


class DatabaseWatch:
    """Calls *query* in a thread of its own, because a frozen server can block a call for a long time.

    *note* is called with the result, and with None where the database does not answer.
    """

    def __init__(
        self,
        query: Callable[[], DatabaseFigures],
        note: Callable[[DatabaseFigures | None], None],
        every_s: float = EVERY_S,
    ) -> None:
        self._query, self._note, self._every_s = query, note, every_s
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="database-watch", daemon=True).start()

    def close(self) -> None:
        """Stop before the next query."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._note(self._query())
            except ModerationError:
                self._note(None)
            except Exception:  # a dead thread would leave the last answer standing
                log.exception("the review database cannot be watched")
                self._note(None)
            self._ended.wait(self._every_s)
