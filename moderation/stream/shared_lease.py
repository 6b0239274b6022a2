"""The part of a sidecar in a shared pipeline: it renews its slots in a separate thread, and keeps a fair share.

A member takes free slots up to its share and gives up slots beyond it, between two batches. A slot is free when its
owner has released it, or has not renewed it for the time of a lease. Two members can never write the same partition:
the fence in the ledger decides, whatever the clocks.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from moderation.errors import ConnectionLost, FencedError, ModerationError
from moderation.ports import Member, Shares, Store
from moderation.stream.slots import fair_share

log = logging.getLogger(__name__)


class Reassigned(Exception):
    """The slots of this sidecar changed: no error, the loop begins again with the others."""


class SharedLease:
    """The slots of one sidecar, with the methods of `moderation.stream.lease.Lease`."""

    def __init__(self, store: Store, member: Member, ttl_s: float) -> None:
        self._store = store
        self._member = member
        self._ttl_s = ttl_s
        self._lock = threading.Lock()
        self._held: frozenset[int] = frozenset()
        self._share = 0
        self.running: frozenset[int] = frozenset()
        """The slots that the loop runs with."""
        self._ended = threading.Event()
        self._error: Exception | None = None
        self._keeper = threading.Thread(target=self._keep, name="lease", daemon=True)

    def take(self, stop: threading.Event, on_wait: Callable[[], None], *, standby: bool = False) -> None:  # noqa: ARG002
        """Wait until there is a slot or *stop* is set. Raises FencedError where a sidecar has the pipeline alone."""
        deadline = time.monotonic() + 1.5 * self._ttl_s
        while not self._target():
            shares = self._renew()
            if shares.sole is not None and time.monotonic() > deadline:
                raise FencedError(
                    f"a sidecar with a state of its own runs the pipeline {self._member.pipeline}; stop it, or name "
                    "another pipeline. Sidecars share a pipeline only where all have the same state.backend."
                )
            if not self._target() and stop.wait(min(0.5, self._ttl_s / 4)):
                return
            on_wait()

    def keep(self) -> None:
        """Start to renew the slots."""
        self._keeper.start()

    def _target(self) -> frozenset[int]:
        """Return the slots to run with: those that are held, up to the share."""
        return frozenset(sorted(self._held)[: self._share])

    def begin(self) -> frozenset[int]:
        """Return the slots to run with from now on; those beyond the share are released."""
        with self._lock:
            self.running = self._target()
            if surplus := self._held - self.running:
                self._store.release_slots(self._member, surplus)
                self._held = frozenset(self.running)
        log.info("this sidecar has %d of %d slots: %s", len(self.running), self._member.slots, sorted(self.running))
        return self.running

    def check(self) -> None:
        """Raise Reassigned when the slots changed, ModerationError when their renewal failed for good."""
        if self._error is not None:
            raise ModerationError(
                f"the slots are no longer renewed because of an unexpected error ({type(self._error).__name__}: "
                f"{self._error}); restart the sidecar, and report this error"
            ) from self._error
        if not self._target() == self._held == self.running:
            raise Reassigned

    def fenced(self) -> None:
        """Renew at once after a commit was refused, because another sidecar has claimed a partition."""
        self._renew()

    def end(self) -> None:
        """Stop renewing; a renewal in progress continues until `release`."""
        self._ended.set()

    def release(self) -> None:
        """Release all slots; if that fails, they expire."""
        if self._keeper.is_alive():
            self._keeper.join(self._ttl_s)
        try:
            self._store.release_slots(self._member, None)
        except ConnectionLost:
            log.warning("the slots could not be released; they expire")

    def _renew(self) -> Shares:
        """Renew what is held, and take free slots up to the share."""
        owner, slots = self._member.owner, self._member.slots
        with self._lock:
            shares = self._store.share(self._member, self._ttl_s, self._held)
            held = {slot for slot, of in shares.slots.items() if of == owner}
            self._share = 0 if shares.sole is not None else fair_share(owner, shares.members, slots)
            free = [slot for slot in range(slots) if slot not in shares.slots][: max(0, self._share - len(held))]
            if free:
                shares = self._store.share(self._member, self._ttl_s, held | set(free))
                held = {slot for slot, of in shares.slots.items() if of == owner}
            self._held = frozenset(held)
        return shares

    def _keep(self) -> None:
        while not self._ended.wait(self._ttl_s / 3):
            try:
                self._renew()
            except ConnectionLost as lost:
                log.warning("the slots could not be renewed: %s", lost)
            except Exception as error:
                log.exception("the slots can no longer be renewed")
                self._error = error
                return
