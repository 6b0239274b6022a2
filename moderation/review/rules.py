"""Rules of review that an operator sets."""

from __future__ import annotations

from dataclasses import dataclass, field

from moderation.review.refusals import InvalidValue
from moderation.settings.sections import ConsoleSettings
from moderation.settings.statements import StatementSettings

CONFIRMED = "confirmed"


@dataclass(frozen=True)
class ReviewRules:
    """Rules of decisions. `second_person_followers` is 0 where one person decides about every account."""

    second_person_followers: int = 0
    bulk_limit: int = 100
    templates: tuple[str, ...] = ()
    statements: StatementSettings = field(default_factory=StatementSettings)
    policies: tuple[str, ...] = ()

    def needs_second_person(self, followers: int | None) -> bool:
        """Return whether two people must agree about an account with this number of followers."""
        return bool(self.second_person_followers) and (followers or 0) >= self.second_person_followers

    def policy_of(self, verdict: str, named: str) -> str | None:
        """Return the policy to store with a verdict: only `confirmed` has one. Raises InvalidValue."""
        if verdict != CONFIRMED or (not self.policies and not named):
            return None
        if named not in self.policies:
            known = f"one of {', '.join(self.policies)}" if self.policies else "empty, because console.policies is"
            raise InvalidValue(f"the policy that the account breaks must be {known}, got {named[:64]!r}")
        return named


def rules_of(asked: ConsoleSettings, statements: StatementSettings) -> ReviewRules:
    """Return the rules that the settings ask for."""
    return ReviewRules(
        asked.second_person_followers, asked.bulk_limit, asked.ground_templates, statements, asked.policies
    )
