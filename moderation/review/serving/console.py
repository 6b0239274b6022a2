"""What every request uses: database, clock, settings, certificate and limits of attempts to sign in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fastapi import Request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy import Engine

from moderation.review.passages import PassageFinder
from moderation.review.recent import Recent
from moderation.review.rules import ReviewRules, rules_of
from moderation.review.threshold_guard import ThresholdRaise, threshold_with
from moderation.risk.certificate import Certificate
from moderation.risk.manifest import NamedFeature
from moderation.settings.oidc import OidcSettings
from moderation.settings.sections import ConsoleSettings
from moderation.settings.statements import StatementSettings

WINDOW_MIN = 15
PER_NAME_AND_ADDRESS = RateLimitItemPerMinute(10, WINDOW_MIN)
PER_NAME = RateLimitItemPerMinute(100, WINDOW_MIN)
"""Higher, so that a stranger at another address cannot keep a person out with few attempts."""
PER_ADDRESS = RateLimitItemPerMinute(100, WINDOW_MIN)


class SignInLimits:
    """Counts attempts to sign in by name and address, in the memory of this process."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def permit(self, name_key: str, address: str) -> bool:
        """Count an attempt and return whether it may be made."""
        limits: tuple[tuple[RateLimitItem, tuple[str, ...]], ...] = (
            (PER_ADDRESS, ("address", address)),
            (PER_NAME_AND_ADDRESS, ("both", name_key, address)),
            (PER_NAME, ("name", name_key)),
        )
        return all(self._limiter.hit(limit, *keys) for limit, keys in limits)

    def permit_step(self, step: str, address: str) -> bool:
        """Count a step of single sign-on, each of which asks the provider, and return whether it may be made."""
        return self._limiter.hit(PER_ADDRESS, "single sign-on", step, address)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Console:
    """The parts of a running console.

    `certified` is the certificate of the risk bundle and the hash of the bundle; `features` are those of the bundle,
    with the usual values of genuine accounts.
    """

    engine: Engine
    settings: ConsoleSettings
    platform_id: str
    certified: tuple[Certificate, str] | None = None
    now: Callable[[], datetime] = utc_now
    sign_in_limits: SignInLimits = field(default_factory=SignInLimits)
    features: tuple[NamedFeature, ...] = ()
    oidc: OidcSettings = field(default_factory=OidcSettings)
    threshold: float = 1.0
    """The threshold of the risk bundle in use."""
    policy: str = "all"
    """The scoring policy."""
    most_wrong_share: float = 0.0
    """Share of flagged accounts that may be genuine; above it the threshold is raised."""
    passages: PassageFinder | None = None
    """Finds what the score of a text depends on; None where the settings switch it off."""
    statements: StatementSettings = field(default_factory=StatementSettings)
    recent: Recent = field(default_factory=Recent)
    """Figures over large tables, at most a minute old."""

    def threshold_in_use(self, raised: Sequence[ThresholdRaise]) -> float:
        """Return the threshold of the console's own risk bundle with the raises that are in force."""
        version = None if self.certified is None else self.certified[1]
        own = [one for one in raised if (one.platform_id, one.risk_version) == (self.platform_id, version)]
        return threshold_with([one for one in own if one.policy == self.policy], self.threshold)

    @property
    def session_lasts(self) -> timedelta:
        """How long a session lasts."""
        return timedelta(hours=self.settings.session_hours)

    @property
    def rules(self) -> ReviewRules:
        """The rules of decisions."""
        return rules_of(self.settings, self.statements)

    @property
    def secure(self) -> bool:
        """Whether browsers reach the console by HTTPS."""
        return self.settings.public_url.startswith("https://")

    @property
    def cookie(self) -> str:
        """The name of the cookie; the prefix makes browsers refuse one without Secure or with a domain."""
        return "__Host-moderation" if self.secure else "moderation"


def console_of(request: Request) -> Console:
    """Return the console that serves a request."""
    console: Console = request.app.state.console
    return console
