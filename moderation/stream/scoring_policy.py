"""Which posts the text detector scores.

`all` scores every text. `selective` scores a post whose metadata would lead to a flag with texts as suspicious as those
of few genuine posts, the posts of its account within the next 14 days, and a keyed sample. An account's other texts are
no evidence under it, so that each policy has a threshold and a certificate of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from moderation.events import Post
from moderation.features import Observed
from moderation.state import PlatformState
from moderation.stream.audit import AuditSampling

Rule = Literal["all", "decisive", "watched", "sample"]
"""Why a text is scored."""


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
    """Scores posts whose texts decide, those of accounts that had one, and the audit sample."""

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
        return "sample" if self.sample.draw(self.platform_id, post, flagged=False) is not None else None
