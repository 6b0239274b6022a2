"""What a command is given and cannot use is told in a sentence, and a password is in none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from connectors.reviewdb.engine import describe, open_engine
from moderation.cli.flags import app, parse_since
from moderation.errors import SettingsError


@pytest.mark.parametrize("url", ["postgresql://m:TopSecret@db/reviews", "postgresql://m@db/reviews?password=TopSecret"])
def test_a_database_is_named_without_its_password(url: str) -> None:
    said = describe(open_engine(url))
    assert "TopSecret" not in said
    assert "@db/reviews" in said


@pytest.mark.parametrize("text", ["0001-01-01T00:00+14:00", "9999-12-31T23:59:00-12:00"])
def test_a_time_that_no_calendar_has_in_utc_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="outside the years"):
        parse_since(text)
    assert parse_since("2026-11-21T14:00:00+01:00") == datetime(2026, 11, 21, 13, tzinfo=UTC)


@pytest.mark.parametrize("option", ["--after", "--limit"])
def test_a_number_that_no_database_keeps_is_refused(option: str) -> None:
    done = CliRunner().invoke(app, ["list", option, "9" * 23])
    assert done.exit_code == 2
    assert "less than or equal to" in done.output
