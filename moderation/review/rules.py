"""Rules of review that an operator sets."""

from __future__ import annotations

from dataclasses import dataclass, field

from moderation.settings.sections import ConsoleSettings
from moderation.settings.statements import StatementSettings


@dataclass(frozen=True)
class ReviewRules:
    """Rules of decisions. `second_person_followers` is 0 where one person decides about every account."""

    second_person_followers: int = 0
    bulk_limit: int = 100
    templates: tuple[str, ...] = ()
    statements: StatementSettings = field(default_factory=StatementSettings)

    def needs_second_person(self, followers: int | None) -> bool:
        """Return whether two people must agree about an account with this number of followers."""
        return bool(self.second_person_followers) and (followers or 0) >= self.second_person_followers


def rules_of(asked: ConsoleSettings, statements: StatementSettings) -> ReviewRules:
    """Return the rules that the settings ask for."""
    return ReviewRules(asked.second_person_followers, asked.bulk_limit, asked.ground_templates, statements)
