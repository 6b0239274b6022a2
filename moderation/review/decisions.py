"""The rules of decisions about flags, and their storage with optimistic locking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from sqlalchemy import Engine, insert, select, update

from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.models import DecisionRow, FlagRow
from moderation.effects import Verdict
from moderation.errors import ModerationError, SettingsError
from moderation.review.names import compared_name
from moderation.review.queries import RecordedDecision, no_flag, require_number

Role = Literal["reviewer", "senior", "appeals"]
ROLES: tuple[str, ...] = get_args(Role)
VERDICTS: tuple[str, ...] = get_args(Verdict)
MAX_GROUND_CHARS = 10_000


class StaleDecision(ModerationError):
    """Another person decided in the meantime; the decision was not written."""

    exit_code = 8


class DecisionRefused(ModerationError):
    """The rules of review do not permit this decision by this person."""

    exit_code = 8


@dataclass(frozen=True)
class ProposedDecision:
    """A proposed decision. `version` is the version of the flag that the person saw, `ground` the reason in words."""

    flag_id: int
    who: str
    role: Role
    verdict: Verdict
    ground: str
    version: int

    def __post_init__(self) -> None:
        """Raise SettingsError for a decision without who, ground or a valid role and verdict."""
        object.__setattr__(self, "role", compared_name(self.role))
        if self.role not in ROLES:
            raise SettingsError(f"the role must be one of {', '.join(ROLES)}, got {self.role!r}")
        if self.verdict not in VERDICTS:
            raise SettingsError(f"the verdict must be one of {', '.join(VERDICTS)}, got {self.verdict!r}")
        if not compared_name(self.who):
            raise SettingsError("a decision needs the name of the person who makes it (--who)")
        if not self.ground.strip():
            raise SettingsError("a decision needs its ground: what was seen and which rule it meets (--ground)")
        if len(self.ground) > MAX_GROUND_CHARS:
            raise SettingsError(f"the ground is longer than {MAX_GROUND_CHARS} characters; shorten it")


@dataclass(frozen=True)
class PastDecision:
    """The parts of an earlier decision that the rules use."""

    id: int
    who: str
    role: str


def require_allowed(proposed: ProposedDecision, history: Sequence[PastDecision]) -> None:
    """Raise DecisionRefused unless the rules permit the decision.

    An undecided flag is open to every role but appeals. A reviewer may correct their own last decision; that of another
    person needs a senior. Only the role appeals may change a decision on appeal. An appeal needs a person who has not
    decided about the flag before; names are compared by `compared_name`.
    """
    if not history:
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
            f"flag {proposed.flag_id} was decided by {last.who}; changing another person's decision takes the role "
            "senior or appeals"
        )


def decide(engine: Engine, proposed: ProposedDecision) -> RecordedDecision:
    """Append a decision and update status and version of the flag, or raise without a change.

    The row of the flag is locked from the first read: of two people who saw the same version, one is refused.

    Raises InputError (no such flag), StaleDecision (its version is another one now), DecisionRefused, ConnectionLost.
    """
    require_number(proposed.flag_id)
    now = datetime.now(UTC)
    flags, decisions = FlagRow.__table__, DecisionRow.__table__
    with at_edge(engine), engine.begin() as connection:
        version = connection.scalar(select(flags.c.version).where(flags.c.id == proposed.flag_id).with_for_update())
        if version is None:
            raise no_flag(proposed.flag_id)
        if version != proposed.version:
            raise _stale(proposed, version)
        query = select(decisions.c.id, decisions.c.who, decisions.c.role)
        query = query.where(decisions.c.flag_id == proposed.flag_id).order_by(decisions.c.version)
        history = [PastDecision(*row) for row in connection.execute(query)]
        require_allowed(proposed, history)
        supersedes = history[-1].id if history else None
        written = connection.execute(
            insert(DecisionRow)
            .values(
                flag_id=proposed.flag_id,
                version=version + 1,
                who=proposed.who,
                role=proposed.role,
                decided_at=now,
                verdict=proposed.verdict,
                ground=proposed.ground,
                supersedes=supersedes,
            )
            .returning(decisions.c.id)
        ).scalar_one()
        connection.execute(
            update(FlagRow)
            .where(flags.c.id == proposed.flag_id, flags.c.version == version)
            .values(version=version + 1, status=proposed.verdict)
        )
    return RecordedDecision(
        id=written,
        version=version + 1,
        who=proposed.who,
        role=proposed.role,
        decided_at=now,
        verdict=proposed.verdict,
        ground=proposed.ground,
        supersedes=supersedes,
    )


def _stale(proposed: ProposedDecision, version: int) -> StaleDecision:
    return StaleDecision(
        f"flag {proposed.flag_id} has version {version} now, not {proposed.version}: another decision was recorded. "
        f"Check `moderation flags show {proposed.flag_id}` and repeat with the version that it prints; nothing was "
        "written."
    )
