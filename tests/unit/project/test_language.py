"""User-facing text is in standard English: the project's former private wording fails here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from moderation.cli import build_app
from moderation.cli.settings import rows
from tests.unit.project.pages import PAGES, ROOT

WORDING = re.compile(
    r"""\b(?:
        anew | whoever | nobody | somebody | made\ again | whole\ again
        | (?:is|are|was|were|be|been|not|never)\ (?:heard|told)
        | (?:a\ model|a\ bundle|the\ detector)\ (?:says|said|knows|hears)
        | tells?\ (?:of|what|that|whether|how|which)
        | (?:says?|said)\ nothing | sp(?:eak|eaks|oke)\ (?:against|for|of)
        | (?:the|of\ the|how\ much\ of\ the)\ say
        | (?:in|with|by|ends?\ in)\ (?:a|one)\ sentence
        | on\ its\ way\ out | who\ signs\ in | how\ to\ sign\ in | two\ doors | the\ doors
        | (?:four|three|two)\ fifths
        | taken?\ for\ a\ machine's | a\ machine's | of\ a\ machine's
        | (?:the|a)\ companion
    )\b
    | (?<![\w.:*/(\[{`'"-])\.\d{2,}\b(?!\.)
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Words and phrases that have a standard term, and decimals without a leading zero."""

SAMPLE_TEXTS = {"moderation/lab/attacks/benign_verses.py", "moderation/lab/attacks/human_snippets.py"}
"""Source files that hold sample posts, which may use any words."""

SOURCES = sorted(path for room in ("moderation", "connectors", "export") for path in (ROOT / room).rglob("*.py"))
DEPLOYED = [path for path in (ROOT / "deploy").rglob("*") if path.is_file()]
EXAMPLES = [*DEPLOYED, *(ROOT / "docs" / "events").glob("*.toml"), ROOT / "CHANGELOG.md"]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def wording(text: str) -> list[str]:
    return [" ".join(match[0].split()) for match in WORDING.finditer(text)]


def help_texts(command: Any, name: str) -> Iterator[tuple[str, str]]:
    """The help of a command, of its options and of the commands below it."""
    yield name, command.help or ""
    for parameter in command.params:
        yield f"{name} {parameter.name}", getattr(parameter, "help", None) or ""
    for sub, found in getattr(command, "commands", {}).items():
        yield from help_texts(found, f"{name} {sub}")


@pytest.mark.parametrize("page", sorted({*PAGES, *EXAMPLES}), ids=name_of)
def test_page_is_in_standard_terms(page: Path) -> None:
    assert wording(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_source_is_in_standard_terms(path: Path) -> None:
    if name_of(path) not in SAMPLE_TEXTS:
        assert wording(path.read_text(encoding="utf-8")) == []


def test_help_of_every_command_is_in_standard_terms() -> None:
    found = {name: wording(text) for name, text in help_texts(typer.main.get_command(build_app()), "moderation")}
    assert {name: words for name, words in found.items() if words} == {}


def test_descriptions_of_the_settings_are_in_standard_terms() -> None:
    found = {name: wording(meaning) for name, _, meaning in rows()}
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize(
    "text", ["The file is written anew.", "It is not told.", "the say of a part", "it fell to .85"]
)
def test_wording_finds_what_it_should(text: str) -> None:
    assert wording(text)


@pytest.mark.parametrize("text", ["version 0.1.85", "a sign in the text", "0.85", "*.json", "`.md` files", "§1.25"])
def test_wording_passes_standard_text(text: str) -> None:
    assert wording(text) == []
