"""The complete state between posts, with its clock (the watermark of event time) and its gaps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from moderation.effects import Partition
from moderation.errors import InputError
from moderation.state.epochs import GraphEpochs
from moderation.state.follows import Change, FollowGraph
from moderation.state.keyring import Keyring
from moderation.state.memory_windows import MemoryWindowStore
from moderation.state.snapshot import Saved, read_snapshot, write_snapshot
from moderation.state.windows import MINUTE_MS, WindowStore

GRAPH_EPOCH_S = 86_400
"""Default length of an epoch of the follow graph, as in the training of risk models."""
KEPT_MINUTES = 25 * 60
"""Windows cover 24 hours; the additional hour is for late events."""


class PlatformState:
    """Windows, follow graph and closed graphs of one platform, as of the latest event."""

    def __init__(
        self,
        *,
        platform_id: str,
        keyring: Keyring,
        graph_epoch_s: int = GRAPH_EPOCH_S,
        windows: WindowStore | None = None,
        max_edges: int = 5_000_000,
    ) -> None:
        self.platform_id = platform_id
        self.keyring = keyring
        self.windows: WindowStore = windows if windows is not None else MemoryWindowStore()
        self.follows = FollowGraph(max_edges)
        self.epochs = GraphEpochs(self.follows, graph_epoch_s * 1000)
        self.graph_epoch_s = graph_epoch_s
        self.watermark_ms: int | None = None
        self.late_events = 0
        self.degraded_since_ms: int | None = None
        self._graph_lost = False
        self._horizon_minute: int | None = None
        self._key_started_ms: dict[str, int | None] = dict.fromkeys(keyring.known_key_ids)
        self.address_key = keyring
        """The live key with the longest windows, which are read; windows are written for every live key."""

    def advance(self, at_ms: int) -> bool:
        """Advance the clock to the time of an event, before the event is applied; return whether the event is late."""
        if self.watermark_ms is not None and at_ms < self.watermark_ms:
            self.late_events += 1
            return True
        self.epochs.advance(at_ms)
        self.watermark_ms = at_ms
        self._forget(at_ms // MINUTE_MS - KEPT_MINUTES)
        return False

    def _forget(self, before_minute: int) -> None:
        if before_minute != self._horizon_minute:
            self._horizon_minute = before_minute
            self.windows.evict(before_minute)
            self.follows.forget_ended(before_minute * MINUTE_MS)

    def is_late(self, at_ms: int) -> bool:
        """Return whether an event of this time follows a later one."""
        return self.watermark_ms is not None and at_ms < self.watermark_ms

    @property
    def graph_lost(self) -> bool:
        """Whether follows are missing, lost with the log or beyond the limit; then no graph feature has a value."""
        return self._graph_lost or self.follows.refused > 0

    def mark_degraded(self, since_ms: int | None, *, graph_lost: bool) -> None:
        """Mark events before this time as unknown: windows that include them are missing, not empty.

        `graph_lost`: follow events are among them, so that the complete graph is unknown.
        """
        self.degraded_since_ms = since_ms
        self._graph_lost = self._graph_lost or graph_lost

    def window_is_known(self, at_ms: int, window_ms: int) -> bool:
        """Return whether all events of the window that ends at this time were observed and are not forgotten yet."""
        start_ms = at_ms - window_ms
        if self._horizon_minute is not None and start_ms < self._horizon_minute * MINUTE_MS:
            return False
        return self.degraded_since_ms is None or start_ms >= self.degraded_since_ms

    def address_window_is_known(self, at_ms: int, window_ms: int) -> bool:
        """Return the same for windows of hashed addresses and devices, which begin again with a new key."""
        started_ms = self._key_started_ms[self.address_key.key_id]
        whole = started_ms is None or at_ms - window_ms >= started_ms
        return whole and self.window_is_known(at_ms, window_ms)

    def _resume_keys(self, started_ms: Mapping[str, int | None]) -> None:
        """Continue with the keys of a snapshot; live keys that it lacks begin now."""
        self._key_started_ms = {key.key_id: started_ms.get(key.key_id, self.watermark_ms) for key in self.keyring.live}
        named = [key for key in self.keyring.live if key.key_id in started_ms]
        self.address_key = min(named, key=lambda key: self._key_started_ms[key.key_id] or 0)

    def snapshot(self, path: Path, positions: Mapping[Partition, int]) -> None:
        """Write the state with its positions atomically."""
        saved = Saved(
            platform_id=self.platform_id,
            key_started_ms=dict(self._key_started_ms),
            graph_epoch_s=self.graph_epoch_s,
            watermark_ms=self.watermark_ms,
            late_events=self.late_events,
            degraded_since_ms=self.degraded_since_ms,
            graph_lost=self._graph_lost,
            buckets=list(self.windows.dump()),
            edges=list(self.follows.dump()),
            follows_known=self.follows.known,
            follows_refused=self.follows.refused,
            epochs=self.epochs.dump(),
            positions=dict(positions),
        )
        write_snapshot(path, saved)

    @classmethod
    def restore(
        cls, path: Path, *, keyring: Keyring, platform_id: str, graph_epoch_s: int, max_edges: int = 5_000_000
    ) -> tuple[PlatformState, dict[Partition, int]]:
        """Return the state in the file, and its positions.

        Raises InputError when the file is damaged, of another version or platform, or hashed with a key that is not
        live any more.
        """
        saved = read_snapshot(path)
        _refuse(path, saved.platform_id != platform_id, f"it belongs to the platform {saved.platform_id!r}")
        _refuse(path, saved.graph_epoch_s != graph_epoch_s, f"its graph epochs last {saved.graph_epoch_s} s")
        _refuse(
            path,
            keyring.known_key_ids.isdisjoint(saved.key_started_ms),
            f"its addresses were hashed with the key {', '.join(map(repr, sorted(saved.key_started_ms)))}, which is "
            "not among the live ones",
        )
        state = cls(platform_id=platform_id, keyring=keyring, graph_epoch_s=graph_epoch_s, max_edges=max_edges)
        state.watermark_ms = saved.watermark_ms
        state.late_events = saved.late_events
        state.degraded_since_ms = saved.degraded_since_ms
        state._graph_lost = saved.graph_lost
        state.windows.load(saved.buckets)
        pending = [Change(*change) for change in saved.epochs.pending]
        state.follows.load(saved.edges, pending=pending, ever=saved.follows_known)
        state.follows.refused = saved.follows_refused
        state.epochs.load(saved.epochs)
        if saved.watermark_ms is not None:
            state._forget(saved.watermark_ms // MINUTE_MS - KEPT_MINUTES)
        state._resume_keys(saved.key_started_ms)
        return state, saved.positions


def _refuse(path: Path, wrong: bool, why: str) -> None:
    if wrong:
        raise InputError(f"the snapshot {path} cannot be used: {why}. Move it away to rebuild the state from the log.")
