"""The follow neighbourhood of an account in review, as far as it was stored with its last flag and those of others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import BigInteger, Connection, Integer, String, and_, bindparam, select

from connectors.reviewdb.models import AccountInReviewRow
from connectors.reviewdb.review_models import FollowedRow
from connectors.reviewdb.statements import table_of

FOLLOWED, IN_REVIEW = table_of(FollowedRow), table_of(AccountInReviewRow)
MOST_FOLLOWERS = 20
"""Flagged accounts that are read of those that follow the account."""
Relation = Literal["follows", "mutual", "followed_by"]


@dataclass(frozen=True)
class Neighbour:
    """An account that the account follows, that follows it, or both.

    `key` and `account_id` are those of an account with a flag; of another one no id is stored. `flagged_before` says
    whether it had a flag when the account that follows it was flagged last; None where it is the one that follows.
    """

    relation: Relation
    key: str | None
    account_id: str | None
    open_flags: int
    risk: float
    flagged_before: bool | None


@dataclass(frozen=True)
class Neighbourhood:
    """Accounts that the account followed when it was flagged last, and flagged accounts that follow it.

    Accounts with a flag come first. Both lists are bounded, so that they are not complete.
    """

    neighbours: tuple[Neighbour, ...] = field(default=())

    @property
    def flagged(self) -> tuple[Neighbour, ...]:
        """Return the neighbours with a flag."""
        return tuple(one for one in self.neighbours if one.key is not None)

    @property
    def others(self) -> tuple[Neighbour, ...]:
        """Return the neighbours without a flag."""
        return tuple(one for one in self.neighbours if one.key is None)


def neighbourhood(connection: Connection, key: str, platform_id: str, number: int | None) -> Neighbourhood:
    """Return the neighbourhood of an account with a number in the follow graph; a post without an account has none."""
    if number is None:
        return Neighbourhood()
    followed = [_followed(row) for row in connection.execute(_FOLLOWED, {"key": key, "platform": platform_id})]
    known = {one.key for one in followed}
    asked = {"key": key, "platform": platform_id, "number": number, "most": MOST_FOLLOWERS}
    followers = [_follower(row) for row in connection.execute(_FOLLOWERS, asked) if row.key not in known]
    ordered = sorted(followed + followers, key=lambda one: (one.key is None, -one.risk, one.relation, one.key or ""))
    return Neighbourhood(tuple(ordered))


def _followed(row: Any) -> Neighbour:
    relation: Relation = "mutual" if row.mutual else "follows"
    return Neighbour(relation, row.key, row.account_id, row.open_flags or 0, row.risk or 0.0, row.flagged_before)


def _follower(row: Any) -> Neighbour:
    relation: Relation = "mutual" if row.mutual else "followed_by"
    return Neighbour(relation, row.key, row.account_id, row.open_flags, row.risk, None)


_SHOWN = (IN_REVIEW.c.key, IN_REVIEW.c.account_id, IN_REVIEW.c.open_flags, IN_REVIEW.c.risk)
_SAME_PLATFORM = IN_REVIEW.c.platform_id == bindparam("platform", type_=IN_REVIEW.c.platform_id.type)
_FOLLOWED = (
    select(FOLLOWED.c.mutual, FOLLOWED.c.flagged_before, *_SHOWN)
    .outerjoin(IN_REVIEW, and_(IN_REVIEW.c.number == FOLLOWED.c.number, _SAME_PLATFORM))
    .where(FOLLOWED.c.account_key == bindparam("key", type_=String))
)
_FOLLOWERS = (
    select(FOLLOWED.c.mutual, *_SHOWN)
    .join(IN_REVIEW, and_(IN_REVIEW.c.key == FOLLOWED.c.account_key, _SAME_PLATFORM))
    .where(
        FOLLOWED.c.number == bindparam("number", type_=BigInteger), IN_REVIEW.c.key != bindparam("key", type_=String)
    )
    .order_by(IN_REVIEW.c.risk.desc(), IN_REVIEW.c.key)
    .limit(bindparam("most", type_=Integer))
)
