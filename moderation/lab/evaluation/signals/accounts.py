"""Account and graph features of real, labelled accounts: how far each separates them, and how many look unusual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from moderation.events import Account, Post
from moderation.features import FEATURES
from moderation.features.account import account_profile
from moderation.features.catalogue import COLUMN
from moderation.lab.evaluation.signals.tables import Table
from moderation.lab.evaluation.signals.unusual import p_values_of
from moderation.lab.metrics.auroc import auroc
from moderation.lab.simulation.follow_graph import FOLLOWED_BACK
from moderation.risk.model import BundledRiskModel
from moderation.state.graph_figures import NodeFigures, compute_figures

_TIMES = ("%a %b %d %H:%M:%S %z %Y", "%m/%d/%Y %H:%M", "%m/%d/%y %H:%M")
_FRAUD_BELOW = -5.0
"""A trader with a lower mean rating counts as fraudulent."""


@dataclass(frozen=True)
class Labelled:
    """Features of labelled accounts, shape (n, f), and which are automated or fraudulent, shape (n,)."""

    features: NDArray[np.float64]
    positive: NDArray[np.bool_]


def profiles(genuine: Table, automated: Table) -> Labelled:
    """Return the profile features of two tables of Twitter accounts as of a month after the last one was created.

    Needs the columns id, statuses_count, followers_count, friends_count and created_at; an id counts once.
    """
    found: dict[str, tuple[Account, bool]] = {}
    for table, positive in ((genuine, False), (automated, True)):
        for one in _accounts(table):
            found.setdefault(one[0], (one[1], positive))
    times = [account.created_at for account, _ in found.values() if account.created_at is not None]
    seen = max(times) + timedelta(days=30)
    features = np.full((len(found), len(FEATURES)), np.nan)
    for row, (account, _) in zip(features, found.values(), strict=True):
        values = account_profile(Post.model_construct(post_id="", text="", created_at=seen, account=account), account)
        row[[COLUMN[name] for name in values]] = list(values.values())
    return Labelled(features, np.array([positive for _, positive in found.values()]))


def _accounts(table: Table) -> Iterable[tuple[str, Account]]:
    columns = ("id", "created_at", "followers_count", "friends_count", "statuses_count")
    for name, created, followers, following, posts in zip(*(table[column] for column in columns), strict=True):
        account = Account.model_construct(
            created_at=_time(created),
            followers=_number(followers),
            following=_number(following),
            posts=_number(posts),
            deleted_posts=None,
            listed=None,
            has_bio=None,
            has_avatar=None,
        )
        if account.created_at is not None:
            yield name, account


def _time(text: str) -> datetime | None:
    for form in _TIMES:
        try:
            found = datetime.strptime(text.strip('" '), form)
        except ValueError:
            continue
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _number(text: str) -> int | None:
    try:
        return int(float(text))
    except ValueError:
        return None


def trust_graph(edges: Table) -> Labelled:
    """Return the graph features of rated traders. An edge is a rating; FROM_NODE, TO_NODE and TRUST_INDEX are read."""
    pairs = np.stack([np.array(edges[name], dtype=np.uint64) for name in ("FROM_NODE", "TO_NODE")])
    accounts, features = _graph_features(pairs)
    rating = np.array(edges["TRUST_INDEX"], dtype=np.float64)
    target = np.searchsorted(accounts, pairs[1])
    received = np.bincount(target, minlength=len(accounts))
    with np.errstate(invalid="ignore"):
        mean_rating = np.bincount(target, rating, len(accounts)) / received
    rated = received > 0
    return Labelled(features[rated], mean_rating[rated] < _FRAUD_BELOW)


def friendships(edges: Sequence[Sequence[str]], seed: int = 1) -> NDArray[np.float64]:
    """Return the graph features of the accounts of a friendship graph, shape (n, f).

    *edges* has two columns of names. A friendship has no direction: a share of them, as on the simulated platform, is
    taken as mutual follows, the others as follows in one direction.
    """
    _, numbers = np.unique(np.array(edges), return_inverse=True)
    pairs = numbers.reshape(2, -1).astype(np.uint64) + np.uint64(1)
    rng = np.random.default_rng(seed)
    turned = rng.random(pairs.shape[1]) < 0.5
    directed = np.where(turned, pairs[::-1], pairs)
    mutual = rng.random(pairs.shape[1]) < FOLLOWED_BACK
    return _graph_features(np.concatenate([directed, directed[::-1, mutual]], axis=1))[1]


def _graph_features(pairs: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    """Return the accounts of distinct follows, shape (2, edges), and their features, shape (accounts, f)."""
    accounts, figures = compute_figures(pairs[0], pairs[1])
    source, target = (np.searchsorted(accounts, side).astype(np.int64) for side in pairs)
    n = len(accounts)
    given, received = np.bincount(source, minlength=n), np.bincount(target, minlength=n)
    mutual = np.bincount(source[np.isin(source * n + target, target * n + source)], minlength=n)
    features = np.full((n, len(FEATURES)), np.nan)
    for name, column in zip(NodeFigures._fields, figures.T, strict=True):
        features[:, COLUMN[f"graph_{name}"]] = column
    features[:, COLUMN["graph_out_degree"]], features[:, COLUMN["graph_in_degree"]] = given, received
    with np.errstate(invalid="ignore"):
        features[:, COLUMN["graph_reciprocity"]] = mutual / given
    return accounts, features


def separation(labelled: Labelled, family: str, model: BundledRiskModel) -> dict[str, object]:
    """Return the AUROC of each feature of a family, and the share of both sides that the family finds unusual."""
    unusual = p_values_of(labelled.features, family, model) <= model.manifest.p_family
    rows: list[Mapping[str, object]] = []
    for feature in FEATURES:
        values = labelled.features[:, COLUMN[feature.name]]
        sides = [values[side & ~np.isnan(values)] for side in (~labelled.positive, labelled.positive)]
        if feature.family == family and all(len(side) for side in sides):
            medians = [float(np.median(side)) for side in sides]
            rows.append({"feature": feature.name, "auroc": auroc(*sides), "medians": medians})
    return {
        "automated_or_fraudulent": int(labelled.positive.sum()),
        "genuine": int((~labelled.positive).sum()),
        "features": rows,
        "unusual_of_automated_or_fraudulent": float(np.mean(unusual[labelled.positive])),
        "unusual_of_genuine": float(np.mean(unusual[~labelled.positive])),
    }
