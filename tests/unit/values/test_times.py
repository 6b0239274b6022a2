"""Times of every form that platforms write."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.values.bounds import account_time, record_time
from moderation.values.times import TIME_UNITS, read_duration, read_time

AT = datetime(2024, 1, 5, 10, 0, tzinfo=UTC)
NOW_MS = 1_790_000_000_000


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("2024-01-05T10:00:00Z", "rfc3339"),
        ("2024-01-05T11:00:00+01:00", "rfc3339"),
        ("2024-01-05T10:00:00+0000", "auto"),
        ("2024-01-05 10:00:00+00", "auto"),
        ("2024-01-05 10:00:00 UTC", "auto"),
        ("2024-01-05T10:00:00.000000000Z", "auto"),
        ("2024-01-05T10:00:00.000Z[Etc/UTC]", "auto"),
        ("20240105T100000Z", "auto"),
        (1_704_448_800, "epoch_s"),
        ("1704448800", "epoch_s"),
        (1_704_448_800.0, "epoch_s"),
        (1_704_448_800_000, "epoch_ms"),
        ("1704448800000", "epoch_ms"),
        (1_704_448_800_000_000, "epoch_us"),
        (1_704_448_800_000_000_000, "epoch_ns"),
        (1_704_448_800, "auto"),
        ("1704448800", "auto"),
        (1_704_448_800_000, "auto"),
        (1_704_448_800_000_000, "auto"),
        ("1704448800000000000", "auto"),
        ("Fri, 05 Jan 2024 10:00:00 GMT", "http"),
        ("Fri, 05 Jan 2024 10:00:00 GMT", "auto"),
        ("Fri Jan 05 10:00:00 +0000 2024", "twitter"),
        ("Fri Jan 05 12:00:00 +0200 2024", "auto"),
        ((1_704_448_800_000 - 1_420_070_400_000) << 22 | 77, "snowflake_discord"),
        (str((1_704_448_800_000 - 1_288_834_974_657) << 22), "snowflake_twitter"),
    ],
)
def test_time_of_every_form_is_read(value: Any, unit: Any) -> None:
    assert read_time(value, unit, None) == AT


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("2024-01-05T10:00:00", "auto"),
        ("2024-01-05 10:00:00", "rfc3339"),
        ("2024-01-05", "auto"),
        ("soon", "auto"),
        ("", "auto"),
        (0, "auto"),
        (19_727, "auto"),
        (-1, "auto"),
        (True, "epoch_s"),
        (float("nan"), "epoch_s"),
        (10**30, "epoch_s"),
        (10**30, "epoch_ns"),
        ([1], "auto"),
        ("abc", "snowflake_discord"),
        ("Fri Foo 05 10:00:00 +0000 2024", "twitter"),
        ("Fri, 99 Jan 2024 10:00:00 GMT", "http"),
        (1_704_448_800, "rfc3339"),
    ],
)
def test_time_that_cannot_be_read_is_refused(value: Any, unit: Any) -> None:
    with pytest.raises(ValueError, match=r"is not a time|has no offset"):
        read_time(value, unit, None)


def test_time_without_offset_has_the_stated_zone_and_is_refused_without_one() -> None:
    assert read_time("2024-01-05T10:00:00.0", "auto", UTC) == AT
    with pytest.raises(ValueError, match=r"'2024-01-05 10:00:00' has no offset from UTC; set mapping\.time_zone"):
        read_time("2024-01-05 10:00:00", "auto", None)


def test_time_in_microseconds_keeps_every_digit() -> None:
    assert read_time(1_704_448_800_123_456, "epoch_us", None).microsecond == 123_456


@pytest.mark.parametrize(("unit", "expected"), [("us", 8.2), ("ms", 8200), ("s", 8_200_000), ("min", 492_000_000)])
def test_duration_unit_is_converted(unit: Any, expected: float) -> None:
    assert read_duration("8200", unit) == pytest.approx(expected)
    assert read_duration([8200], unit) == pytest.approx([expected])
    with pytest.raises(ValueError, match="not a number"):
        read_duration("fast", unit)


@pytest.mark.parametrize(
    ("stamp_ms", "expected"),
    [
        (1_767_225_600_000, 1_767_225_600_000),
        (1_767_225_600_000_000, None),
        (1_767_225_600, None),
        (0, None),
        (-1, None),
        (None, None),
        (NOW_MS + 60_000, NOW_MS),
        (NOW_MS + 600_000, None),
    ],
)
def test_record_time_outside_its_bounds_is_unknown(stamp_ms: int | None, expected: int | None) -> None:
    assert record_time(stamp_ms, NOW_MS) == expected


@pytest.mark.parametrize("year", [1, 1970, 1999, 2099, 9999])
def test_account_time_of_a_placeholder_is_missing(year: int) -> None:
    assert account_time(datetime(year, 1, 1, tzinfo=UTC), NOW_MS) is None
    assert account_time(AT, NOW_MS) == AT


@given(st.text(max_size=40) | st.integers() | st.floats() | st.none() | st.booleans(), st.sampled_from(TIME_UNITS))
def test_any_value_is_a_time_or_a_value_error(value: Any, unit: Any) -> None:
    with suppress(ValueError):
        assert read_time(value, unit, UTC).tzinfo is UTC
