"""Training sets from stored feature vectors and the verdicts that people gave about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from moderation.errors import InputError
from moderation.features import FEATURES
from moderation.lab.risk.fitting import post_weights
from moderation.lab.risk.judged import judged_by_role
from moderation.ports import JudgedPost

NOTHING = (None,) * len(FEATURES)
RATE, FLAGGED_RATE = 0.001, 0.1


def judged(account: str, at_ms: int = 0, **changes: Any) -> JudgedPost:
    values: dict[str, Any] = {"decided": None, "blind": None, "probability": None, "address": None, "flagged": False}
    return JudgedPost(account, at_ms, f"text {account} {at_ms}", features=NOTHING, **(values | changes))


def flagged(account: str, verdict: str = "confirmed", **changes: Any) -> JudgedPost:
    return judged(account, flagged=True, decided=verdict, **changes)


def drawn(account: str, verdict: str = "not_a_violation", **changes: Any) -> JudgedPost:
    return judged(account, blind=verdict, **{"probability": RATE, **changes})


def platform() -> list[JudgedPost]:
    """Confirmed flags of 200 accounts, cleared ones of 50, and blind verdicts about 300 others."""
    return [
        *(flagged(f"flagged-{number}") for number in range(200)),
        *(flagged(f"cleared-{number}", "not_a_violation") for number in range(50)),
        *(drawn(f"drawn-{number}") for number in range(300)),
    ]


def names(posts: list[JudgedPost], *roles: str) -> set[str]:
    found = judged_by_role(posts)
    return {truth.account_id for role, part in found.items() if role in roles for truth in part.truth}


def test_verdicts_that_were_not_blind_set_no_threshold_and_no_certificate() -> None:
    both = {name.split("-")[0] for name in names(platform(), "threshold", "certify")}
    assert both == {"drawn"}
    assert {name.split("-")[0] for name in names(platform(), "tune")} == {"flagged", "drawn"}
    assert {name.split("-")[0] for name in names(platform(), "train")} == {"flagged", "cleared", "drawn"}


def test_who_cannot_be_told_counts_as_an_error_and_trains_nothing() -> None:
    unclear = [drawn(f"unclear-{number}", "uncertain") for number in range(60)]
    found = judged_by_role([*platform(), *unclear])
    of_role = {role: [truth for truth in part.truth if "unclear" in truth.account_id] for role, part in found.items()}
    assert not of_role["train"]
    assert not of_role["tune"]
    assert of_role["certify"]
    assert all(truth.genuine for truth in of_role["certify"])


def test_accounts_about_which_people_disagree_train_nothing_and_count_as_genuine() -> None:
    disputed = [
        post
        for number in range(60)
        for post in (drawn(f"both-{number}"), drawn(f"both-{number}", "confirmed", at_ms=1))
    ]
    found = judged_by_role([*platform(), *disputed])
    certified = [truth for truth in found["certify"].truth if "both" in truth.account_id]
    assert certified
    assert all(truth.genuine for truth in certified)
    assert not [truth for truth in found["train"].truth if "both" in truth.account_id]


def test_posts_that_were_drawn_more_often_are_thinned_to_the_rate_of_the_others() -> None:
    often = [drawn(f"often-{number}", probability=FLAGGED_RATE) for number in range(3000)]
    kept = [name for name in names([*platform(), *often], "threshold", "certify") if "often" in name]
    assert 0 < len(kept) < 3000 * RATE / FLAGGED_RATE * 2, "one in a hundred is expected, of 55 % of the accounts"


def test_accounts_on_one_address_are_in_one_step() -> None:
    shared = [drawn(f"shared-{number}", address="k1 one") for number in range(60)]
    found = judged_by_role([*platform(), *shared])
    with_some = [role for role, part in found.items() if any("shared" in truth.account_id for truth in part.truth)]
    assert len(with_some) == 1


def test_posts_of_the_sample_weigh_as_much_as_the_posts_that_they_stand_for() -> None:
    train = judged_by_role(platform())["train"]
    weight = post_weights(train)
    accounts = [train.truth[number].account_id for number in train.account.tolist()]
    of = {name: [w for w, own in zip(weight, accounts, strict=True) if name in own] for name in ("drawn", "cleared")}
    assert of["drawn"][0] / of["cleared"][0] == pytest.approx(1 / RATE)
    assert weight.sum() == pytest.approx(len(train.truth)), "genuine and confirmed accounts keep their numbers"
    assert np.isclose(weight[[("flagged" in own) for own in accounts]], 1.0).all()


def test_a_drawn_post_with_a_label_keeps_the_weight_of_its_draw_and_a_drawn_flag_counts_once() -> None:
    labelled = [drawn(f"labelled-{number}", decided="not_a_violation") for number in range(60)]
    both = [drawn(f"both-{number}", decided="not_a_violation", flagged=True) for number in range(60)]
    train = judged_by_role([*platform(), *labelled, *both])["train"]
    found: dict[str, set[float]] = {}
    assert train.drawn is not None
    for number, probability in zip(train.account.tolist(), train.drawn.tolist(), strict=True):
        found.setdefault(train.truth[number].account_id.split("-")[0], set()).add(probability)
    assert found == {"flagged": {1.0}, "cleared": {1.0}, "drawn": {RATE}, "labelled": {RATE}, "both": {1.0}}


def test_too_few_verdicts_are_refused_with_what_is_missing() -> None:
    with pytest.raises(InputError, match=r"'train' has 0 accounts that reviewers confirmed, training needs 20"):
        judged_by_role([drawn(f"drawn-{number}") for number in range(300)])
    with pytest.raises(InputError, match=r"'tune' has no genuine account: it needs blind verdicts"):
        judged_by_role([post for post in platform() if post.blind is None])
