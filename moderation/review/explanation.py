"""Explains an account to a reviewer: what happened, what the figures are worth, and what is not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from moderation.effects import FamilyEvidence
from moderation.review.account_flags import AccountFlag
from moderation.review.accounts import Account
from moderation.review.address_context import address_sentences
from moderation.review.appeals import KIND_WORDS
from moderation.review.permissions import Action, Actor
from moderation.risk.certificate import Certificate
from moderation.risk.gate import CONTENT

ABSTAINED = {
    "empty": "the text is empty",
    "short": "the text is too short",
    "script": "the text is mostly in a script that the detector does not read",
    "not_selected": "the scoring policy did not select the text",
}
MEANINGS = {
    CONTENT: "its last texts",
    "typing": "how it was typed",
    "network": "addresses and devices",
    "graph": "who follows whom",
    "account": "the history of the account",
    "coordination": "what others posted at the same time",
}


@dataclass(frozen=True)
class FamilyView:
    """One family of signals of a flag: "unusual", "usual" or "missing", and a sentence about it."""

    family: str
    meaning: str
    finding: str
    sentence: str


@dataclass(frozen=True)
class Explained:
    """The explanation of an account, by its flag of highest risk."""

    summary: str
    certificate: str
    agreement: str
    """Whether texts and behaviour agree, in one or two words."""
    content_and_behaviour: str
    address: str
    families: tuple[FamilyView, ...]
    gaps: tuple[str, ...]


def explain(account: Account, certified: tuple[Certificate, str] | None, now: datetime) -> Explained:
    """Return the explanation; *certified* is the certificate of the risk bundle in use, and the hash of the bundle."""
    if not account.flags:
        return Explained("This account has no flag.", "", "", "", "", (), ())
    top = account.flags[0]
    families = tuple(_family(family, family.family in top.agreeing) for family in top.families)
    agreement, compared = _content_and_behaviour(top)
    return Explained(
        summary=" ".join(_summary(account, top, now)),
        certificate=_certificate(top, certified),
        agreement=agreement,
        content_and_behaviour=compared,
        address=address_sentences(account.values, account.linked.accounts),
        families=families,
        gaps=tuple(dict.fromkeys(_gaps(top))),
    )


def refusal_before(account: Account, actor: Actor) -> str | None:
    """Return why a person cannot decide about an account now, None where the form is offered."""
    if not actor.may(Action.DECIDE):
        return f"Your role, {actor.role}, does not decide."
    if account.claimed_by is not None and account.claimed_by != actor.name:
        return f"{account.claimed_by} reviews this account until {account.claimed_until:%H:%M} UTC."
    if account.held_by is not None and account.held_by != actor.name and not actor.may(Action.RELEASE):
        return (
            f"{account.held_by} holds this account until {account.held_until:%Y-%m-%d %H:%M} UTC; a senior can end it."
        )
    differing = () if account.disagreed_by is None else (account.disagreed_by, account.escalated_by)
    if actor.role != "appeals" and actor.name in differing:
        return "You gave one of the two verdicts that differ; another senior decides, or assigns the account."
    if actor.role != "appeals" and not actor.may(Action.RELEASE):
        if account.escalated_at is not None:
            return "A senior decides about this account, because it was escalated."
        if account.assigned_to not in (None, actor.name):
            return f"This account is assigned to {account.assigned_to}; a senior can change that."
    if account.first_verdict_by == actor.name:
        return "Your verdict is held until another person has decided, because many follow this account."
    last = account.decisions[0] if account.decisions else None
    if actor.role == "appeals":
        if last is None:
            return "An appeal needs a decision first; this account waits for one."
        if any(decision.who == actor.name for decision in account.decisions):
            return "You have decided about this account before; an appeal needs another person."
        if all(appeal.decided_at is not None for appeal in account.appeals):
            return "No appeal of this account is open."
        return None
    if account.open_flags == 0 and last is not None and last.role == "appeals":
        return "This account was decided on appeal; only an appeal decides it again."
    if account.open_flags == 0 and last is not None and actor.role == "reviewer" and last.who != actor.name:
        return f"{last.who} decided about this account; a senior or an appeal can change that."
    return None


def _summary(account: Account, top: AccountFlag, now: datetime) -> Iterator[str]:
    count = account.flag_count
    times = sorted(point.at for point in account.timeline)
    posts = f"{count} flagged post{'s' if count != 1 else ''}"
    part = f"the newest {len(times)} " if len(times) < count else ""
    span = f"{part}written {_span(times)}" if times else "of unknown time"
    waiting = {0: "none waits", 1: "1 waits"}.get(account.open_flags, f"{account.open_flags} wait") + " for a decision"
    yield f"The account has {posts}, {span}; {waiting}."
    if top.risk is not None:
        yield f"The highest risk is {_risk(top.risk)}; a post is flagged above {_risk(top.threshold)}."
    if top.agreeing:
        yield f"Unusual together: {_listed([MEANINGS.get(name, name) for name in top.agreeing])}."
    if account.decisions:
        last = account.decisions[0]
        yield f"The last decision is {last.who}'s, {_age(last.decided_at, now)}: {last.verdict.replace('_', ' ')}."
    else:
        yield "No person has decided about this account before."
    for appeal in account.appeals:
        if appeal.decided_at is None:
            yield f"An appeal is open, due {appeal.due_at:%Y-%m-%d %H:%M} UTC. {KIND_WORDS[appeal.kind]}"
    deleted = sum(flag.deleted_at is not None for flag in account.flags)
    if deleted:
        yield f"{deleted} of the posts below {'was' if deleted == 1 else 'were'} deleted since."


def _certificate(top: AccountFlag, certified: tuple[Certificate, str] | None) -> str:
    if certified is None or certified[1] != top.risk_version:
        return (
            f"Unknown: this flag was raised by the risk bundle {top.risk_version[:12]}, which is not the one that this "
            "console has. Do not assume a rate of wrong flags."
        )
    return certified[0].sentence()


def _content_and_behaviour(top: AccountFlag) -> tuple[str, str]:
    behaviour = [name for name in top.agreeing if name != CONTENT]
    content = next((family for family in top.families if family.family == CONTENT), None)
    if content is None or content.p_value is None:
        return "behaviour only", "Its texts have too few scores; the flag rests on behaviour only."
    if CONTENT in top.agreeing and behaviour:
        return "agree", "Texts and behaviour are both unusual."
    if behaviour:
        return "disagree", "The behaviour is unusual, the texts are ordinary. A person may have written them."
    return "disagree", "The texts are unusual, the behaviour is ordinary."


def _family(evidence: FamilyEvidence, agrees: bool) -> FamilyView:
    meaning = MEANINGS.get(evidence.family, evidence.family)
    if evidence.p_value is None:
        return FamilyView(evidence.family, meaning, "missing", "No signal; this neither raises nor lowers the risk.")
    return FamilyView(evidence.family, meaning, "unusual" if agrees else "usual", f"{_rarity(evidence.p_value)}.")


def _rarity(p_value: float) -> str:
    if p_value >= 0.01:
        return f"About {p_value:.0%} of genuine posts are this unusual"
    if p_value <= 0:
        return "No genuine post of the reference is this unusual"
    return f"About 1 in {round(1 / p_value):,} genuine posts is this unusual"


def _gaps(top: AccountFlag) -> Iterator[str]:
    for family in top.families:
        if family.p_value is None and family.family != CONTENT:
            yield f"No signal about {MEANINGS.get(family.family, family.family)}."
    if top.synthetic_score is None:
        reason = ABSTAINED.get(top.content_abstained or "", "the reason was not recorded")
        yield f"The detector returned no score: {reason}."
    if top.truncated:
        yield "The text is too long to be scored completely; a fixed set of its sections was scored."
    if top.missing:
        yield f"Invalid in the event, so not used: {', '.join(top.missing)}."
    if top.degraded:
        yield f"Not completely known at that time, so not used: {', '.join(top.degraded)}."
    if top.text is None:
        yield "The text is no longer kept: it has expired or was erased."


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _risk(value: float) -> str:
    return f"{min(value, 0.9999) if value < 1 else value:.4f}"


def _span(times: Sequence[datetime]) -> str:
    first, last = times[0], times[-1]
    if first == last:
        return f"on {first:%Y-%m-%d at %H:%M} UTC"
    return f"from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


def _age(moment: datetime, now: datetime) -> str:
    minutes = max(0, int((now - moment).total_seconds() // 60))
    if minutes == 0:
        return "less than a minute ago"
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"
