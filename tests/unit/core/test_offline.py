"""Events from Python are judged, and what cannot be an event is named by its number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from moderation.errors import InputError
from moderation.offline import Moderator
from tests.unit.core.doubles import ContentRisk, WordDetector, new_state

POST: dict[str, Any] = {"post_id": "1", "text": "a walk", "account_id": "a", "created_at": "2026-01-05T10:00:00Z"}


@pytest.fixture
def moderator() -> Iterator[Moderator]:
    state = new_state()
    yield Moderator(WordDetector(), ContentRisk(), state)  # type: ignore[arg-type]  # a stand-in with the same methods
    state.close()


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({**POST, "created_at": datetime(2026, 1, 5, tzinfo=UTC)}, "datetime is not JSON serializable; give values of"),
        ({**POST, "mentions": {"b"}}, "set is not JSON serializable"),
        ({("post", 1): "x"}, "keys must be str"),
        ({"post_id": "1"}, "text: Field required"),
        (None, "is a NoneType; give a dictionary, JSON or a parsed event"),
        ([POST], "is a list; give a dictionary"),
    ],
)
def test_an_event_that_cannot_be_read_is_named_by_its_number(moderator: Moderator, event: Any, reason: str) -> None:
    with pytest.raises(InputError, match=f"event 1 .*{reason}"):
        list(moderator.assess([POST, event]))


def test_events_as_dictionaries_may_have_numbers_that_json_lacks(moderator: Moderator) -> None:
    (assessment,) = moderator.assess([{**POST, "typing": {"duration_ms": math.nan}}])
    assert assessment.missing == ("typing.duration_ms",)
