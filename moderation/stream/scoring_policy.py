"""Which posts the text detector scores.

`all` scores every text. `selective` scores a post whose metadata would lead to a flag with texts as suspicious as those
of few genuine posts, the posts of its account within the next 14 days, and samples: one for the audit, one for
the baselines of communities. An account's other texts are no evidence under it, so that each policy has a threshold and
a certificate of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from moderation.events import Post
from moderation.features import Observed
from moderation.state import PlatformState
from moderation.state.community_votes import rank
from moderation.state.coverage import DAY_MS
from moderation.stream.audit import AuditSampling

Rule = Literal["all", "decisive", "watched", "sample", "baseline"]
"""Why a text is scored."""
EVIDENCE: frozenset[Rule] = frozenset(("all", "decisive", "watched"))
"""Rules whose scores are evidence about the account; the certificate does not count others."""
UNBIASED: frozenset[Rule] = frozenset(("all", "sample", "baseline"))
"""Rules that select a text whatever its account did."""
BASELINE_RATE = 0.02
"""Share of accounts and days that `selective` scores for the baselines of communities."""
VOTING_AGE_DAYS = 30
"""Age from which the texts of an account count for the baseline of its community."""


class ScoringPolicy(Protocol):
    """Selects posts for the text detector."""

    @property
    def watches(self) -> bool:
        """Whether the rules read the watchlist of the state."""

    def rules(
        self, posts: Sequence[Post], observed: Sequence[Observed | None], decisive: Callable[[], list[bool]]
    ) -> list[Rule | None]:
        """Return for each post why it is scored; None where it is not.

        *observed* is None for posts without metadata and repeated ones; *decisive* returns for each post
        whether its text decides about a flag.
        """


class ScoreAll:
    """Scores every text."""

    watches = False

    def rules(
        self,
        posts: Sequence[Post],
        observed: Sequence[Observed | None],  # noqa: ARG002  # the signature of the protocol
        decisive: Callable[[], list[bool]],  # noqa: ARG002
    ) -> list[Rule | None]:
        """Return the rule `all` for each post."""
        return ["all"] * len(posts)


@dataclass(frozen=True)
class ScoreSelected:
    """Scores posts whose texts decide, those of accounts that had one, and the samples."""

    platform_id: str
    state: PlatformState
    sample: AuditSampling
    watches = True

    def rules(
        self, posts: Sequence[Post], observed: Sequence[Observed | None], decisive: Callable[[], list[bool]]
    ) -> list[Rule | None]:
        """Return the rule of each post, in order: a post can make later ones of its account watched."""
        return [self._rule(*row) for row in zip(posts, observed, decisive(), strict=True)]

    def _rule(self, post: Post, observed: Observed | None, decisive: bool) -> Rule | None:
        if observed is None:
            return None
        seen = observed.identified.seen
        if decisive:
            self.state.watch(seen.account, seen.at_ms)
            return "decisive"
        if self.state.watchlist.has(seen.account, seen.at_ms):
            return "watched"
        if self.sample.draw(self.platform_id, post, flagged=False) is not None:
            return "sample"
        drawn = in_baseline(seen.account, seen.at_ms // DAY_MS) and settled(post)
        return "baseline" if drawn else None


def in_baseline(account: int, day: int) -> bool:
    """Return whether the texts of an account on a day are scored for the baselines of communities."""
    return rank(account, day) < BASELINE_RATE * 2**64


def settled(post: Post) -> bool:
    """Return whether the account is old enough for the baseline of its community."""
    age_days = post.account_age_days
    return age_days is not None and age_days >= VOTING_AGE_DAYS
