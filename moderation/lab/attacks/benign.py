"""Honest texts that a detector could take for a machine's: regular, formulaic, repetitive, or no prose at all."""

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

# Drawing so often for each text that is asked for ends only where the grammar has hardly another text to give.
_DRAWS_PER_TEXT = 50


@dataclass(frozen=True)
class BenignSuite:
    """A named bank of honest texts, all from grammars that we wrote. *what* is one plain sentence for a report."""

    name: str
    what: str
    one: Callable[[random.Random], str]

    def texts(self, seed: int, count: int) -> list[str]:
        """Return *count* texts, no two alike; the same seed and count give the same texts on every machine.

        Raises InputError when the bank does not hold so many; each holds at least 200.
        """
        rng = random_for(self.name, seed, "")
        found: dict[str, None] = {}
        for _ in range(count * _DRAWS_PER_TEXT):
            if len(found) == count:
                break
            found[self.one(rng)] = None
        if len(found) < count:
            raise InputError(f"The bank {self.name} does not hold {count} different texts; ask for fewer.")
        return list(found)


BENIGN: tuple[BenignSuite, ...] = (
    BenignSuite("order_confirmations", "Confirmations of an order, as a shop sends them.", order_confirmation),
    BenignSuite("weather_reports", "Weather reports in the set phrases of the trade.", weather_report),
    BenignSuite("sports_results", "Results of matches in the set phrases of a club's page.", sports_result),
    BenignSuite("shopping_lists", "Shopping lists, one thing a line.", shopping_list),
    BenignSuite("to_do_lists", "Lists of things to do, numbered or with boxes.", to_do_list),
    BenignSuite("code_snippets", "Short pieces of code, settings, queries and error messages.", code_snippet),
    BenignSuite("other_languages", "Small talk in six other languages, and Hindi in Latin letters.", in_latin_letters),
    BenignSuite("other_alphabets", "Small talk in eight languages with another script than Latin.", in_other_letters),
    BenignSuite("verses", "Rhymed verses whose refrain comes back word for word.", verses),
)
