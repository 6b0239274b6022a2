"""The end of a run states what was judged, or why nothing was."""

from __future__ import annotations

import pytest

from moderation.stream.summary import judged, nothing_judged, summary

WITHOUT_BOTH = (
    "1 of 2 posts had no usable time (created_at) and 2 of 2 posts had no account (account_id): nothing was judged"
)


@pytest.mark.parametrize(
    ("totals", "reason"),
    [
        ({}, None),
        ({"posts": 5, "posts_without_metadata": 4, "posts_without_time": 4}, None),
        ({"posts": 5, "posts_repeated": 5}, None),
        (
            {"posts": 300, "posts_without_metadata": 300, "posts_without_time": 300},
            "300 of 300 posts had no usable time (created_at): nothing was judged",
        ),
        (
            {"posts": 2, "posts_without_metadata": 2, "posts_without_time": 1, "posts_without_account": 2},
            WITHOUT_BOTH,
        ),
        ({"dead_letters": 3, "ignored": 4}, "no post among 7 records (3 rejected): nothing was judged"),
    ],
)
def test_nothing_judged_names_the_reason(totals: dict[str, int], reason: str | None) -> None:
    assert nothing_judged(totals) == reason


def test_summary_counts_what_was_read() -> None:
    totals = {"posts": 9, "posts_without_metadata": 2, "posts_repeated": 1, "flags": 1, "invalid:client.ip:private": 4}
    assert judged(totals) == 6
    assert summary(totals) == (
        "9 posts read, 6 judged, 1 flagged, 1 repeated, 0 records ignored, 0 rejected, "
        "invalid values: client.ip:private 4"
    )
