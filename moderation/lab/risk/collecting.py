"""From a simulated platform to arrays: every post's features as of its time, and its text's logit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moderation.events import Post
from moderation.features import FEATURES, FeatureExtractor
from moderation.lab.simulation import Platform, SimulationConfig, TextSupplier, Truth, build_platform
from moderation.state import GRAPH_EPOCH_S, Keyring, PlatformState


@dataclass(frozen=True)
class Watched:
    """All posts of one simulated platform. n posts of m accounts; accounts are numbered as in `truth`."""

    truth: tuple[Truth, ...]
    features: NDArray[np.float64]
    """Shape (n, f)."""
    account: NDArray[np.int64]
    """Shape (n,): index of the post's account."""
    text: NDArray[np.int64]
    """Shape (n,): index of the post's text in `texts`."""
    texts: tuple[str, ...]
    """The different texts that were posted."""
    cluster: NDArray[np.int64]
    """Shape (m,): accounts that ever shared an address have the same number."""

    @property
    def genuine(self) -> NDArray[np.bool_]:
        """Shape (m,): which accounts belong to no campaign."""
        return np.array([truth.genuine for truth in self.truth], dtype=np.bool_)

    def strength(self, name: str) -> NDArray[np.bool_]:
        """Shape (m,): which accounts belong to campaigns of this strength."""
        return np.array([truth.strength == name for truth in self.truth], dtype=np.bool_)

    def logits(self, known: Mapping[str, float]) -> NDArray[np.float64]:
        """Logit of each post's text from *known*, shape (n,); NaN where the detector abstained."""
        of_texts = np.array([known[text] for text in self.texts], dtype=np.float64)
        return of_texts[self.text]

    def account_maximum(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Largest of each account's *scores*, shape (n,) to (m,); −inf where it has none or only NaN."""
        maximum = np.full(len(self.truth), -np.inf)
        np.maximum.at(maximum, self.account, np.where(np.isnan(scores), -np.inf, scores))
        return maximum


def watch(config: SimulationConfig, texts: TextSupplier, advance: Callable[[int], None] = lambda _n: None) -> Watched:
    """Run a platform's events through the sidecar's own feature extractor; *advance* is told of posts done."""
    platform = build_platform(config, texts)
    keyring = Keyring.from_secrets(("simulation", b"simulated addresses need no secret"), None)
    state = PlatformState(platform_id=config.name, keyring=keyring, graph_epoch_s=GRAPH_EPOCH_S)
    try:
        return _watched(platform, FeatureExtractor(state), advance)
    finally:
        state.epochs.close()


def _watched(platform: Platform, extractor: FeatureExtractor, advance: Callable[[int], None]) -> Watched:
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
    return Watched(
        truth=tuple(platform.truth),
        features=np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES)),
        account=np.array(account, dtype=np.int64),
        text=np.array(text, dtype=np.int64),
        texts=tuple(seen),
        cluster=np.array([_find(parent, number) for number in range(len(parent))], dtype=np.int64),
    )


def _find(parent: list[int], number: int) -> int:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = parent[number]
    return number


def _join(parent: list[int], one: int, other: int) -> None:
    parent[_find(parent, one)] = _find(parent, other)


def watch_all(
    configs: Sequence[SimulationConfig],
    texts: Sequence[TextSupplier],
    workers: int,
    done: Callable[[Watched], None] = lambda _watched: None,
) -> list[Watched]:
    """Watch several platforms, each alone, in up to *workers* processes; the results do not depend on their number."""
    if workers <= 1 or len(configs) == 1:
        alone = []
        for config, supplier in zip(configs, texts, strict=True):
            alone.append(watch(config, supplier))
            done(alone[-1])
        return alone
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = [pool.submit(watch, config, supplier) for config, supplier in zip(configs, texts, strict=True)]
        results = []
        for future in running:
            results.append(future.result())
            done(results[-1])
        return results
