"""Figures over large tables are computed once a minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from moderation.review.recent import Recent

NOW = datetime(2026, 11, 29, 9, 0, tzinfo=UTC)


def test_a_figure_is_computed_once_a_minute_and_by_name() -> None:
    recent, counted = Recent(), iter(range(10))
    found = [recent.get("queue", NOW + timedelta(seconds=after), lambda: next(counted)) for after in (0, 59, 60, 90)]
    assert found == [0, 0, 1, 1]
    assert recent.get("other", NOW, lambda: next(counted)) == 2


def test_a_figure_of_a_later_time_is_computed_again() -> None:
    recent = Recent()
    assert [recent.get("queue", NOW, lambda: 1), recent.get("queue", NOW - timedelta(seconds=1), lambda: 2)] == [1, 2]


def test_a_figure_whose_computation_failed_is_computed_again() -> None:
    recent = Recent()

    def fail() -> int:
        raise ConnectionError

    try:
        recent.get("queue", NOW, fail)
    except ConnectionError:
        assert recent.get("queue", NOW, lambda: 3) == 3
    else:
        raise AssertionError("the error must reach the caller")
