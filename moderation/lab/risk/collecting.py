"""Collects the posts of a simulated platform as arrays: features as of the time of the post, and texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moderation.events import Post
from moderation.features import FEATURES, FeatureExtractor
from moderation.lab.simulation import Platform, SimulationConfig, Truth, WriterPool, build_platform
from moderation.state import GRAPH_EPOCH_S, Keyring, PlatformState


@dataclass(frozen=True)
class SimulatedPosts:
    """All posts of one simulated platform: n posts of m accounts, which are numbered as in `truth`."""

    truth: tuple[Truth, ...]
    features: NDArray[np.float64]
    """Shape (n, f); without content features until the texts are scored."""
    account: NDArray[np.int64]
    """Shape (n,): index of the post's account."""
    text: NDArray[np.int64]
    """Shape (n,): index of the post's text in `texts`."""
    texts: tuple[str, ...]
    """The distinct texts that were posted."""
    cluster: NDArray[np.int64]
    """Shape (m,): accounts that are linked by shared addresses have the same number."""

    @property
    def genuine(self) -> NDArray[np.bool_]:
        """True for accounts of no campaign, shape (m,)."""
        return np.array([truth.genuine for truth in self.truth], dtype=np.bool_)

    def strength(self, name: str) -> NDArray[np.bool_]:
        """Return True for accounts of campaigns of the strength *name*, shape (m,)."""
        return np.array([truth.strength == name for truth in self.truth], dtype=np.bool_)

    def in_writing(self, name: str) -> NDArray[np.bool_]:
        """Return True for genuine accounts of the group of writers *name*, shape (m,)."""
        return np.array([truth.genuine and truth.writing == name for truth in self.truth], dtype=np.bool_)

    def of_kind(self, name: str) -> NDArray[np.bool_]:
        """Return True for genuine accounts of the kind *name*, shape (m,)."""
        return np.array([truth.genuine and truth.kind == name for truth in self.truth], dtype=np.bool_)

    def account_maximum(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the largest of each account's *scores*, shape (n,) to (m,); −inf where it has none or only NaN."""
        maximum = np.full(len(self.truth), -np.inf)
        np.maximum.at(maximum, self.account, np.where(np.isnan(scores), -np.inf, scores))
        return maximum


def collect(
    config: SimulationConfig, writers: WriterPool, advance: Callable[[int], None] = lambda _n: None
) -> SimulatedPosts:
    """Simulate a platform and extract the features of its posts; *advance* is called with the number of posts done."""
    platform = build_platform(config, writers)
    keyring = Keyring.from_secrets(("simulation", b"simulated addresses need no secret"), None)
    state = PlatformState(platform_id=config.name, keyring=keyring, graph_epoch_s=GRAPH_EPOCH_S)
    try:
        return _collected(platform, FeatureExtractor(state), advance)
    finally:
        state.epochs.close()


def _collected(platform: Platform, extractor: FeatureExtractor, advance: Callable[[int], None]) -> SimulatedPosts:
    index = {truth.account_id: number for number, truth in enumerate(platform.truth)}
    seen: dict[str, int] = {}
    rows: list[NDArray[np.float64]] = []
    account: list[int] = []
    text: list[int] = []
    on_address: dict[str, int] = {}
    parent = list(range(len(index)))
    for event in platform.events():
        if not isinstance(event, Post):
            extractor.observe(event)
            continue
        vector = extractor.extract(event)
        author = index[str(event.account_id)]
        rows.append(vector.values)
        account.append(author)
        text.append(seen.setdefault(event.text, len(seen)))
        if vector.address_hash is not None:
            _join(parent, author, on_address.setdefault(vector.address_hash, author))
        if len(rows) % 1000 == 0:
            advance(1000)
    return SimulatedPosts(
        truth=tuple(platform.truth),
        features=np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES)),
        account=np.array(account, dtype=np.int64),
        text=np.array(text, dtype=np.int64),
        texts=tuple(seen),
        cluster=np.array([_find(parent, number) for number in range(len(parent))], dtype=np.int64),
    )


def joined(platforms: Sequence[SimulatedPosts]) -> SimulatedPosts:
    """Return the posts and accounts of several platforms as those of one."""
    accounts = np.cumsum([0, *(len(platform.truth) for platform in platforms)])
    texts = np.cumsum([0, *(len(platform.texts) for platform in platforms)])
    return SimulatedPosts(
        truth=tuple(truth for platform in platforms for truth in platform.truth),
        features=np.concatenate([platform.features for platform in platforms]),
        account=np.concatenate([one.account + begin for one, begin in zip(platforms, accounts, strict=False)]),
        text=np.concatenate([one.text + begin for one, begin in zip(platforms, texts, strict=False)]),
        texts=tuple(text for platform in platforms for text in platform.texts),
        cluster=np.concatenate([one.cluster + begin for one, begin in zip(platforms, accounts, strict=False)]),
    )


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
    done: Callable[[SimulatedPosts], None] = lambda _collected: None,
) -> list[SimulatedPosts]:
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
