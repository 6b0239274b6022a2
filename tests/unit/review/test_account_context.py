"""Address, linked texts, the drawing of typing and the own choices of a person, without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree

import pytest

from moderation.review.address_context import address_sentences
from moderation.review.linked import LinkedAccount, similarity
from moderation.review.pages.rendering import link_words
from moderation.review.permissions import Actor
from moderation.review.preferences import Preferences, preferences_of
from moderation.review.pseudonyms import shown_name
from moderation.review.refusals import InvalidValue
from moderation.review.value_plot import plotted, typing_svg
from moderation.risk.bundle import read_manifest


def linked(**changes: Any) -> LinkedAccount:
    """An account on the same address."""
    values = {"key": "k", "account_id": "b", "open_flags": 1, "risk": 0.9, "same_address": True, "same_text": False}
    return LinkedAccount(**({"similarity": None, "confirmed": False, "cleared": False} | values | changes))


@pytest.mark.parametrize(
    ("accounts", "log_ratio", "words"),
    [
        (212.0, -1.2, "one address there stands for many people"),
        (14.0, 2.0, "That is 4 times what its kind of network leads to."),
        (3.0, 0.0, "That is usual for its kind of network."),
    ],
)
def test_an_address_with_many_accounts_is_compared_with_its_kind_of_network(
    accounts: float, log_ratio: float, words: str
) -> None:
    values = {"network_accounts_24h": accounts, "network_accounts_vs_kind": log_ratio}
    found = address_sentences(values, [linked(), linked(), linked(same_address=False)])
    assert found.startswith(f"{accounts:.0f} accounts posted from its address in the 24 hours before. ")
    assert words in found
    assert "At least 2 other flagged accounts have used an address of this account" in found


@pytest.mark.parametrize(
    ("values", "words"),
    [({}, "The address is not known"), ({"network_accounts_24h": 1.0}, "No other account posted from its address")],
)
def test_an_unknown_or_unshared_address_is_described_as_that(values: Mapping[str, float], words: str) -> None:
    assert words in address_sentences(values, [])


def test_similarity_is_the_share_of_common_word_triples() -> None:
    text = "the new delivery service changed how we plan"
    assert similarity(text, text.upper()) == 1.0
    assert 0.3 < similarity(text, text + " our weeks") < 1.0
    assert similarity(text, "slept in the van again") == similarity("two words", "two words") == 0.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "same address"),
        ({"similarity": 0.5}, "similar text (50% of word triples), same address"),
        ({"similarity": 1.0, "same_text": True, "same_address": False}, "same text"),
    ],
)
def test_links_are_named(changes: dict[str, Any], words: str) -> None:
    assert link_words(linked(**changes)) == words


def test_typing_is_drawn_with_marks_inside_and_outside_the_usual_range() -> None:
    manifest, _ = read_manifest(None)
    values = {"typing_chars_per_s": 41.5, "typing_interval_cv": 0.9, "account_age_days": 2.0}
    rows = plotted(manifest.features, values)
    assert [(row.label, row.words, row.usual) for row in rows] == [
        ("characters per second", "41.5", False),
        ("variation of the pauses", "90 %", True),
    ]
    drawing = ElementTree.fromstring(str(typing_svg(rows)))
    assert [one.get("class") for one in drawing if one.tag == "circle"] == ["outside", "inside"]
    assert drawing.get("aria-label") == "Typing: characters per second outside the usual range"
    assert all(0 <= float(one.get("cx", "0")) <= 640 for one in drawing)


def test_without_typing_nothing_is_drawn() -> None:
    manifest, _ = read_manifest(None)
    assert str(typing_svg(plotted(manifest.features, {"account_age_days": 2.0}))) == ""


def test_names_of_others_are_pseudonyms_unless_settings_or_role_show_them() -> None:
    assert shown_name(Actor(1, "ana", "reviewer"), 2, "bob") == "Reviewer 2"
    assert shown_name(Actor(1, "ana", "reviewer"), 1, "ana") == "ana"
    assert shown_name(Actor(1, "ana", "reviewer", names=True), 2, "bob") == "bob"
    assert shown_name(Actor(1, "sam", "senior"), 2, "bob") == "bob"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"break_minutes": 241}, "break_minutes must be from 0 to 240, got 241"),
        ({"keys": {"x": "y"}}, "the key 'x' is not one of"),
        ({"keys": {"n": "no"}}, "must be one visible character"),
        ({"keys": {"n": "1"}}, "must be one visible character"),
        ({"keys": {"n": "q"}}, "the key 'q' is used twice"),
    ],
)
def test_choices_that_cannot_work_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        Preferences(**values)


def test_stored_choices_are_read() -> None:
    assert preferences_of({}) == Preferences()
    assert preferences_of({"blur": False, "break_minutes": 50, "keys": {"n": "q", "q": "n"}}).keys["n"] == "q"


def test_stored_keys_win_over_new_default_keys() -> None:
    read = preferences_of({"break_minutes": 50, "keys": {"n": "f", "gone": "x"}})
    assert read == Preferences(break_minutes=50, keys={"n": "f", "f": ""})
    assert preferences_of(asdict(read)) == read
