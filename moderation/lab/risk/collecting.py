"""Collects the posts of a platform as arrays: features as of the time of the post, and texts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from moderation.events import Event, Post
from moderation.features import FEATURES, FeatureExtractor, vectors
from moderation.lab.simulation import SimulationConfig, Truth, WriterPool, build_platform
from moderation.state import GRAPH_EPOCH_S, Keyring, PlatformState


@dataclass(frozen=True)
class CollectedPosts:
    """All posts of one platform: n posts of m accounts, which are numbered as in `truth`."""

    truth: tuple[Truth, ...]
    features: NDArray[np.float64]
    """Shape (n, f); without content features until the texts are scored."""
    account: NDArray[np.int64]
    """Shape (n,): index of the post's account."""
    text: NDArray[np.int64]
    """Shape (n,): index of the post's text in `texts`."""
    at_ms: NDArray[np.int64]
    """Shape (n,): time of the post."""
    community: NDArray[np.int64]
    """Shape (n,): number of the community of the post."""
    texts: tuple[str, ...]
    """The distinct texts that were posted."""
    cluster: NDArray[np.int64]
    """Shape (m,): accounts that are linked by shared addresses have the same number."""
    drawn: NDArray[np.float64] | None = None
    """Probability with which each post is here, shape (n,); None where all posts are."""

    @property
    def genuine(self) -> NDArray[np.bool_]:
        """True for accounts of no campaign, shape (m,)."""
        return np.array([truth.genuine for truth in self.truth], dtype=np.bool_)

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Return False for the posts of owners of hijacked accounts, shape (n,): for which no account is caught."""
        since_ms = np.array([truth.since_ms for truth in self.truth], dtype=np.int64)
        return self.at_ms >= since_ms[self.account]

    def strength(self, name: str) -> NDArray[np.bool_]:
        """Return True for accounts of campaigns of the strength *name*, shape (m,)."""
        return np.array([truth.strength == name for truth in self.truth], dtype=np.bool_)

    def accounts(self, numbers: NDArray[np.intp]) -> CollectedPosts:
        """Return the accounts with these numbers and their posts."""
        place = np.full(len(self.truth), -1, dtype=np.int64)
        place[numbers] = np.arange(len(numbers))
        posts = place[self.account] >= 0
        return replace(
            self,
            truth=tuple(self.truth[number] for number in numbers.tolist()),
            features=self.features[posts],
            account=place[self.account[posts]],
            text=self.text[posts],
            at_ms=self.at_ms[posts],
            community=self.community[posts],
            cluster=self.cluster[numbers],
            drawn=None if self.drawn is None else self.drawn[posts],
        )

    def in_writing(self, name: str) -> NDArray[np.bool_]:
        """Return True for genuine accounts of the group of writers *name*, shape (m,)."""
        return np.array([truth.genuine and truth.writing == name for truth in self.truth], dtype=np.bool_)

    def of_kind(self, name: str) -> NDArray[np.bool_]:
        """Return True for genuine accounts of the kind *name*, shape (m,)."""
        return np.array([truth.genuine and truth.kind == name for truth in self.truth], dtype=np.bool_)

    def writers(self, members: NDArray[np.bool_]) -> int:
        """Return how many of these accounts, shape (m,), begin with different texts: those of one writer count once."""
        _, first = np.unique(self.account, return_index=True)
        return len(np.unique(self.text[first][members[np.unique(self.account)]]))

    def account_maximum(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the largest of each account's *scores*, shape (n,) to (m,); −inf where it has none or only NaN.

        Those of the owners of hijacked accounts do not count.
        """
        maximum = np.full(len(self.truth), -np.inf)
        np.maximum.at(maximum, self.account, np.where(np.isnan(scores) | ~self.counted, -np.inf, scores))
        return maximum


def collect(
    config: SimulationConfig, writers: WriterPool, advance: Callable[[int], None] = lambda _n: None
) -> CollectedPosts:
    """Simulate a platform and extract the features of its posts; *advance* is called with the number of posts done."""
    platform = build_platform(config, writers)
    keyring = Keyring.from_secrets(("simulation", b"simulated addresses need no secret"), None)
    state = PlatformState(platform_id=config.name, keyring=keyring, graph_epoch_s=GRAPH_EPOCH_S)
    collector = Collector(platform.truth, FeatureExtractor(state), advance)
    try:
        for event in platform.events():
            collector.take(event)
    finally:
        state.close()
    return collector.collected()


class Collector:
    """Takes events in their order and collects the posts with their features."""

    def __init__(
        self, truth: Sequence[Truth], extractor: FeatureExtractor, advance: Callable[[int], None] = lambda _n: None
    ) -> None:
        self._truth = tuple(truth)
        self._extractor = extractor
        self._advance = advance
        self._index = {one.account_id: number for number, one in enumerate(truth)}
        self._seen: dict[str, int] = {}
        self._rows: list[NDArray[np.float64]] = []
        self._account: list[int] = []
        self._text: list[int] = []
        self._at_ms: list[int] = []
        self._community: list[int] = []
        self._communities: dict[int, int] = {}
        self._on_address: dict[str, int] = {}
        self._parent = list(range(len(truth)))

    def take(self, event: Event) -> None:
        """Apply an event, and collect it where it is a new post that can be judged."""
        if not isinstance(event, Post) or not event.judgeable:
            self._extractor.observe(event)
            return
        identified = self._extractor.identify(event)
        if self._extractor.seen_before(identified) == "same":
            return
        (vector,) = vectors([self._extractor.take(identified)])
        author = self._index[str(event.account_id)]
        self._rows.append(vector.values)
        self._account.append(author)
        self._text.append(self._seen.setdefault(event.text, len(self._seen)))
        self._at_ms.append(identified.seen.at_ms)
        self._community.append(self._communities.setdefault(identified.seen.community, len(self._communities)))
        if vector.address_hash is not None:
            _join(self._parent, author, self._on_address.setdefault(vector.address_hash, author))
        if len(self._rows) % 1000 == 0:
            self._advance(1000)

    def collected(self) -> CollectedPosts:
        """Return what was collected."""
        return CollectedPosts(
            truth=self._truth,
            features=np.array(self._rows, dtype=np.float64).reshape(len(self._rows), len(FEATURES)),
            account=np.array(self._account, dtype=np.int64),
            text=np.array(self._text, dtype=np.int64),
            at_ms=np.array(self._at_ms, dtype=np.int64),
            community=np.array(self._community, dtype=np.int64),
            texts=tuple(self._seen),
            cluster=np.array([_find(self._parent, number) for number in range(len(self._parent))], dtype=np.int64),
        )


def joined(platforms: Sequence[CollectedPosts]) -> CollectedPosts:
    """Return the posts and accounts of several platforms as those of one."""
    accounts = np.cumsum([0, *(len(platform.truth) for platform in platforms)])
    texts = np.cumsum([0, *(len(platform.texts) for platform in platforms)])
    communities = np.cumsum([0, *(int(platform.community.max(initial=-1)) + 1 for platform in platforms)])
    return CollectedPosts(
        truth=tuple(truth for platform in platforms for truth in platform.truth),
        features=np.concatenate([platform.features for platform in platforms]),
        account=np.concatenate([one.account + begin for one, begin in zip(platforms, accounts, strict=False)]),
        text=np.concatenate([one.text + begin for one, begin in zip(platforms, texts, strict=False)]),
        at_ms=np.concatenate([platform.at_ms for platform in platforms]),
        community=np.concatenate([one.community + begin for one, begin in zip(platforms, communities, strict=False)]),
        texts=tuple(text for platform in platforms for text in platform.texts),
        cluster=np.concatenate([one.cluster + begin for one, begin in zip(platforms, accounts, strict=False)]),
    )


def linked(names: Sequence[Collection[str]]) -> NDArray[np.int64]:
    """Return a number for each account, the same for those that share one of their *names*; shape (m,)."""
    parent, first = list(range(len(names))), dict[str, int]()
    for number, own in enumerate(names):
        for name in sorted(own):
            _join(parent, number, first.setdefault(name, number))
    return np.array([_find(parent, number) for number in range(len(parent))], dtype=np.int64)


def _find(parent: list[int], number: int) -> int:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = parent[number]
    return number


def _join(parent: list[int], one: int, other: int) -> None:
    parent[_find(parent, one)] = _find(parent, other)


def collect_all(
    configs: Sequence[SimulationConfig],
    writers: Sequence[WriterPool],
    workers: int,
    done: Callable[[CollectedPosts], None] = lambda _collected: None,
) -> list[CollectedPosts]:
    """Simulate several platforms in up to *workers* processes; the result does not depend on that number.

    *done* is called with each result.
    """
    if workers <= 1 or len(configs) == 1:
        alone = []
        for config, pool in zip(configs, writers, strict=True):
            alone.append(collect(config, pool))
            done(alone[-1])
        return alone
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as executor:
        running = [executor.submit(collect, *task) for task in zip(configs, writers, strict=True)]
        results = []
        for future in running:
            results.append(future.result())
            done(results[-1])
        return results
