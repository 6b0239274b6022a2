"""A log line is one line, and nothing in it acts on a terminal."""

from __future__ import annotations

import json
import logging

import pytest

from moderation.telemetry.logs import JsonLines, PlainLines

ACTING = "\x1b]0;owned\x07\x9b31m\u202e\x7f\nforged"


@pytest.mark.parametrize("form", [JsonLines(), PlainLines("%(levelname)s %(message)s")])
def test_hostile_text_is_spelled_out(form: logging.Formatter) -> None:
    line = form.format(logging.LogRecord("moderation", logging.INFO, "", 0, "refused %s", (ACTING,), None))
    assert line.isprintable()
    assert line.isascii()


def test_the_json_form_keeps_the_text() -> None:
    line = JsonLines().format(logging.LogRecord("moderation", logging.INFO, "", 0, "%s", (ACTING,), None))
    assert json.loads(line)["message"] == ACTING


def test_text_form_keeps_counters() -> None:
    record = logging.LogRecord("moderation", logging.INFO, "", 0, "batch", (), None)
    record.fields = {"posts": 300, "posts_without_time": 300}
    assert PlainLines("%(message)s").format(record) == "batch posts=300 posts_without_time=300"
