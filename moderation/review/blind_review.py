"""The audit sample as a queue: people judge posts without score, reasons and earlier verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, func, insert, or_, select
from sqlalchemy.exc import IntegrityError

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import AssessmentRow, AuditEntryRow, AuditSampleRow, DecisionRow, EvidenceRow, FlagRow
from connectors.reviewdb.review_models import BlindVerdictRow, GoldenItemRow, VisitRow
from connectors.reviewdb.statements import insert_into, table_of
from moderation.errors import InputError
from moderation.features.catalogue import COLUMN, FEATURES_VERSION
from moderation.review.decisions import VERDICTS, DecisionRefused
from moderation.review.permissions import Action, Actor
from moderation.review.quality_report import PERIOD
from moderation.review.refusals import InvalidValue
from moderation.review.threshold_guard import consider

ASSESSMENTS, SAMPLES, EVIDENCE, FLAGS, DECISIONS = (
    table_of(row) for row in (AssessmentRow, AuditSampleRow, EvidenceRow, FlagRow, DecisionRow)
)
BLIND, GOLDEN, ENTRIES, VISITS = (table_of(row) for row in (BlindVerdictRow, GoldenItemRow, AuditEntryRow, VisitRow))
PEERS = ("0", "1", "2")
"""First signs of the keys of posts that two people judge: three of sixteen."""
NEAR = 100
SIGNS = 32
"""The order of a person compares so many signs of the keys, from a place that depends on the person."""
BLIND_ACTIONS = ("blind_verdict", "golden_item")
GOLDEN_EVERY = 10
"""Every tenth post of a person is a golden item, as far as there are any."""
LONGEST_S = 3_600.0
"""A post that was open for longer was not looked at all the time."""


@dataclass(frozen=True)
class BlindItem:
    """A post to judge, without anything that a model or a person found about it."""

    item: str
    post_id: str
    written_at: datetime | None
    text: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class BlindVerdict:
    """A verdict about a post. `policy` is the one that it breaks; the post was opened at `opened_at`, where known."""

    item: str
    verdict: str
    policy: str | None = None
    opened_at: datetime | None = None


@dataclass(frozen=True)
class BlindResult:
    """What a person learns after the verdict. `agreed` is the verdict of a golden item."""

    item: str
    verdict: str
    flagged: bool
    risk: float | None
    agreed: str | None


def next_item(engine: Engine, actor: Actor, now: datetime) -> BlindItem | None:
    """Return the next post that the person has not judged; None at the end.

    Posts that need a second person come first. Then it is one of the NEAR newest of the sample, in an order of this
    person, so that two people seldom judge the same one. A verdict about an old post would soon be about one from
    before the PERIOD of the error rates; posts from before it are left out. So are posts of accounts that the
    person has opened or worked on, because that person has seen the score.
    """
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        judged = connection.scalar(select(func.count()).select_from(BLIND).where(BLIND.c.person_id == actor.id)) or 0
        queries = [_second(actor, now - PERIOD), _samples(actor, now - PERIOD), _golden(actor)]
        if judged % GOLDEN_EVERY == GOLDEN_EVERY - 1:
            queries.insert(0, queries.pop())
        for query in queries:
            row = connection.execute(query.limit(1)).one_or_none()
            if row is not None:
                return _item(row)
    return None


def give_verdict(
    engine: Engine, actor: Actor, given: BlindVerdict, now: datetime, *, most_wrong: float = 0.0
) -> BlindResult:
    """Store a verdict about a post of the sample or a golden item, and return what the model found.

    The threshold is raised where verdicts are evidence that more than *most_wrong* of the flagged accounts are genuine.
    Raises InputError for another post, InvalidValue, and DecisionRefused for a second verdict of the person, and for a
    person who has opened or worked on the account since the post was shown.
    """
    item, verdict = given.item, given.verdict
    _require_verdict(verdict)
    seconds = None if given.opened_at is None else (now - given.opened_at).total_seconds()
    values = {
        "assessment_key": item,
        "person_id": actor.id,
        "verdict": verdict,
        "policy": given.policy,
        "given_at": now,
    }
    values["seconds"] = seconds if seconds is not None and 0 <= seconds <= LONGEST_S else None
    try:
        with at_edge(engine), engine.begin() as connection:
            found = _judged_post(connection, item)
            if connection.scalar(_post(item).where(or_(*_seen(actor)))) is not None:
                raise DecisionRefused(
                    "you have opened the account of this post, so you may have seen its score; take the next one"
                )
            # Of two people who judge at once, the second one waits here and sees the verdict of the first.
            connection.execute(select(SAMPLES.c.flag_key).where(SAMPLES.c.assessment_key == item).with_for_update())
            agreed = connection.scalar(select(GOLDEN.c.verdict).where(GOLDEN.c.assessment_key == item))
            earlier = connection.scalar(select(BLIND.c.id).where(BLIND.c.assessment_key == item).limit(1))
            kind = "golden" if agreed is not None else "sample" if earlier is None else "peer"
            connection.execute(insert(BLIND).values(**values, kind=kind))
            # Without the verdict: people who read the log judge the post too.
            details = {"item": item, "kind": kind}
            entries = [Entry(now, actor.name, "blind_verdict", found.account_key, details)]
            raised = consider(connection, item, most_wrong, now) if kind == "sample" else None
            append(connection, *entries, *([raised] if raised is not None else []))
    except IntegrityError:
        raise DecisionRefused("you have judged this post before; take the next one") from None
    return BlindResult(item, verdict, found.flagged, found.risk, agreed)


def given_verdict(engine: Engine, actor: Actor, item: str) -> BlindResult | None:
    """Return the verdict of a person about a post with what the model found, None where the person gave none."""
    query = select(BLIND.c.verdict, ASSESSMENTS.c.flagged, ASSESSMENTS.c.risk, GOLDEN.c.verdict.label("agreed"))
    query = query.join(ASSESSMENTS, ASSESSMENTS.c.key == BLIND.c.assessment_key)
    query = query.outerjoin(GOLDEN, GOLDEN.c.assessment_key == BLIND.c.assessment_key)
    own = query.where(BLIND.c.assessment_key == item, BLIND.c.person_id == actor.id)
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        row = connection.execute(own).one_or_none()
    return None if row is None else BlindResult(item, **row._mapping)


def make_golden(engine: Engine, actor: Actor, item: str, verdict: str, now: datetime) -> None:
    """Add a post as a golden item with the verdict that was agreed on, or change that verdict.

    Raises InputError for a post whose text is not kept, InvalidValue and NotPermitted.
    """
    actor.require(Action.RELEASE)
    _require_verdict(verdict)
    with at_edge(engine), engine.begin() as connection:
        found = _judged_post(connection, item)
        values = {"verdict": verdict, "person_id": actor.id, "added_at": now}
        statement = insert_into(connection, GoldenItemRow).values(assessment_key=item, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=[GOLDEN.c.assessment_key], set_=values))
        details = {"item": item, "verdict": verdict}
        append(connection, Entry(now, actor.name, "golden_item", found.account_key, details))


def _require_verdict(verdict: str) -> None:
    if verdict not in VERDICTS:
        raise InvalidValue(f"the verdict must be one of {', '.join(VERDICTS)}, got {verdict[:40]!r}")


def _judged_post(connection: Connection, item: str) -> Any:
    row = connection.execute(_post(item)).one_or_none()
    sampled = select(SAMPLES.c.assessment_key).where(SAMPLES.c.assessment_key == item)
    golden = select(GOLDEN.c.assessment_key).where(GOLDEN.c.assessment_key == item)
    if row is None or connection.execute(sampled.union(golden)).first() is None:
        raise InputError(f"there is no post {item[:12]!r} in the audit sample whose text is kept")
    return row


def _post(item: str) -> Select[Any]:
    query = select(ASSESSMENTS.c.flagged, ASSESSMENTS.c.risk, EVIDENCE.c.account_key)
    return query.join(EVIDENCE, EVIDENCE.c.assessment_key == ASSESSMENTS.c.key).where(ASSESSMENTS.c.key == item)


def _seen(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which a person may have seen the score of a post."""
    decided = select(DECISIONS.c.id).join(FLAGS, FLAGS.c.id == DECISIONS.c.flag_id)
    decided = decided.where(FLAGS.c.key == ASSESSMENTS.c.flag_key, DECISIONS.c.who == actor.name)
    unit = func.coalesce(EVIDENCE.c.account_key, EVIDENCE.c.post_key)
    visited = select(VISITS.c.person_id).where(VISITS.c.account_key == unit, VISITS.c.person_id == actor.id)
    worked = select(ENTRIES.c.id).where(ENTRIES.c.account_key == unit, ENTRIES.c.actor == actor.name)
    worked = worked.where(ENTRIES.c.action.not_in(BLIND_ACTIONS))
    return decided.exists(), visited.exists(), worked.exists()


def _posts(actor: Actor) -> Select[Any]:
    own = select(BLIND.c.id).where(BLIND.c.assessment_key == ASSESSMENTS.c.key, BLIND.c.person_id == actor.id)
    names = ("key", "post_id", "event_time", "features_version")
    query = select(*(ASSESSMENTS.c[name] for name in names), EVIDENCE.c.text, EVIDENCE.c.features)
    query = query.join(EVIDENCE, EVIDENCE.c.assessment_key == ASSESSMENTS.c.key)
    return query.where(~own.exists(), *(~one for one in _seen(actor)))


def _samples(actor: Actor, since: datetime) -> Select[Any]:
    """Return the query of posts without a verdict."""
    judged = select(BLIND.c.id).where(BLIND.c.assessment_key == ASSESSMENTS.c.key)
    newest = _drawn(actor, since).where(~judged.exists()).order_by(SAMPLES.c.drawn_at.desc(), SAMPLES.c.flag_key)
    return _in_own_order(actor, newest)


def _second(actor: Actor, since: datetime) -> Select[Any]:
    """Return the query of posts for peers with one verdict."""
    first = BLIND.alias()
    others = select(BLIND.c.id).where(BLIND.c.assessment_key == ASSESSMENTS.c.key, BLIND.c.id != first.c.id)
    query = _drawn(actor, since).join(first, first.c.assessment_key == ASSESSMENTS.c.key)
    query = query.where(func.substr(ASSESSMENTS.c.key, 1, 1).in_(PEERS), ~others.exists())
    return _in_own_order(actor, query.order_by(first.c.id))


def _drawn(actor: Actor, since: datetime) -> Select[Any]:
    query = _posts(actor).join(SAMPLES, SAMPLES.c.assessment_key == ASSESSMENTS.c.key)
    return query.where(SAMPLES.c.drawn_at >= since)


def _in_own_order(actor: Actor, query: Select[Any]) -> Select[Any]:
    near = query.limit(NEAR).subquery()
    return select(near).order_by(func.substr(near.c.key, 1 + actor.id % SIGNS, SIGNS), near.c.key)


def _golden(actor: Actor) -> Select[Any]:
    query = _posts(actor).join(GOLDEN, GOLDEN.c.assessment_key == ASSESSMENTS.c.key)
    return query.order_by(GOLDEN.c.added_at, GOLDEN.c.assessment_key)


def _item(row: Any) -> BlindItem:
    known = row.features_version == FEATURES_VERSION and len(row.features) == len(COLUMN)
    pairs = zip(COLUMN, row.features, strict=True) if known else ()
    values = {name: value for name, value in pairs if value is not None and not name.startswith("content_")}
    return BlindItem(row.key, row.post_id, row.event_time, row.text, values)
