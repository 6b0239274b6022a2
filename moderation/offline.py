"""The same judgement without a stream: texts or events in, assessments out, in three lines of Python."""

from __future__ import annotations

import json
import math
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from moderation.detector import ContentScore, Detector, load_detector
from moderation.effects import Assessment, Origin, Partition
from moderation.errors import InputError
from moderation.events import BadRecord, Event, EventKey
from moderation.events.reading import RecordReader
from moderation.events.resolution import Resolution
from moderation.features import FeatureExtractor
from moderation.mapping import FieldMapping, Kind
from moderation.risk import RiskModel, load_risk
from moderation.risk.manifest import Policy
from moderation.state import GRAPH_EPOCH_S, Coverage, Keyring, PlatformState
from moderation.stream.audit import AuditSampling
from moderation.stream.ordering import EventTimeMerge, Item
from moderation.stream.pipeline import Pipeline
from moderation.stream.scoring_policy import ScoreSelected, ScoringPolicy

BATCH = 256
MEMORY = Partition("", "memory", "", 0)
NO_SAMPLE = AuditSampling(b"", 0.0, 0.0)


class Moderator:
    """A detector and a risk model with a state of their own, for files, notebooks and tests."""

    def __init__(
        self, detector: Detector, risk: RiskModel, state: PlatformState, policy: ScoringPolicy | None = None
    ) -> None:
        """*policy* selects the texts that are scored; None: all."""
        self.state = state
        self.detector = detector
        self.risk = risk
        self.totals: Counter[str] = Counter()
        """What was counted so far: posts, flags and invalid values, by name."""
        self._pipeline = Pipeline(
            platform_id=state.platform_id,
            extractor=FeatureExtractor(state),
            detector=detector,
            risk=risk,
            policy=policy,
        )

    @classmethod
    def load(
        cls,
        *,
        detector: Path | str | None = None,
        risk: Path | None = None,
        platform_id: str = "platform",
        graph_epoch_s: int = GRAPH_EPOCH_S,
        coverage: Coverage | None = None,
        max_text_bytes: int = 65_536,
        threads: int | None = None,
        policy: Policy | None = None,
        sample: AuditSampling | None = None,
    ) -> Moderator:
        """Load *detector*, as `load_detector` names it, and its *risk* bundle or the one that ships.

        Addresses are hashed with a key that is thrown away. Follow events are taken as complete unless *coverage*
        says otherwise. *policy* is the scoring policy, by default `all` or the only one of the bundle; under
        `selective` the texts of a *sample* are scored too.
        """
        loaded = load_detector(detector, max_text_bytes=max_text_bytes, threads=threads)
        model = load_risk(risk, detector_hash=loaded.manifest_hash, policy=policy)
        keyring = Keyring.from_secrets(("offline", secrets.token_bytes(32)), None)
        state = PlatformState(
            platform_id=platform_id,
            keyring=keyring,
            graph_epoch_s=graph_epoch_s,
            coverage=coverage,
            scored_with=loaded.manifest_hash[:12],
        )
        if model.policy == "all":
            return cls(loaded, model, state)
        return cls(loaded, model, state, ScoreSelected(platform_id, state, sample or NO_SAMPLE))

    def score_texts(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        """Content scores alone, one per text: logit, calibrated synthetic score, sections.

        *languages*, where given, are the declared ones (BCP 47), one per text, None where there is none.
        """
        return self.detector.score(texts, languages)

    def assess(self, events: Iterable[Event | dict[str, Any] | str | bytes]) -> Iterator[Assessment]:
        """Assessments of the posts among the events, which come in event-time order.

        Events are parsed ones, dictionaries or JSON. Raises InputError, naming its number, for one that cannot be
        read.
        """
        mapping = FieldMapping({})
        reader = RecordReader(mapping, resolution=Resolution(mapping, needed=()))
        items = (self._item(reader, number, event) for number, event in enumerate(events))
        for batch in batched_in_order(items, BATCH):
            for _, assessment in self.judge(batch):
                yield assessment

    def judge(self, items: Sequence[Item]) -> list[tuple[int, Assessment]]:
        """Return offset and assessment of each post in a batch, in the order of the input."""
        self._pipeline.prepare(items)
        outcome = self._pipeline.process(items)
        if outcome.overdue is not None:
            raise outcome.overdue
        self.totals.update(outcome.effects.counters)
        found = zip(items, outcome.assessments, strict=True)
        return sorted(
            ((item.origin.offset, assessment) for item, assessment in found if assessment is not None),
            key=lambda pair: pair[0],
        )

    @staticmethod
    def _item(reader: RecordReader, number: int, event: Event | dict[str, Any] | str | bytes) -> Item:
        if isinstance(event, dict):
            event = _as_text(event, number)
        if isinstance(event, str):
            event = event.encode("utf-8", "surrogatepass")
        if isinstance(event, bytes):
            origin = Origin(MEMORY, number, value=event)
            content = reader.read(origin)
            if isinstance(content, BadRecord):
                raise InputError(f"event {number} cannot be read: {content.reason}")
            return Item(origin, content)
        if not isinstance(event, BaseModel):
            raise InputError(f"event {number} is a {type(event).__name__}; give a dictionary, JSON or a parsed event")
        return Item(Origin(MEMORY, number), event)


def _as_text(event: dict[str, Any], number: int) -> str:
    try:
        return json.dumps(event)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"event {number} cannot be read: {error}; give values of JSON, and times as text with an offset"
        ) from None


def read_items(lines: Iterable[tuple[int, bytes]], reader: RecordReader, *, kind: Kind | None = None) -> Iterator[Item]:
    """Yield one item per line, its number as offset; a line that cannot be read carries the reason."""
    for number, line in lines:
        origin = Origin(MEMORY, number, value=line)
        yield Item(origin, reader.read(origin, kind))


def batched_in_order(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Batches of at least `size` items, those of the same event time together and in the sidecar's own order."""
    merge = EventTimeMerge([MEMORY], stalled_ms=math.inf, now_ms=0.0)
    for item in items:
        merge.add(item)
        if len(merge) >= 2 * size and (batch := merge.take(size, 0.0)):
            yield batch
    while batch := merge.take(size, 0.0, flush=True):
        yield batch


def within_lateness(items: Iterable[Item], lateness_ms: float) -> Iterator[Item]:
    """The same items; one that steps back further than the bound comes out refused, with the reason."""
    latest = -math.inf
    for item in items:
        at_ms = item.at_ms
        if at_ms is None:
            yield item
        elif at_ms < latest - lateness_ms:
            reason = f"{(latest - at_ms) / 1000:.0f} s older than a line before it; sort the input first (--sort)"
            yield Item(item.origin, BadRecord("time", reason))
        else:
            latest = max(latest, at_ms)
            yield item


def sorted_by_time(items: Iterable[Item]) -> list[Item]:
    """All items in event-time order, those without a time first."""

    def key(item: Item) -> tuple[int, int, str]:
        event = item.event
        return (-1, 0, "") if event is None or event.at_ms is None else EventKey.of(event).as_tuple()

    return sorted(items, key=key)
