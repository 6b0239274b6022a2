"""Attributes deletions and labels to posts, in any order of arrival, also without an account."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select, update

from connectors.reviewdb.identity import post_id_key, post_key
from connectors.reviewdb.models import AssessmentRow, DeletedPostRow, EvidenceRow, FlagRow, LabelRow
from connectors.reviewdb.statements import chunks, table_of

ASSESSMENTS, DELETED = table_of(AssessmentRow), table_of(DeletedPostRow)
EVIDENCE, FLAGS, LABELS = table_of(EvidenceRow), table_of(FlagRow), table_of(LabelRow)


@dataclass(frozen=True)
class PostRef:
    """The post of an event; without an account it can be the post of any account."""

    platform_id: str
    account_id: str | None
    post_id: str

    @property
    def key(self) -> str:
        """The identity of the post."""
        return post_key(self.platform_id, self.account_id, self.post_id)

    @property
    def unowned(self) -> PostRef:
        """The reference without the account."""
        return PostRef(self.platform_id, None, self.post_id)

    @property
    def id_key(self) -> str:
        """The identity of the post id without an account."""
        return post_id_key(self.platform_id, self.post_id)


@dataclass(frozen=True)
class Owner:
    """The number of accounts with a post of some id, and one of them."""

    accounts: int
    account_id: str


def owners(connection: Connection, posts: Iterable[PostRef]) -> dict[str, Owner]:
    """Return by `id_key` the accounts with assessed posts of these ids; unknown ids are absent."""
    found: dict[str, Owner] = {}
    for keys in chunks({post.id_key for post in posts}):
        account = ASSESSMENTS.c.account_id
        query = select(ASSESSMENTS.c.post_id_key, func.count(account.distinct()), func.min(account))
        query = query.where(ASSESSMENTS.c.post_id_key.in_(keys), account.is_not(None))
        rows = connection.execute(query.group_by(ASSESSMENTS.c.post_id_key))
        found.update((key, Owner(count, account_id)) for key, count, account_id in rows)
    return found


def outcomes(connection: Connection, posts: Collection[PostRef], what: str) -> dict[str, int]:
    """Return counters of events about *posts* without an account that match posts of several accounts, or of none."""
    unowned = [post for post in posts if post.account_id is None]
    known = owners(connection, unowned)
    several = sum(post.id_key in known and known[post.id_key].accounts > 1 for post in unowned)
    none = sum(post.id_key not in known for post in unowned)
    counted = {f"{what}_ambiguous": several, f"{what}_unmatched": none}
    return {name: count for name, count in counted.items() if count}


def mark_deleted(connection: Connection, posts: Iterable[PostRef], keep: timedelta) -> None:
    """Mark flags of deleted posts and set their retention: `keep` from the deletion, never later than before.

    Called with every post that a batch flags or deletes, so that the order of the two does not matter.
    """
    touched = set(posts)
    deleted = _deletions(connection, {post.key for post in touched} | {post.unowned.key for post in touched})
    unowned = {post.unowned for post in touched if post.unowned.key in deleted}
    times = {post.key: deleted[post.key] for post in touched if post.key in deleted}
    for key, post in _resolved(connection, unowned).items():
        times.setdefault(post.key, deleted[key])
    if not times:
        return
    clocks = [{"at_key": key, "deleted_at": at, "until": at + keep} for key, at in sorted(times.items())]
    connection.execute(
        update(FLAGS)
        .where(FLAGS.c.post_key == bindparam("at_key"), FLAGS.c.deleted_at.is_(None))
        .values(deleted_at=bindparam("deleted_at"), retain_until=bindparam("until")),
        clocks,
    )
    connection.execute(
        update(EVIDENCE)
        .where(EVIDENCE.c.post_key == bindparam("at_key"), EVIDENCE.c.expires_at > bindparam("until"))
        .values(expires_at=bindparam("until")),
        [{"at_key": clock["at_key"], "until": clock["until"]} for clock in clocks],
    )


def attach_labels(connection: Connection, posts: Iterable[PostRef]) -> None:
    """Attach labels without an account to the post of the only account with this post id."""
    unowned = {post.unowned.key: post.unowned for post in posts}
    waiting: set[PostRef] = set()
    for keys in chunks(unowned):
        rows = connection.execute(select(LABELS.c.post_key).where(LABELS.c.post_key.in_(keys)))
        waiting.update(unowned[row.post_key] for row in rows)
    moved = [{"was": key, "is": post.key} for key, post in _resolved(connection, waiting).items()]
    if moved:
        connection.execute(
            update(LABELS).where(LABELS.c.post_key == bindparam("was")).values(post_key=bindparam("is")), moved
        )


def _resolved(connection: Connection, unowned: Collection[PostRef]) -> dict[str, PostRef]:
    """Return by the key of a post without an account the only matching post."""
    known = owners(connection, unowned)
    single = [post for post in unowned if post.id_key in known and known[post.id_key].accounts == 1]
    return {post.key: PostRef(post.platform_id, known[post.id_key].account_id, post.post_id) for post in single}


def _deletions(connection: Connection, post_keys: Iterable[str]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for keys in chunks(post_keys):
        rows = connection.execute(select(DELETED.c.post_key, DELETED.c.deleted_at).where(DELETED.c.post_key.in_(keys)))
        found.update((row.post_key, row.deleted_at) for row in rows)
    return found
