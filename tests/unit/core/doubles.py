"""In-memory stand-ins for the doors and the models, with the promises of the real ones that tests rely on."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from moderation.detector import ContentScore, SectionScore
from moderation.effects import Effects, FamilyEvidence, Origin, Partition, Reason
from moderation.errors import ConnectionLost, FencedError, RecordsExpired
from moderation.features import FeatureExtractor
from moderation.features.catalogue import COLUMN
from moderation.features.content import ContentBaseline
from moderation.ports import Claim, OutboxRow
from moderation.risk import Judgement
from moderation.risk.judgement import Judgements
from moderation.state import Keyring, PlatformState
from moderation.stream.audit import AuditSampling
from moderation.stream.pipeline import Pipeline
from moderation.stream.scoring_policy import ScoringPolicy
from moderation.stream.trial import TrialModel
from moderation.text import normalised

KEYRING = Keyring.from_secrets(("k1", b"a" * 32), None)


class WordDetector:
    """Finds the word 'robot' suspicious, as it is read; abstains on blank text as empty, on one letter as short."""

    manifest_hash = "d" * 64

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.languages: list[str | None] = []

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        self.texts.extend(texts)
        self.languages.extend(languages or [None] * len(texts))
        return [self._score(text) for text in texts]

    def _score(self, text: str) -> ContentScore:
        if len(text.strip()) < 2:
            return ContentScore(math.nan, math.nan, (), len(text.strip()), truncated=False)
        seen = normalised(text)
        logit = 4.0 if "robot" in seen.text else -4.0
        section = SectionScore(0, len(seen.text), logit)
        return ContentScore(logit, 1 / (1 + math.exp(-logit)), (section,), 3, False, seen.tampering)

    def describe(self) -> str:
        return "a word list"


class ContentRisk:
    """Flags accounts with a text that the word detector finds, as if another family agreed."""

    detector_hash = "d" * 64
    manifest_hash = "r" * 64
    threshold = 0.5
    content_baseline = ContentBaseline((1.0,), (0.0,), (1.0,), 0.3, 0.3, 1.5)

    def metadata_scores(self, features: np.ndarray) -> np.ndarray:
        """The account's posts of the hour are its only metadata."""
        return np.column_stack([np.full(len(features), np.nan), features[:, COLUMN["account_posts_1h"]]])

    def with_content(self, scores: np.ndarray, features: np.ndarray) -> np.ndarray:
        return np.column_stack([features[:, COLUMN["content_evidence"]], scores[:, 1]])

    def text_decides(self, scores: np.ndarray) -> np.ndarray:
        return scores[:, 1] > 2  # type: ignore[no-any-return]

    def usual(self, scores: np.ndarray) -> np.ndarray:
        return np.ones(len(scores), dtype=np.bool_)

    def judge(self, scores: np.ndarray) -> Judgements:
        judged = [self._judge(float(evidence)) for evidence in scores[:, 0]]
        return Judgements([judgement.flagged for judgement in judged], judged.__getitem__)

    def _judge(self, evidence: float) -> Judgement:
        flagged = evidence > 0
        families = (FamilyEvidence("content", None if math.isnan(evidence) else evidence, 0.001 if flagged else 0.5),)
        return Judgement(0.9 if flagged else 0.1, flagged, families, ("content", "network") if flagged else ())

    def explain(self, features: np.ndarray) -> tuple[Reason, ...]:
        evidence = float(features[COLUMN["content_evidence"]])
        return (Reason("content", "content_evidence", evidence, evidence, "The texts read like a machine's."),)

    def describe(self) -> str:
        return "a word model"


def new_state() -> PlatformState:
    return PlatformState(platform_id="p", keyring=KEYRING, graph_epoch_s=600)


def new_pipeline(
    state: PlatformState,
    audit: AuditSampling | None = None,
    detector: WordDetector | None = None,
    policy: ScoringPolicy | None = None,
    trial: TrialModel | None = None,
) -> Pipeline:
    return Pipeline(
        platform_id="p",
        extractor=FeatureExtractor(state),
        detector=detector or WordDetector(),
        risk=ContentRisk(),  # type: ignore[arg-type]  # a stand-in with the same methods
        audit=audit,
        policy=policy,
        trial=trial,
    )


@dataclass
class MemoryLog:
    """Records by partition, as a broker keeps them."""

    records: dict[Partition, list[bytes]] = field(default_factory=dict)
    first: dict[Partition, int] = field(default_factory=dict)
    hinted: dict[Partition, int] = field(default_factory=dict)


class MemorySource:
    """Reads a MemoryLog to its end."""

    def __init__(self, log: MemoryLog, per_poll: int = 5) -> None:
        self._log = log
        self._next: dict[Partition, int] = {}
        self._per_poll = per_poll
        self.closed = False

    @property
    def ended(self) -> bool:
        return all(self._next[p] >= len(records) for p, records in self._log.records.items())

    def partitions(self) -> list[Partition]:
        return sorted(self._log.records)

    def bounds(self) -> dict[Partition, tuple[int, int]]:
        return {p: (self._log.first.get(p, 0), len(records)) for p, records in self._log.records.items()}

    def seek(self, positions: Mapping[Partition, int]) -> None:
        self._next = dict(positions)

    def positions(self) -> dict[Partition, int]:
        return dict(self._next)

    def unread(self) -> set[Partition]:
        return {p for p, records in self._log.records.items() if self._next[p] < len(records)}

    def ends(self) -> dict[Partition, int]:
        return {p: len(self._log.records[p]) for p in self._next}

    def await_assignment(self, timeout_s: float) -> None:
        return None

    def poll(self, timeout_ms: int) -> Sequence[Origin]:
        found: list[Origin] = []
        for partition, records in self._log.records.items():
            start = self._next[partition]
            if start < self._log.first.get(partition, 0):
                raise RecordsExpired(f"the log no longer holds the next record of {partition.topic}")
            for offset in range(start, min(start + self._per_poll, len(records))):
                found.append(Origin(partition, offset, 1_790_000_000_000, None, records[offset]))
                self._next[partition] = offset + 1
        return found

    def pause(self, partitions: Iterable[Partition]) -> None:
        return None

    def resume(self, partitions: Iterable[Partition]) -> None:
        return None

    def commit(self, positions: Mapping[Partition, int]) -> None:
        self._log.hinted.update(positions)

    def close(self) -> None:
        self.closed = True


class MemoryStore:
    """The ledger, flags and outbox in dictionaries, with fencing and the first flag winning."""

    def __init__(self) -> None:
        self.positions: dict[Partition, int] = {}
        self.epochs: dict[Partition, int] = {}
        self.flags: dict[tuple[str, str, str], float | None] = {}
        self.letters: dict[tuple[Partition, int], OutboxRow] = {}
        self.sent: list[OutboxRow] = []
        self.lease: str | None = None
        self.commits: list[Effects] = []
        self.outages = 0

    def acquire_lease(self, pipeline: str, owner: str, ttl_s: float) -> bool:
        if self.lease not in (None, owner):
            return False
        self.lease = owner
        return True

    def release_lease(self, pipeline: str, owner: str) -> None:
        if self.lease == owner:
            self.lease = None

    def known_topic_ids(self, pipeline: str, cluster_id: str, topic: str) -> set[str]:
        return {p.topic_id for p in self.positions if p.topic == topic}

    def claim(self, pipeline: str, owner: str, partitions: Sequence[Partition]) -> Claim:
        for partition in partitions:
            self.epochs[partition] = self.epochs.get(partition, 0) + 1
        epochs = {partition: self.epochs[partition] for partition in partitions}
        return Claim(pipeline, owner, epochs, {partition: self.positions.get(partition) for partition in partitions})

    def begin(self, claim: Claim, positions: Mapping[Partition, int]) -> None:
        self.positions = {**positions, **self.positions}

    def commit(self, claim: Claim, effects: Effects) -> dict[str, int]:
        if self.outages:
            self.outages -= 1
            raise ConnectionLost("the review database does not answer")
        if any(self.epochs[partition] != claim.epochs[partition] for partition in effects.positions):
            raise FencedError("another writer has claimed this partition")
        self.commits.append(effects)
        self.positions.update(effects.positions)
        for flag in effects.flags:
            a = flag.assessment
            self.flags.setdefault((a.platform_id, a.post_id, a.content_hash), a.risk)
        for letter in effects.dead_letters:
            key = (letter.origin.partition, letter.origin.offset)
            self.letters.setdefault(key, OutboxRow(len(self.letters), f"{key[0].topic}-dlt", letter))
        return {}

    def outbox(self, limit: int, logs: Collection[tuple[str, str]] | None = None) -> list[OutboxRow]:
        waiting = [row for row in self.letters.values() if row not in self.sent]
        if logs is not None:
            origins = {row.id: row.letter.origin.partition for row in waiting}
            waiting = [row for row in waiting if (origins[row.id].cluster_id, origins[row.id].topic) in logs]
        return waiting[:limit]

    def relayed(self, ids: Sequence[int]) -> None:
        self.sent.extend(row for row in self.letters.values() if row.id in ids)

    def expire(self) -> int:
        return 0

    def flag_counts(self) -> dict[str, int]:
        return {"flags": len(self.flags)}

    def close(self) -> None:
        return None


class MemoryRelay:
    """Marks outbox rows as sent."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def run_once(self, limit: int = 500, *, on_wait: Callable[[], None] = lambda: None) -> int:
        rows = self._store.outbox(limit)
        self._store.relayed([row.id for row in rows])
        return len(rows)


Steps = Callable[[str], None]
