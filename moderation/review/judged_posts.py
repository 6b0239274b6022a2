"""Reads the posts about which people gave a verdict, with the features of their time, to train on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row

from moderation.ports import FeatureVersions, JudgedPost, JudgedPosts
from moderation.review.stored_posts import decided, policy_of, stored_posts


def judged_posts(engine: Engine, platform_id: str, versions: FeatureVersions) -> JudgedPosts:
    """Return the posts of a platform with a verdict; those without account or time are left out.

    Raises ConnectionLost.
    """
    posts, others, other_policy = [], 0, 0
    for rows in stored_posts(engine):
        for row in rows:
            if row.platform_id != platform_id or (row.blind is None and decided(row) is None):
                continue
            if not _comparable(row, versions):
                others += 1
            elif policy_of(row.scored_by) != versions.policy:
                other_policy += 1
            elif row.account_id is not None and row.event_time is not None:
                posts.append(_post(row, row.event_time))
    posts.sort(key=lambda post: (post.at_ms, post.account_id, post.content_hash))
    return JudgedPosts(posts, others, other_policy)


def _comparable(row: Row[Any], versions: FeatureVersions) -> bool:
    of_models = row.detector_version == versions.detector and row.risk_version in versions.risk
    return of_models and row.features_version == versions.features


def _post(row: Row[Any], at: datetime) -> JudgedPost:
    return JudgedPost(
        account_id=row.account_id,
        at_ms=int(at.timestamp() * 1000),
        content_hash=row.content_hash,
        address=None if row.address_hash is None else f"{row.key_id} {row.address_hash}",
        features=tuple(row.features),
        flagged=row.flagged,
        decided=decided(row),
        blind=row.blind,
        probability=row.probability,
    )
