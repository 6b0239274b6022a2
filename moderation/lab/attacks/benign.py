"""Banks of human texts that resemble machine text: regular, formulaic, repetitive, or not prose."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from moderation.errors import InputError
from moderation.lab.attacks.attack import random_for
from moderation.lab.attacks.benign_code import code_snippet
from moderation.lab.attacks.benign_languages import in_latin_letters, in_other_letters
from moderation.lab.attacks.benign_lists import shopping_list, to_do_list
from moderation.lab.attacks.benign_templates import order_confirmation, sports_result, weather_report
from moderation.lab.attacks.benign_verses import verses

# So many draws for each text fail only where the grammar has few further texts.
_DRAWS_PER_TEXT = 50


@dataclass(frozen=True)
class BenignSuite:
    """A named bank of human texts from grammars of this project. *what* is one sentence for reports."""

    name: str
    what: str
    one: Callable[[random.Random], str]

    def texts(self, seed: int, count: int) -> list[str]:
        """Return *count* distinct texts; the same seed and count give the same texts on every machine.

        Raises InputError when the bank has fewer; each has at least 200.
        """
        rng = random_for(self.name, seed, "")
        found: dict[str, None] = {}
        for _ in range(count * _DRAWS_PER_TEXT):
            if len(found) == count:
                break
            found[self.one(rng)] = None
        if len(found) < count:
            raise InputError(f"The bank {self.name} has fewer than {count} different texts; request fewer.")
        return list(found)


BENIGN: tuple[BenignSuite, ...] = (
    BenignSuite("order_confirmations", "Order confirmations of a shop.", order_confirmation),
    BenignSuite("weather_reports", "Weather reports in standard phrases.", weather_report),
    BenignSuite("sports_results", "Match results in the standard phrases of club pages.", sports_result),
    BenignSuite("shopping_lists", "Shopping lists, one item per line.", shopping_list),
    BenignSuite("to_do_lists", "To-do lists, numbered or with check boxes.", to_do_list),
    BenignSuite("code_snippets", "Short code, settings, queries and error messages.", code_snippet),
    BenignSuite("other_languages", "Small talk in six other languages, and Hindi in Latin letters.", in_latin_letters),
    BenignSuite(
        "other_alphabets", "Small talk in eight languages that are not written in Latin script.", in_other_letters
    ),
    BenignSuite("verses", "Rhymed verses with a repeated refrain.", verses),
)
