"""Collects the posts of a platform's own events, with the verdicts of its reviewers, to train and certify on."""

from __future__ import annotations

import math
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from moderation.errors import InputError
from moderation.events import BadRecord, Ignored, Label, Post
from moderation.events.reading import RecordReader
from moderation.features import FeatureExtractor
from moderation.lab.risk.collecting import CollectedPosts, Collector
from moderation.lab.risk.recipe import Recipe
from moderation.lab.risk.texts import Role
from moderation.lab.simulation import Truth
from moderation.lab.textdata.partition import keyed_fraction
from moderation.offline import read_items, sorted_by_time
from moderation.state import Coverage, Keyring, PlatformState
from moderation.state.coverage import DAY_MS
from moderation.stream.ordering import Item

SHARES: Mapping[Role, float] = {"train": 0.3, "tune": 0.15, "threshold": 0.275, "certify": 0.275}
LEAST_CONFIRMED = 20
"""Minimum number of confirmed accounts in training and in tuning."""


def read_events(files: Sequence[Path], reader: RecordReader) -> list[Item]:
    """Return the events of JSON lines in event-time order. Raises InputError for a line that cannot be read."""
    items: list[Item] = []
    for file in files:
        try:
            with file.open("rb") as lines:
                for item in read_items(enumerate(lines, start=1), reader):
                    if isinstance(item.content, BadRecord):
                        raise InputError(
                            f"Line {item.origin.offset} of {file} cannot be read: {item.content.reason}. Correct it, "
                            "or map your records in the settings (--config)."
                        )
                    if not isinstance(item.content, Ignored):
                        items.append(item)
        except OSError as error:
            raise InputError(f"Cannot read {file}: {error.strerror}.") from None
    return sorted_by_time(items)


def confirmed_accounts(items: Iterable[Item]) -> frozenset[str]:
    """Return the accounts whose latest verdict, about the account or one of its posts, is `confirmed`."""
    author: dict[str, set[str]] = {}
    verdict: dict[str, str] = {}
    for item in items:
        event = item.content
        if isinstance(event, Post) and event.account_id is not None:
            author.setdefault(event.post_id, set()).add(event.account_id)
        elif isinstance(event, Label) and event.verdict != "uncertain":
            known = author.get(event.post_id or "", set())
            account = event.account_id or (next(iter(known)) if len(known) == 1 else None)
            if account is not None:
                verdict[account] = event.verdict
    return frozenset(account for account, found in verdict.items() if found == "confirmed")


def collect_events(
    items: Sequence[Item], graph_epoch_s: int, coverage: Coverage, advance: Callable[[int], None] = lambda _n: None
) -> CollectedPosts:
    """Return the judgeable posts of a platform; accounts that no reviewer confirmed are genuine."""
    accounts = sorted(
        {str(item.content.account_id) for item in items if isinstance(item.content, Post) and item.content.judgeable}
    )
    confirmed = confirmed_accounts(items)
    truth = [
        Truth(account, "own", "confirmed" if account in confirmed else None, None, "general") for account in accounts
    ]
    keyring = Keyring.from_secrets(("training", secrets.token_bytes(32)), None)
    state = PlatformState(platform_id="own", keyring=keyring, graph_epoch_s=graph_epoch_s, coverage=coverage)
    collector = Collector(truth, FeatureExtractor(state), advance)
    try:
        for item in items:
            if item.event is not None:
                collector.take(item.event)
    finally:
        state.close()
    return with_campaigns(collector.collected())


def with_campaigns(collected: CollectedPosts) -> CollectedPosts:
    """Return the posts with the confirmed accounts of one address cluster as one campaign."""
    named = [
        truth if truth.genuine else replace(truth, campaign=f"address cluster {cluster}")
        for truth, cluster in zip(collected.truth, collected.cluster.tolist(), strict=True)
    ]
    return replace(collected, truth=tuple(named))


def by_role(collected: CollectedPosts) -> dict[Role, CollectedPosts]:
    """Return the posts by step; accounts that share an address are in one step. Raises InputError for too few."""
    bounds = np.cumsum(list(SHARES.values()))
    part = np.array(
        [
            int(np.searchsorted(bounds, keyed_fraction(str(cluster), "own events"), side="right"))
            for cluster in collected.cluster.tolist()
        ]
    )
    found = {role: collected.accounts(np.flatnonzero(part == number)) for number, role in enumerate(SHARES)}
    for role in cast(tuple[Role, ...], ("train", "tune")):
        remedy = "give more events, or more label events with the verdict confirmed"
        enough_confirmed(role, found[role], remedy, collected.cluster)
    for role, some in found.items():
        if not some.genuine.any():
            raise InputError(f"The step {role!r} has no genuine account: give events of more accounts.")
    return found


def enough_confirmed(role: Role, accounts: CollectedPosts, remedy: str, clusters: NDArray[np.int64]) -> None:
    """Raise InputError, with the *remedy*, where a step has too few confirmed accounts.

    *clusters* are those of the accounts of all steps.
    """
    confirmed = int((~accounts.genuine).sum())
    if confirmed < LEAST_CONFIRMED:
        largest = int(np.unique(clusters, return_counts=True)[1].max(initial=0))
        raise InputError(
            f"The step {role!r} has {confirmed} accounts that reviewers confirmed, training needs {LEAST_CONFIRMED}: "
            f"{remedy}. Accounts that share an address are in one step; the largest such group has {largest} of "
            f"{len(clusters)}."
        )


def horizon(collected: CollectedPosts, recipe: Recipe) -> Recipe:
    """Return the recipe with the days and the largest number of posts of an account that the posts have."""
    span_ms = int(np.ptp(collected.at_ms)) if len(collected.at_ms) else 0
    days = max(1, math.ceil(span_ms / DAY_MS))
    most: int = max(Counter(collected.account.tolist()).values(), default=1)
    return replace(recipe, days=days, post_cap=most)
