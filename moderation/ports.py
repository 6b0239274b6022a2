"""The ports of the sidecar as protocols: the source of records, the store of effects and the relay."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from moderation.effects import DeadLetter, Effects, Origin, Partition


@dataclass(frozen=True)
class Claim:
    """The right to write for some partitions until another owner claims them; `epochs` are the fencing tokens."""

    pipeline: str
    owner: str
    epochs: Mapping[Partition, int]
    positions: Mapping[Partition, int | None]
    """Next offset by partition as committed; None for partitions that are not in the ledger yet."""


class Member(NamedTuple):
    """A sidecar that shares a pipeline with others, and in how many slots its partitions are."""

    pipeline: str
    owner: str
    slots: int


@dataclass(frozen=True)
class Shares:
    """The valid leases of a pipeline: its members, the owner of each slot, and the owner of the complete pipeline."""

    members: frozenset[str]
    slots: Mapping[int, str]
    sole: str | None


@dataclass(frozen=True)
class OutboxRow:
    """One dead letter waiting to be relayed; `id` only orders rows, the origin identifies the record."""

    id: int
    topic: str
    letter: DeadLetter


@dataclass(frozen=True)
class FeatureVersions:
    """The versions of stored feature vectors that are comparable with each other."""

    features: str
    detector: str
    risk: frozenset[str]
    """Risk bundles with one content baseline, to which the content features are relative."""
    policy: str
    """Scoring policy, which selects the texts that the content features are about."""


@dataclass(frozen=True)
class JudgedPost:
    """A stored post with the features of its time and what people found about it."""

    account_id: str
    at_ms: int
    content_hash: str
    address: str | None
    """Keyed hash of the address, with the id of the key."""
    features: tuple[float | None, ...]
    flagged: bool
    """Whether it is flagged, and therefore stored whatever the audit sample draws."""
    decided: str | None
    """The latest verdict of a person who may have seen what the model found; None without one."""
    blind: str | None
    """The first verdict about a post of the audit sample by a person who had not seen what the model found."""
    probability: float | None
    """Probability of its draw for the audit sample; None outside it."""


@dataclass(frozen=True)
class JudgedPosts:
    """The posts with a verdict, in the order of their times."""

    posts: Sequence[JudgedPost]
    of_other_versions: int
    """Posts with a verdict that are left out because other models or features judged them."""
    of_other_policy: int
    """Others that are left out because another scoring policy selected the texts of their accounts."""


class JudgedPostsReader(Protocol):
    """Reads the posts with a verdict from a review database."""

    def __call__(self, database: str, platform_id: str, versions: FeatureVersions) -> JudgedPosts:
        """Return the posts of a platform. Raises SettingsError for an unusable database, and ConnectionLost."""


class Store(Protocol):
    """The ledger, the flags and the outbox behind one transaction. One process, one store."""

    def acquire_lease(self, pipeline: str, owner: str, ttl_s: float) -> bool:
        """Take or renew the pipeline's lease; False while another owner's lease has not lapsed (database clock)."""

    def release_lease(self, pipeline: str, owner: str) -> None:
        """Release the lease; no effect when *owner* does not hold it."""

    def share(self, member: Member, ttl_s: float, wanted: Collection[int]) -> Shares:
        """Renew a member, acquire or renew the wanted slots that are free or its own; return what is valid then."""

    def release_slots(self, member: Member, slots: Collection[int] | None) -> None:
        """Release slots of a member; with None all of them, and its membership."""

    def known_topic_ids(self, pipeline: str, cluster_id: str, topic: str) -> set[str]:
        """Return the topic ids with positions in the ledger; a different current one means a recreated topic."""

    def claim(self, pipeline: str, owner: str, partitions: Sequence[Partition]) -> Claim:
        """Raise the fencing epoch of each partition and return it with the committed position."""

    def begin(self, claim: Claim, positions: Mapping[Partition, int]) -> None:
        """Set the position of partitions that have none; one that has a position keeps it. Raises FencedError."""

    def commit(self, claim: Claim, effects: Effects) -> Mapping[str, int]:
        """Write everything in one transaction, moving each position by compare-and-set on its epoch.

        Returns counters of events that only the store can count, such as deletions without an account that match
        several posts. Applying the same effects twice has no effect. Raises FencedError, with nothing written, when
        another owner has claimed a partition, ConnectionLost when the database does not answer.
        """

    def outbox(self, limit: int, logs: Collection[tuple[str, str]] | None = None) -> list[OutboxRow]:
        """Return the oldest rows that wait, few enough for memory.

        With *logs*, pairs of cluster id and topic, only letters from these.
        """

    def relayed(self, ids: Sequence[int]) -> None:
        """Mark outbox rows as sent (they may be sent again if this call is lost)."""

    def refuse(self, ids: Sequence[int], reason: str) -> None:
        """Mark outbox rows as refused for good: they wait no longer."""

    def refuse_all(self, log: tuple[str, str], reason: str) -> int:
        """Mark all letters from a pair of cluster and topic that wait as refused; return how many."""

    def retry_refused(self, logs: Collection[tuple[str, str]]) -> int:
        """Let refused letters from these pairs of cluster and topic wait again; return how many."""

    def expire(self) -> int:
        """Delete expired evidence and records of dead letters; return the number of rows."""

    def flag_counts(self) -> dict[str, int]:
        """Return the number of rows by table, for `moderation check` and the end of a run."""

    def close(self) -> None:
        """Release all resources. Safe to call twice."""


class Relay(Protocol):
    """Sends outbox rows to dead-letter topics or a rejects file."""

    def run_once(self, limit: int = 500, *, on_wait: Callable[[], None] = lambda: None) -> int:
        """Send waiting rows and mark them, up to *limit* of each topic; return how many were sent or refused.

        *on_wait* is called often, as a sign of progress. Raises ConnectionLost after sending the letters of the other
        topics.
        """

    def close(self) -> None:
        """Release all resources. Safe to call twice."""


class Source(Protocol):
    """A source of records, by partition and offset."""

    def partitions(self) -> list[Partition]:
        """Return all partitions of this source."""

    def bounds(self) -> dict[Partition, tuple[int, int]]:
        """Return the first available offset and the end offset, by partition. Offsets are below 2^53."""

    def seek(self, positions: Mapping[Partition, int]) -> None:
        """Read these partitions from these offsets, and no others where sidecars share the partitions."""

    @property
    def ended(self) -> bool:
        """Whether there will be no further record, as at the end of a file."""

    def poll(self, timeout_ms: int) -> Sequence[Origin]:
        """Return the records fetched since the last call, in offset order within each partition; may be empty."""

    def positions(self) -> dict[Partition, int]:
        """Return where partitions are read next, beyond offsets that hold no record; partitions can be missing.

        Every record before these has been returned by `poll`.
        """

    def unread(self) -> set[Partition]:
        """Return the partitions whose log is known to continue beyond what `poll` has returned."""

    def ends(self) -> dict[Partition, int]:
        """Return the known end of the log of each partition that is assigned; empty during a rebalance."""

    def await_assignment(self, timeout_s: float) -> None:
        """Wait until every partition is assigned. Raises PositionError when another member holds one."""

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Stop fetching from these until `resume`."""

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Resume fetching from these."""

    def commit(self, positions: Mapping[Partition, int]) -> None:
        """Commit offsets for lag displays only; the ledger is authoritative. A failure is counted, not raised."""

    def close(self) -> None:
        """Release all resources. Safe to call twice."""
