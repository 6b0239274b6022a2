"""Restores the state for a start and plans where each partition is read from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from moderation.effects import Partition
from moderation.errors import PositionError
from moderation.mapping import Kind
from moderation.ports import Store
from moderation.state import PlatformState, has_saved
from moderation.stream.assembly import Builders, LoopConfig
from moderation.stream.recovery import StartPlan, plan_start

log = logging.getLogger(__name__)

NEVER_LIVE = 2**62
"""Position from which a partition is live that only restores state here."""
DOES_NOT_FIT = "the saved state does not fit the log and the ledger; it is rebuilt from the log"


@dataclass(frozen=True)
class Beginning:
    """What a start knows: the positions in the ledger, the log, and the kind of event in each topic."""

    ledger: Mapping[Partition, int | None]
    bounds: Mapping[Partition, tuple[int, int]]
    kinds: Mapping[str, Kind | None]
    recreated: Set[Partition]
    follows: str
    """Topic of follow events; empty: none."""
    on_lost_records: Literal["stop", "skip"]

    def plan(self, partitions: Set[Partition], saved: Mapping[Partition, int] | None) -> StartPlan:
        """Return the plan for some of the partitions."""
        return plan_start(
            ledger=self.ledger,
            saved=saved,
            bounds={p: bounds for p, bounds in self.bounds.items() if p in partitions},
            on_lost_records=self.on_lost_records,
            recreated=self.recreated & partitions,
        )

    def plan_follows(self, partitions: Set[Partition], graph: Mapping[Partition, int] | None) -> StartPlan:
        """Return the plan for partitions of follow events, which every sidecar of a shared pipeline reads.

        Those of other sidecars only restore the graph. Its positions are not bound to the ledger: events after the
        earlier one of both are applied again.
        """
        owned = {p for p in partitions if p in self.ledger}
        ledger = {p: self.ledger[p] if p in owned else self.bounds[p][1] for p in partitions}
        saved = None
        if graph is not None:
            ends = {p: self.bounds[p][0] if ledger[p] is None else ledger[p] for p in partitions}
            saved = {p: min(at, ends[p] or 0) for p, at in graph.items() if p in partitions}
        plan = replace(self, ledger=ledger).plan(partitions, saved)
        silent = dict.fromkeys(partitions - owned, NEVER_LIVE)
        return replace(plan, live_from={**plan.live_from, **silent})

    def of_follows(self) -> set[Partition]:
        """Return the partitions that have follow events only."""
        return {p for p in self.bounds if self.kinds.get(p.topic) == "follow"}


def recreated_in(partitions: Sequence[Partition], store: Store, config: LoopConfig) -> frozenset[Partition]:
    """Return partitions of recreated topics. Raises PositionError unless *on_recreated_topic* permits them."""
    found: set[Partition] = set()
    for cluster_id, topic, topic_id in sorted({(p.cluster_id, p.topic, p.topic_id) for p in partitions}):
        known = store.known_topic_ids(config.pipeline, cluster_id, topic)
        if not known or topic_id in known:
            continue
        if config.on_recreated_topic == "stop":
            raise PositionError(
                f"the topic {topic} was recreated: the positions in the ledger are of the previous one. "
                'Set kafka.on_recreated_topic = "restart" to read the new one from its start.'
            )
        found.update(partition for partition in partitions if partition.topic_id == topic_id)
    return frozenset(found)


@dataclass(frozen=True)
class Kept:
    """A state in memory from before, with the positions of its follow graph."""

    state: PlatformState
    positions: Mapping[Partition, int]


def begin(
    builders: Builders, directory: Path | None, beginning: Beginning, kept: Kept | None = None
) -> tuple[PlatformState, StartPlan]:
    """Return the restored state, or an empty one where it does not fit, with the plan.

    Raises PositionError, and StateLost where the backend lost rows since it was read for the kept state.
    """
    if kept is not None and kept.state.stored is not None:
        kept.state.stored.working.forget()
        return _begin_stored(builders, kept.state, kept.positions, beginning, kept.state.stored.positions())
    state = builders.new_state()
    saved = state.restore(directory) if directory is not None and has_saved(directory) else None
    if state.stored is not None:
        return _begin_stored(builders, state, saved, beginning, state.stored.positions())
    plan = beginning.plan(beginning.bounds.keys(), saved)
    if saved is not None and not plan.use_saved:
        log.warning(DOES_NOT_FIT)
        state.close()
        state = builders.new_state()
    return state, plan


def _begin_stored(
    builders: Builders,
    state: PlatformState,
    graph: Mapping[Partition, int] | None,
    beginning: Beginning,
    stored: Mapping[Partition, int],
) -> tuple[PlatformState, StartPlan]:
    """Return the same for a state with a backend, which has positions of its own beside those of the follow graph.

    Topics of follow events are read from the positions of the graph, other topics from those of the backend, and a
    topic of both from the earlier one.
    """
    mixed = {p for p in beginning.bounds if p.topic == beginning.follows and p not in beginning.of_follows()}
    saved = {p: min(at, (graph or {}).get(p, 0)) if p in mixed else at for p, at in stored.items()}
    follows = beginning.of_follows()
    others = beginning.bounds.keys() - follows
    saved = {p: at for p, at in saved.items() if p in others}
    _refuse_ahead(state, saved, beginning)
    keyed = beginning.plan(others, saved or None)
    of_graph = beginning.plan_follows(follows, graph)
    if (saved and not keyed.use_saved) or (graph is not None and not of_graph.use_saved):
        log.warning(DOES_NOT_FIT)
    if graph is not None and not (of_graph.use_saved and (keyed.use_saved or not mixed)):
        state.close()
        state = builders.new_state()
    if keyed.use_saved or state.stored is None or state.stored.backend.several:
        state.resume_stored()
    else:
        state.stored.working.clear()
    return state, StartPlan(
        {**keyed.read_from, **of_graph.read_from},
        {**keyed.live_from, **of_graph.live_from},
        keyed.use_saved and of_graph.use_saved,
        {**keyed.gaps, **of_graph.gaps},
    )


def _refuse_ahead(state: PlatformState, saved: Mapping[Partition, int], beginning: Beginning) -> None:
    """Raise PositionError where a shared state is ahead of the ledger, as after the database was restored."""
    if state.stored is None or not state.stored.backend.several:
        return
    for partition, at in saved.items():
        known = beginning.ledger.get(partition)
        if partition in beginning.bounds and at > (known or 0) and partition not in beginning.recreated:
            raise PositionError(
                f"{state.stored.backend.describe()} is at offset {at} of {partition.topic}/{partition.partition}, "
                f"ahead of the ledger ({known}), as after the database was restored. Stop all sidecars and delete "
                "these keys; the next start rebuilds the state from the log."
            )
