"""The rules of decisions about flags, and their storage with optimistic locking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import Connection, bindparam, insert, select, update

from connectors.reviewdb.models import DecisionRow, FlagRow
from connectors.reviewdb.statements import table_of
from moderation.effects import Verdict
from moderation.errors import ModerationError
from moderation.review.names import compared_name
from moderation.review.queries import RecordedDecision
from moderation.review.refusals import InvalidValue

Role = Literal["reviewer", "senior", "appeals"]
ROLES: tuple[str, ...] = get_args(Role)
VERDICTS: tuple[str, ...] = get_args(Verdict)
WITHDRAWN = "withdrawn"
"""Stands in the history for the withdrawal of the decision before: the flag is open again."""
MAX_GROUND_CHARS = 10_000


class StaleDecision(ModerationError):
    """Another person decided in the meantime; the decision was not written."""

    exit_code = 8


class DecisionRefused(ModerationError):
    """The rules of review do not permit this decision by this person."""

    exit_code = 8


@dataclass(frozen=True)
class NewDecision:
    """A decision to write. `version` is the version of the flag that the person saw, `ground` the reason in words."""

    flag_id: int
    who: str
    role: str
    verdict: str
    ground: str
    version: int
    seconds: float | None = None
    """Time from the claim to the decision, None where it is not known."""
    policy: str | None = None
    """The policy that the account breaks, None for other verdicts and where none are set."""


@dataclass(frozen=True)
class ProposedDecision(NewDecision):
    """A decision whose values are checked."""

    def __post_init__(self) -> None:
        """Raise InvalidValue for a decision without who, ground or a valid role and verdict."""
        object.__setattr__(self, "role", compared_name(self.role))
        if self.role not in ROLES:
            raise InvalidValue(f"the role must be one of {', '.join(ROLES)}, got {self.role!r}")
        if self.verdict not in VERDICTS:
            raise InvalidValue(f"the verdict must be one of {', '.join(VERDICTS)}, got {self.verdict!r}")
        if not compared_name(self.who):
            raise InvalidValue("a decision needs the name of the person who makes it (--who)")
        if not self.ground.strip():
            raise InvalidValue("a decision needs its ground: what was seen and which rule it meets (--ground)")
        if len(self.ground) > MAX_GROUND_CHARS:
            raise InvalidValue(f"the ground is longer than {MAX_GROUND_CHARS} characters; shorten it")


@dataclass(frozen=True)
class PastDecision:
    """The parts of an earlier decision that the rules use."""

    id: int
    who: str
    role: str
    verdict: str


def require_allowed(proposed: ProposedDecision, history: Sequence[PastDecision]) -> None:
    """Raise DecisionRefused unless the rules permit the decision.

    An undecided flag, or one whose decision was withdrawn, is open to every role but appeals. A reviewer may correct
    their own last decision; that of another person needs a senior. Only the role appeals may change a decision on
    appeal. An appeal needs a person who has not decided about the flag before; names are compared by `compared_name`.
    """
    if not history or history[-1].verdict == WITHDRAWN:
        if proposed.role == "appeals":
            raise DecisionRefused(f"flag {proposed.flag_id} has no decision yet, so there is nothing to appeal")
        return
    last, who = history[-1], compared_name(proposed.who)
    if proposed.role == "appeals":
        if any(compared_name(past.who) == who for past in history):
            raise DecisionRefused(
                f"{proposed.who} has decided about flag {proposed.flag_id} before; an appeal needs another person"
            )
    elif last.role == "appeals":
        raise DecisionRefused(f"flag {proposed.flag_id} was decided on appeal; only the role appeals decides it again")
    elif proposed.role == "reviewer" and compared_name(last.who) != who:
        raise DecisionRefused(
            f"flag {proposed.flag_id} was decided by another person; changing that decision takes the role senior or "
            "appeals"
        )


def histories(connection: Connection, flag_ids: Sequence[int]) -> dict[int, list[PastDecision]]:
    """Return the decisions of each flag, oldest first."""
    decisions = table_of(DecisionRow)
    found: dict[int, list[PastDecision]] = {number: [] for number in flag_ids}
    for start in range(0, len(flag_ids), 1_000):
        query = select(decisions.c.flag_id, decisions.c.id, decisions.c.who, decisions.c.role, decisions.c.verdict)
        query = query.where(decisions.c.flag_id.in_(flag_ids[start : start + 1_000])).order_by(decisions.c.version)
        for flag_id, *past in connection.execute(query):
            found[flag_id].append(PastDecision(*past))
    return found


def record(
    connection: Connection,
    new: Sequence[NewDecision],
    history: Mapping[int, Sequence[PastDecision]],
    now: datetime,
) -> list[RecordedDecision]:
    """Write decisions that the rules permit; a verdict of WITHDRAWN opens its flag again."""
    flags, decisions = table_of(FlagRow), table_of(DecisionRow)
    rows: list[dict[str, Any]] = [
        {
            "flag_id": one.flag_id,
            "version": one.version + 1,
            "who": one.who,
            "role": one.role,
            "decided_at": now,
            "verdict": one.verdict,
            "ground": one.ground,
            "seconds": one.seconds,
            "policy": one.policy,
            "supersedes": history[one.flag_id][-1].id if history[one.flag_id] else None,
        }
        for one in new
    ]
    statement = insert(decisions).returning(decisions.c.id, sort_by_parameter_order=True)
    written = connection.scalars(statement, rows).all()
    connection.execute(
        update(flags)
        .where(flags.c.id == bindparam("at_id"))
        .values(version=bindparam("next_version"), status=bindparam("next_status")),
        [
            {
                "at_id": row["flag_id"],
                "next_version": row["version"],
                "next_status": "open" if row["verdict"] == WITHDRAWN else row["verdict"],
            }
            for row in rows
        ],
    )
    without_flag = ({name: row[name] for name in row if name not in ("flag_id", "seconds")} for row in rows)
    return [RecordedDecision(id=number, **row) for number, row in zip(written, without_flag, strict=True)]
