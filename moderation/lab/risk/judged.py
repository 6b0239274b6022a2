"""Makes training sets from stored feature vectors and the verdicts that people gave about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from moderation.errors import InputError
from moderation.features import FEATURES
from moderation.lab.risk.collecting import CollectedPosts, linked
from moderation.lab.risk.own_events import SHARES, enough_confirmed, with_campaigns
from moderation.lab.risk.texts import Role
from moderation.lab.simulation import Truth
from moderation.lab.textdata.partition import keyed_fraction
from moderation.ports import JudgedPost
from moderation.risk.manifest import Manifest

CONFIRMED, CLEARED = "confirmed", "not_a_violation"
_WITHOUT_BLIND: Mapping[Role, float] = {"train": 0.67, "tune": 0.33}
"""Shares of the accounts about which there is no blind verdict: they never set a threshold."""


@dataclass(frozen=True)
class _Account:
    """The judged posts of one account, and what the verdicts say about it."""

    account_id: str
    posts: tuple[JudgedPost, ...]
    sampled: tuple[JudgedPost, ...]
    """Those with a blind verdict that were drawn as often as any other post of the audit sample."""

    @property
    def verdict(self) -> str | None:
        """The verdict that all people agree on; None where they do not, or cannot tell."""
        found = {verdict for post in self.posts for verdict in (post.decided, post.blind)} & {CONFIRMED, CLEARED}
        return found.pop() if len(found) == 1 else None

    @property
    def counts_as_genuine(self) -> bool:
        """Whether a flag counts as an error: unless every blind verdict confirms, "cannot tell" included."""
        return any(post.blind != CONFIRMED for post in self.sampled)


def vectors_of(manifest: Manifest, version: str) -> list[str]:
    """Return the versions of the bundles with the content baseline of a bundle: itself and those it was trained from.

    A bundle that is trained on stored vectors keeps their baseline, so that later ones can use all of them.
    """
    earlier = manifest.training.get("texts", {}).get("vectors_of", [])
    return [version, *earlier]


def judged_by_role(posts: Sequence[JudgedPost]) -> dict[Role, CollectedPosts]:
    """Return the posts by step; accounts that share an address are in one step. Raises InputError for too few.

    The steps that set the threshold and certify have only posts of the audit sample, with the blind verdicts about
    them. These are thinned to equal probabilities, so that they are drawn as the posts of the stream.
    """
    accounts = _accounts(posts)
    cluster = linked([{post.address for post in one.posts if post.address} for one in accounts])
    blind = {number for number, one in zip(cluster.tolist(), accounts, strict=True) if one.sampled}
    chosen: dict[Role, list[tuple[_Account, Sequence[JudgedPost], bool, int]]] = {role: [] for role in SHARES}
    for one, number in zip(accounts, cluster.tolist(), strict=True):
        shares = SHARES if number in blind else _WITHOUT_BLIND
        bounds = np.cumsum(list(shares.values()))
        place = int(np.searchsorted(bounds, keyed_fraction(accounts[number].account_id, "judged"), side="right"))
        role = list(shares)[min(place, len(shares) - 1)]
        used = _used(one, role)
        if used is not None:
            chosen[role].append((one, *used, number))
    found = {role: _collected(some) for role, some in chosen.items()}
    for role in cast(tuple[Role, ...], ("train", "tune")):
        enough_confirmed(role, found[role], "let people decide about more flags", cluster)
    for role, some in found.items():
        if not some.genuine.any():
            raise InputError(
                f"The step {role!r} has no genuine account: it needs blind verdicts about posts of the audit sample of "
                "accounts that are not confirmed; let people review more of them (blind review in the console)."
            )
    return found


def _used(one: _Account, role: Role) -> tuple[Sequence[JudgedPost], bool] | None:
    """Return the posts of an account for a step, and whether it is genuine there; None where it is left out."""
    if role == "train":
        return None if one.verdict is None else (one.posts, one.verdict == CLEARED)
    if role == "tune" and one.verdict == CONFIRMED:
        return one.posts, False
    if not one.sampled or (role == "tune" and one.verdict is None):
        return None
    return one.sampled, one.counts_as_genuine


def _accounts(posts: Sequence[JudgedPost]) -> list[_Account]:
    drawn = [post.probability for post in posts if post.blind is not None and post.probability]
    least = min(drawn, default=1.0)
    by_account: dict[str, list[JudgedPost]] = defaultdict(list)
    for post in posts:
        by_account[post.account_id].append(post)
    return [
        _Account(name, tuple(own), tuple(post for post in own if _stays(post, least)))
        for name, own in sorted(by_account.items())
    ]


def _stays(post: JudgedPost, least: float) -> bool:
    """Return whether a post stays in the sample that is thinned to the *least* probability of a draw."""
    if post.blind is None or not post.probability:
        return False
    drawn = f"{post.account_id} {post.at_ms} {post.content_hash}"
    return keyed_fraction(drawn, "thinned audit sample") < least / post.probability


def _collected(chosen: Sequence[tuple[_Account, Sequence[JudgedPost], bool, int]]) -> CollectedPosts:
    truth = [Truth(one.account_id, "own", None if good else "confirmed", None, "general") for one, _, good, _ in chosen]
    rows = [(number, post) for number, (_, posts, _, _) in enumerate(chosen) for post in posts]
    rows.sort(key=lambda row: (row[1].at_ms, row[0]))
    texts: dict[str, int] = {}
    text = [texts.setdefault(post.content_hash, len(texts)) for _, post in rows]
    features = np.array([post.features for _, post in rows], dtype=np.float64).reshape(len(rows), len(FEATURES))
    found = CollectedPosts(
        truth=tuple(truth),
        features=features,
        account=np.array([number for number, _ in rows], dtype=np.int64),
        text=np.array(text, dtype=np.int64),
        at_ms=np.array([post.at_ms for _, post in rows], dtype=np.int64),
        community=np.zeros(len(rows), dtype=np.int64),
        texts=tuple(texts),
        cluster=np.array([number for _, _, _, number in chosen], dtype=np.int64),
        drawn=_drawn([post for _, post in rows]),
    )
    return with_campaigns(found)


def _drawn(posts: Sequence[JudgedPost]) -> NDArray[np.float64]:
    """Return the probability with which each post is here, shape (n,): every flag is stored, of others a sample."""
    return np.array(
        [1.0 if post.flagged or not post.probability else post.probability for post in posts],
        dtype=np.float64,
    )
