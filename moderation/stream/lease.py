"""Holds the lease of a pipeline: acquired at the start, renewed in a separate thread, released at the end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from moderation.errors import ConnectionLost, FencedError, ModerationError
from moderation.ports import Store

log = logging.getLogger(__name__)


class Lease:
    """The right of one owner to run a pipeline.

    It is renewed in a separate thread, so that long scoring or a slow start do not lose the lease.
    """

    def __init__(self, store: Store, pipeline: str, owner: str, ttl_s: float) -> None:
        self._store = store
        self._pipeline = pipeline
        self._owner = owner
        self._ttl_s = ttl_s
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._error: Exception | None = None
        self._keeper = threading.Thread(target=self._keep, name="lease", daemon=True)

    def take(self, stop: threading.Event, on_wait: Callable[[], None], *, standby: bool = False) -> None:
        """Wait until the lease is acquired or *stop* is set.

        Raises FencedError when its owner is alive, unless this is a *standby*, which waits as long as that takes.
        """
        deadline = time.monotonic() + 1.5 * self._ttl_s
        if standby and not self._try_renew():
            log.info("standby: another sidecar holds the pipeline %s; waiting for its lease", self._pipeline)
        while not (self._try_renew() if standby else self._renew()):
            if not standby and time.monotonic() > deadline:
                raise FencedError(
                    f"another sidecar holds the pipeline {self._pipeline} and is alive; a state in memory or on disk "
                    "needs every partition, so a second one has nothing to do. Set standby = true to let it wait and "
                    'take over, set state.backend = "redis" for both to share the partitions, or stop the first one.'
                )
            if stop.wait(min(0.5, self._ttl_s / 4)):
                return
            on_wait()

    def keep(self) -> None:
        """Start to renew the lease."""
        self._keeper.start()

    def check(self) -> None:
        """Raise FencedError when the lease was lost, ModerationError when its renewal failed for good.

        The fence in the ledger protects what was written between two checks.
        """
        if self._error is not None:
            raise ModerationError(
                f"the lease is no longer renewed because of an unexpected error "
                f"({type(self._error).__name__}: {self._error}); restart the sidecar, and report this error"
            ) from self._error
        if self._lost.is_set():
            raise FencedError("another sidecar took the lease of this pipeline; this one ends without writing more")

    @property
    def running(self) -> frozenset[int]:
        """The slots of the pipeline that are held: the only one."""
        return frozenset({0})

    def begin(self) -> frozenset[int]:
        """Return the same."""
        return self.running

    def fenced(self) -> None:
        """Do nothing: a sidecar that is fenced ends."""

    def end(self) -> None:
        """Stop renewing; a renewal in progress continues until `release`."""
        self._ended.set()

    def release(self) -> None:
        """Release the lease; if that fails, it expires."""
        if self._keeper.is_alive():
            self._keeper.join(self._ttl_s)  # a renewal in progress must not outlive the release
        try:
            self._store.release_lease(self._pipeline, self._owner)
        except ConnectionLost:
            log.warning("the lease could not be released; it expires by itself")

    def _renew(self) -> bool:
        return self._store.acquire_lease(self._pipeline, self._owner, self._ttl_s)

    def _try_renew(self) -> bool:
        """Return whether the lease was acquired; False also while the database does not answer."""
        try:
            return self._renew()
        except ConnectionLost as lost:
            log.warning("standby: %s", lost)
            return False

    def _keep(self) -> None:
        while not self._ended.wait(self._ttl_s / 3):
            try:
                if not self._renew():
                    self._lost.set()
                    return
            except ConnectionLost as lost:
                log.warning("the lease could not be renewed: %s", lost)
            except Exception as error:
                log.exception("the lease can no longer be renewed")
                self._error = error
                return
