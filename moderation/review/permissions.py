"""What each role may do, and what each scope of a token permits: the only place where both are defined."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from moderation.errors import ModerationError
from moderation.review.preferences import Preferences


class Action(StrEnum):
    """An action of the console. Every route of pages and API names the one that it needs."""

    SIGN_OUT = "sign_out"
    """End the own session."""
    READ = "read"
    """Read the queue, accounts and flags."""
    READ_METRICS = "read_metrics"
    """Read the metrics, which hold no text and no id."""
    REVIEW = "review"
    """Claim, skip and hold accounts."""
    DECIDE = "decide"
    """Decide about flags and withdraw an own decision; the rules of decisions limit this further by role."""
    RELEASE = "release"
    """End the claim or the hold of another person, and assign accounts to others."""
    DECIDE_MANY = "decide_many"
    """Decide about many accounts at once."""
    RECEIVE_APPEAL = "receive_appeal"
    """Record the appeal of an author."""
    READ_AUDIT = "read_audit"
    """Read the audit log."""
    MANAGE_PEOPLE = "manage_people"
    """List, add and disable people."""


_ALL = frozenset({Action.SIGN_OUT, Action.READ, Action.READ_METRICS})
ROLE_ACTIONS: dict[str, frozenset[Action]] = {
    "viewer": _ALL,
    "reviewer": _ALL | {Action.REVIEW, Action.DECIDE},
    "senior": _ALL
    | {Action.REVIEW, Action.DECIDE, Action.DECIDE_MANY, Action.RELEASE, Action.RECEIVE_APPEAL, Action.READ_AUDIT},
    "appeals": _ALL | {Action.REVIEW, Action.DECIDE, Action.RECEIVE_APPEAL},
    "admin": _ALL | {Action.RECEIVE_APPEAL, Action.READ_AUDIT, Action.MANAGE_PEOPLE},
}
"""The actions of each role. An admin manages people and decides about no account."""
DECIDES_OPEN = frozenset({"reviewer", "senior"})
"""The roles that decide about open flags; appeals decides about decided ones."""

SCOPE_ACTIONS: dict[str, frozenset[Action]] = {
    "read": frozenset({Action.READ, Action.READ_METRICS}),
    "metrics": frozenset({Action.READ_METRICS}),
    "review": frozenset({Action.READ, Action.REVIEW, Action.DECIDE, Action.DECIDE_MANY, Action.RELEASE}),
    "appeals": frozenset({Action.RECEIVE_APPEAL}),
    "audit": frozenset({Action.READ_AUDIT}),
    "people": frozenset({Action.MANAGE_PEOPLE}),
}
"""The actions that each scope of a token permits, as far as the role of its person has them."""


class NotPermitted(ModerationError):
    """The role of the person, or the scopes of the token, do not include the action."""

    exit_code = 8


@dataclass(frozen=True)
class Actor:
    """A person who is signed in or whose token was sent. `scopes` is None for a session: only the role limits it.

    `names` is True where the settings show the names of others.
    """

    id: int
    name: str
    role: str
    scopes: frozenset[str] | None = None
    names: bool = False
    preferences: Preferences = field(default_factory=Preferences)

    @property
    def sees_names(self) -> bool:
        """Return whether the names of others are shown: by the settings, or because the role reads the audit log."""
        return self.names or Action.READ_AUDIT in ROLE_ACTIONS[self.role]

    def may(self, action: Action) -> bool:
        """Return whether role and scopes include the action."""
        if action not in ROLE_ACTIONS[self.role]:
            return False
        return self.scopes is None or any(action in SCOPE_ACTIONS[scope] for scope in self.scopes)

    def require(self, action: Action) -> None:
        """Raise NotPermitted unless role and scopes include the action."""
        if action not in ROLE_ACTIONS[self.role]:
            roles = ", ".join(role for role, actions in ROLE_ACTIONS.items() if action in actions)
            raise NotPermitted(f"the role {self.role} may not do this ({action.value}); it takes one of: {roles}")
        if not self.may(action):
            scopes = ", ".join(scope for scope, actions in SCOPE_ACTIONS.items() if action in actions)
            raise NotPermitted(f"the token has no scope for this ({action.value}); it takes one of: {scopes}")
