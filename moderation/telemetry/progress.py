"""How long records that were read have not been judged, for the probe of liveness and the alert on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from moderation.effects import Partition
from moderation.stream.observing import LoopView


class Progress:
    """Since when records wait to be judged while no position moves.

    A partition that returns nothing (a broker or its leader is away, a transaction is open) and one whose records are
    later than those of the others have lag without a fault of this process, so lag is not used.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: float | None = None
        self._positions: Mapping[Partition, int] = {}

    def view(self, view: LoopView) -> None:
        """Note the state of the loop."""
        moved = view.positions != self._positions
        self._positions = view.positions
        if not view.waiting:
            self._since = None
        elif moved or self._since is None:
            self._since = self._clock()

    def blocked(self) -> None:
        """Note that records wait for a server, also where none waited in the last view."""
        self._since = self._clock() if self._since is None else self._since

    def excuse(self) -> None:
        """Count from now on again, where records wait."""
        self._since = None if self._since is None else self._clock()

    def ended(self) -> None:
        """Note that nothing is assigned."""
        self._since = None

    def waiting_s(self) -> float:
        """Return for how many seconds read records have waited without progress; 0 where none wait."""
        since = self._since
        return 0.0 if since is None else max(0.0, self._clock() - since)
