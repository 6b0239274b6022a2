"""How good verdicts are: agreement, overturned decisions, time, and error rates from the blind audit sample."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median, quantiles
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, and_, func, select
from sqlalchemy.orm import aliased

from connectors.reviewdb.engine import at_edge, one_view
from connectors.reviewdb.identity import account_key
from connectors.reviewdb.models import AssessmentRow, AuditSampleRow, DecisionRow, EvidenceRow, FlagRow, PersonRow
from connectors.reviewdb.review_models import BlindVerdictRow, GoldenItemRow
from connectors.reviewdb.statements import chunks, table_of
from moderation.review.agreement import (
    CONFIDENCE,
    FlaggedSample,
    cohen_kappa,
    false_positive_bound,
    krippendorff_alpha,
)
from moderation.review.decisions import WITHDRAWN
from moderation.review.permissions import Actor
from moderation.review.pseudonyms import shown_name
from moderation.review.recent import Recent
from moderation.risk.clopper_pearson import interval

ASSESSMENTS, SAMPLES, FLAGS, EVIDENCE = (table_of(row) for row in (AssessmentRow, AuditSampleRow, FlagRow, EvidenceRow))
BLIND, GOLDEN, PEOPLE = table_of(BlindVerdictRow), table_of(GoldenItemRow), table_of(PersonRow)
PERIOD = timedelta(days=90)
MOST_ROWS = 50_000
CLEARED, CONFIRMED = "not_a_violation", "confirmed"


@dataclass(frozen=True)
class Share:
    """A part of a number, with the two-sided Clopper–Pearson interval; None without a sample."""

    part: int
    of: int
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PersonQuality:
    """Golden items of one person."""

    person: str
    right: Share


@dataclass(frozen=True)
class PolicyAgreement:
    """Agreement about one policy: whether a post breaks it, between people, and between people and model."""

    policy: str
    people_alpha: float | None
    people_items: int
    model_kappa: float | None
    model_items: int


@dataclass(frozen=True)
class Quality:
    """The figures of the last 90 days. Error rates come from blind verdicts about the audit sample only.

    In error rates each account counts once, because posts of one account are not independent. `wrong_flags` are
    accounts with a flagged post of the sample that was not a violation, `missed` accounts with a post without a flag
    that was one. `false_positive_bound` is the bound of the share of genuine accounts that are flagged; it takes
    samples that were drawn and the `flagged_accounts` of the same 90 days. `cannot_tell` is the number of verdicts that
    decide neither; about flagged posts they count as wrong in the bound. Alpha leaves golden items out. Times are
    seconds from the claim to the decision.
    """

    blind_verdicts: int
    waiting: int
    cannot_tell: int
    wrong_flags: Share
    missed: Share
    false_positive_bound: float | None
    flagged_accounts: int
    people_alpha: float | None
    people_items: int
    model_kappa: float | None
    model_items: int
    policies: tuple[PolicyAgreement, ...]
    golden: tuple[PersonQuality, ...]
    overturned: Share
    median_s: float | None
    slow_s: float | None
    timed: int


def quality(engine: Engine, actor: Actor, now: datetime, recent: Recent) -> Quality:
    """Return the figures; those of other people only for roles that see names. Raises ConnectionLost."""
    since = now - PERIOD
    with at_edge(engine), one_view(engine) as connection:
        rows = _blind(connection, since)
        flagged = recent.get("flagged accounts", now, lambda: _flagged_accounts(connection, since))
        sampled = _sampled(rows, since)
        errors = _errors(sampled)
        bounded = _flagged_sample(connection, sampled, since, flagged)
        times = _times(connection, since)
        alpha, shared = _alpha(rows)
        pairs = [(row.verdict, CONFIRMED if row.flagged else CLEARED) for row in sampled if row.verdict != "uncertain"]
        return Quality(
            blind_verdicts=len(rows),
            waiting=_waiting(connection, since),
            cannot_tell=sum(row.verdict == "uncertain" for row in sampled),
            wrong_flags=errors.wrong_flags,
            missed=errors.missed,
            false_positive_bound=false_positive_bound(bounded, errors.genuine),
            flagged_accounts=flagged,
            people_alpha=alpha,
            people_items=shared,
            model_kappa=cohen_kappa(pairs),
            model_items=len(pairs),
            policies=_by_policy(rows, sampled),
            golden=_golden(actor, rows),
            overturned=_overturned(connection, since),
            median_s=median(times) if times else None,
            slow_s=quantiles(times, n=10)[-1] if len(times) >= 10 else None,
            timed=len(times),
        )


def live_false_positive_bound(engine: Engine, now: datetime) -> float | None:
    """Return the upper bound of the share of genuine accounts that are flagged, as on the page of quality.

    None where too few posts of the audit sample have a blind verdict. Raises ConnectionLost.
    """
    since = now - PERIOD
    with at_edge(engine), one_view(engine) as connection:
        sampled = _sampled(_blind(connection, since), since)
        bounded = _flagged_sample(connection, sampled, since, _flagged_accounts(connection, since))
        return false_positive_bound(bounded, _errors(sampled).genuine)


def _sampled(rows: Sequence[Any], since: datetime) -> list[Any]:
    """Return the first verdicts about posts that were drawn since a time."""
    return [row for row in rows if row.kind == "sample" and row.drawn_at is not None and row.drawn_at >= since]


class _Errors(NamedTuple):
    """Errors of the sample by account; `genuine` has the genuine posts without a flag of each account."""

    wrong_flags: Share
    missed: Share
    genuine: tuple[int, ...]


def _errors(sampled: Sequence[Any]) -> _Errors:
    """Count each account once, with the verdict that is worst for the model."""
    flagged, others = _verdicts_by_account(sampled, flagged=True), _verdicts_by_account(sampled, flagged=False)
    decided = [found for found in flagged.values() if found & {CLEARED, CONFIRMED}]
    judged = [found for found in others.values() if found & {CLEARED, CONFIRMED}]
    genuine = Counter(_unit(row) for row in sampled if not row.flagged and row.verdict == CLEARED)
    return _Errors(
        share(sum(CLEARED in found for found in decided), len(decided)),
        share(sum(CONFIRMED in found for found in judged), len(judged)),
        tuple(genuine.values()),
    )


def _unit(row: Any) -> str:
    """Return the key of the account of a sample; a post without an account stands for itself."""
    return str(row.assessment_key) if row.account_id is None else account_key(row.platform_id, row.account_id)


def _verdicts_by_account(sampled: Sequence[Any], *, flagged: bool) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in sampled:
        if row.flagged == flagged:
            found[_unit(row)].add(row.verdict)
    return found


def _flagged_accounts(connection: Connection, since: datetime) -> int:
    """Return how many accounts were flagged since a time."""
    units = select(func.coalesce(FLAGS.c.account_key, FLAGS.c.post_key).label("unit")).where(FLAGS.c.raised_at >= since)
    return connection.scalar(select(func.count()).select_from(units.distinct().subquery())) or 0


def _flagged_sample(connection: Connection, sampled: Sequence[Any], since: datetime, accounts: int) -> FlaggedSample:
    """Return the judged accounts among the flagged ones; "cannot tell" counts as wrong.

    An account with several flags is in the sample more often, so it has a smaller weight.
    """
    judged = _verdicts_by_account(sampled, flagged=True)
    probability = {_unit(row): row.probability for row in sampled if row.flagged}
    flags: dict[str, int] = {}
    for keys in chunks(judged):
        query = select(FLAGS.c.account_key, func.count()).where(FLAGS.c.account_key.in_(keys))
        rows = connection.execute(query.where(FLAGS.c.raised_at >= since).group_by(FLAGS.c.account_key))
        flags |= {str(key): int(count) for key, count in rows}
    weights = (1.0 / (1.0 - (1.0 - probability[key]) ** flags.get(key, 1)) for key in judged)
    return FlaggedSample(tuple(found != {CONFIRMED} for found in judged.values()), tuple(weights), accounts)


def share(part: int, of: int) -> Share:
    """Return a share with its interval."""
    low, high = interval(part, of, CONFIDENCE) if of else (None, None)
    return Share(part, of, low, high)


def _blind(connection: Connection, since: datetime) -> Sequence[Any]:
    query = select(
        BLIND.c.assessment_key,
        BLIND.c.person_id,
        BLIND.c.kind,
        BLIND.c.verdict,
        BLIND.c.policy,
        ASSESSMENTS.c.flagged,
        ASSESSMENTS.c.platform_id,
        ASSESSMENTS.c.account_id,
        SAMPLES.c.probability,
        SAMPLES.c.drawn_at,
        GOLDEN.c.verdict.label("agreed"),
        PEOPLE.c.name,
    )
    query = query.join(ASSESSMENTS, ASSESSMENTS.c.key == BLIND.c.assessment_key)
    query = query.join(PEOPLE, PEOPLE.c.id == BLIND.c.person_id)
    query = query.outerjoin(SAMPLES, SAMPLES.c.assessment_key == BLIND.c.assessment_key)
    query = query.outerjoin(GOLDEN, GOLDEN.c.assessment_key == BLIND.c.assessment_key)
    return connection.execute(query.where(BLIND.c.given_at >= since).order_by(BLIND.c.id).limit(MOST_ROWS)).all()


def _alpha(rows: Sequence[Any], policy: str | None = None) -> tuple[float | None, int]:
    """Return alpha between people and the number of posts with two verdicts, without golden items.

    With a *policy*, the verdicts are whether a post breaks it.
    """
    by_item: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        if row.kind != "golden":
            word = row.verdict if policy is None else _about(policy, row.policy == policy)
            by_item[row.assessment_key][str(row.person_id)] = word
    return krippendorff_alpha(by_item)


def _about(policy: str, breaks: bool) -> str:
    return policy if breaks else CLEARED


def _by_policy(rows: Sequence[Any], sampled: Sequence[Any]) -> tuple[PolicyAgreement, ...]:
    """Return the agreement about each policy that a verdict names. A verdict is about all policies at once.

    Verdicts that do not state whether a post breaks a policy are left out: uncertain, and confirmed without a policy.
    The model flags posts for every policy, so kappa compares with it only posts that break this policy or none.
    """
    found = []
    stated = [row for row in rows if row.verdict == CLEARED or (row.verdict == CONFIRMED and row.policy)]
    for policy in sorted({row.policy for row in stated if row.policy}):
        judged = [row for row in sampled if row.policy == policy or row.verdict == CLEARED]
        pairs = [(_about(policy, row.policy == policy), _about(policy, bool(row.flagged))) for row in judged]
        found.append(PolicyAgreement(policy, *_alpha(stated, policy), cohen_kappa(pairs), len(pairs)))
    return tuple(found)


def _waiting(connection: Connection, since: datetime) -> int:
    judged = select(BLIND.c.id).where(BLIND.c.assessment_key == SAMPLES.c.assessment_key)
    kept = select(SAMPLES.c.flag_key).join(EVIDENCE, EVIDENCE.c.assessment_key == SAMPLES.c.assessment_key)
    some = kept.where(~judged.exists(), SAMPLES.c.drawn_at >= since).limit(1_001).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0


def _golden(actor: Actor, rows: Sequence[Any]) -> tuple[PersonQuality, ...]:
    right: dict[tuple[int, str], list[bool]] = defaultdict(list)
    for row in rows:
        if row.kind == "golden" and row.agreed is not None and (actor.sees_names or row.person_id == actor.id):
            right[row.person_id, row.name].append(row.verdict == row.agreed)
    return tuple(
        PersonQuality(shown_name(actor, person, name), share(sum(found), len(found)))
        for (person, name), found in sorted(right.items())
    )


def _overturned(connection: Connection, since: datetime) -> Share:
    """Return how many decisions another person replaced by another verdict."""
    first, later = aliased(DecisionRow), aliased(DecisionRow)
    recent = and_(first.decided_at >= since, first.verdict != WITHDRAWN)
    of = connection.scalar(select(func.count()).select_from(first).where(recent)) or 0
    joined = select(func.count()).select_from(first).join(later, later.supersedes == first.id)
    other = and_(later.who != first.who, later.verdict.not_in([WITHDRAWN, ""]), later.verdict != first.verdict)
    return share(connection.scalar(joined.where(recent, other)) or 0, of)


def _times(connection: Connection, since: datetime) -> list[float]:
    """Return the seconds of each decision about an account; the flags that it covers count once."""
    row = table_of(DecisionRow).c
    query = select(row.who, row.decided_at, row.seconds).where(row.decided_at >= since, row.seconds.is_not(None))
    return [seconds for _, _, seconds in connection.execute(query.distinct().limit(MOST_ROWS))]
