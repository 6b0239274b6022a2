"""Turns real key presses into posts with typing telemetry, and counts those whose typing is unusual for the model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from moderation.events import Post, Typing
from moderation.features import FEATURES
from moderation.features.catalogue import COLUMN
from moderation.features.typing import typing_features
from moderation.lab.evaluation.signals.tables import Table
from moderation.lab.evaluation.signals.unusual import p_values_of, shares_at_most
from moderation.risk.model import BundledRiskModel

FEWEST, MOST = 40, 250
"""Key presses of a post."""
_LEAST_CHARS = 10
_SPACE = {"space": " ", "enter": "\n", "return": "\n"}
_SIGNS = {"period": ".", "comma": ",", "quote": "'", "semicolon": ";", "slash": "/", "dash": "-"}
_DELETES = {"backspace", "delete"}


@dataclass(frozen=True)
class RealTyping:
    """Typing features of the posts of real people, shape (n, f), and the person of each post, shape (n,)."""

    features: NDArray[np.float64]
    people: NDArray[np.str_]

    def of(self, half: int) -> RealTyping:
        """Return the posts of the even-numbered people (0) or of the odd-numbered ones (1)."""
        chosen = self.people.astype(np.int64) % 2 == half
        return RealTyping(self.features[chosen], self.people[chosen])


def real_typing(presses: Table, seed: int = 1) -> RealTyping:
    """Return the features of free text that people typed, cut into posts of random length.

    *presses* has the columns user, session, keyname and timepress (milliseconds).
    """
    sessions: Mapping[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for user, session, key, at in zip(
        *(presses[name] for name in ("user", "session", "keyname", "timepress")), strict=True
    ):
        sessions[user, session].append((float(at), key))
    rng = np.random.default_rng(seed)
    posts = [post for (user, _), some in sessions.items() for post in _posts(user, sorted(some), rng)]
    features = np.full((len(posts), len(FEATURES)), np.nan)
    for row, found in zip(features, typing_features(posts), strict=True):
        row[[COLUMN[name] for name in found]] = list(found.values())
    return RealTyping(features, np.array([post.account_id for post in posts]))


def _posts(user: str, presses: list[tuple[float, str]], rng: np.random.Generator) -> Iterator[Post]:
    begin = 0
    while begin + FEWEST <= len(presses):
        part = presses[begin : begin + int(rng.integers(FEWEST, MOST + 1))]
        begin += len(part)
        text = _written(key for _, key in part)
        if len(part) < FEWEST or len(text) < _LEAST_CHARS:
            continue
        times = [at for at, _ in part]
        typing = Typing.model_construct(
            duration_ms=times[-1] - times[0],
            keystrokes=len(part),
            deletions=sum(key in _DELETES for _, key in part),
            pastes=0,
            pasted_chars=0,
            focus_losses=None,
            intervals_ms=tuple(after - before for before, after in pairwise(times)),
            interval_classes=None,
            input_method="keyboard",
        )
        yield Post.model_construct(post_id=f"{user}-{begin}", text=text, account_id=user, typing=typing)


def _written(keys: Iterator[str]) -> str:
    text: list[str] = []
    for key in keys:
        if key in _DELETES:
            del text[-1:]
        elif len(key) == 1:
            text.append(key)
        elif key in _SPACE or key in _SIGNS:
            text.append(_SPACE.get(key) or _SIGNS[key])
    return "".join(text)


def unusual_shares(typing: RealTyping, model: BundledRiskModel) -> dict[str, object]:
    """Return how many real posts have a typing p-value of at most each level, and the share of the worst person."""
    p_values = p_values_of(typing.features, "typing", model)
    worst = max(float(np.mean(p_values[typing.people == one] <= model.manifest.p_family)) for one in set(typing.people))
    return {
        "people": len(set(typing.people)),
        "posts": len(p_values),
        "share_at_most": shares_at_most(p_values),
        "share_at_most_p_family_of_worst_person": worst,
    }


def ranges(typing: RealTyping, model: BundledRiskModel) -> list[dict[str, object]]:
    """Return 5 %, 50 % and 95 % quantile of each typing feature of real posts, and those of simulated people."""
    rows: list[dict[str, object]] = []
    for named in model.manifest.features:
        known = typing.features[:, COLUMN[named.name]]
        known = known[~np.isnan(known)]
        if named.family == "typing" and len(known):
            simulated = [named.genuine_low, named.genuine_median, named.genuine_high]
            rows.append(
                {"feature": named.name, "real": np.quantile(known, (0.05, 0.5, 0.95)).tolist(), "simulated": simulated}
            )
    return rows
