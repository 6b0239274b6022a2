"""docs/events.md: its worked example reads as it says, and it names every field there is."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from moderation.events import Account, Client, Deletion, Follow, Ignored, Label, Post, Typing, decode
from moderation.settings import Settings

PAGE = (Path(__file__).parents[3] / "docs" / "events.md").read_text(encoding="utf-8")
ARRIVAL_MS = 1_767_607_260_000


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_nested_record_decodes_to_the_post_that_the_page_shows() -> None:
    record, expected, _ = blocks("json")
    mapping, _ = blocks("toml")
    settings = Settings(**tomllib.loads(mapping))
    post = decode(record, arrival_ms=ARRIVAL_MS, kind="post", mapping=settings.field_mapping())
    assert isinstance(post, Post)
    assert post.invalid == ()
    shown = post.model_dump(mode="json", exclude_none=True, exclude={"invalid", "schema_version"})
    assert shown == json.loads(expected)


def test_a_decision_of_a_reviewer_can_be_read_as_a_label_unless_it_is_withdrawn() -> None:
    event, rule = blocks("json")[2], blocks("toml")[1]
    mapping = Settings(**tomllib.loads(rule)).field_mapping()
    read = decode(event, arrival_ms=ARRIVAL_MS, kind=None, mapping=mapping)
    assert isinstance(read, Label)
    assert (read.verdict, read.account_id, read.post_id, read.source) == (
        "confirmed",
        "u-17",
        "90071",
        "moderation console",
    )
    withdrawn = event.replace('"confirmed"', '"withdrawn"')
    with pytest.raises(Ignored):
        decode(withdrawn, arrival_ms=ARRIVAL_MS, kind=None, mapping=mapping)


@pytest.mark.parametrize("model", [Post, Follow, Deletion, Label, Client, Typing, Account])
def test_every_field_is_on_the_page(model: type[BaseModel]) -> None:
    missing = [name for name in model.model_fields if name != "invalid" and f"`{name}`" not in PAGE]
    assert not missing
