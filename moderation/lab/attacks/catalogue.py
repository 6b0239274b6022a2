"""The list of all attacks, in the order of reports and docs/attacks.md, and the lookup by name."""

from __future__ import annotations

from moderation.errors import InputError
from moderation.lab.attacks.attack import Attack
from moderation.lab.attacks.benign_changes import BENIGN_CHANGES
from moderation.lab.attacks.characters import CHARACTER_ATTACKS
from moderation.lab.attacks.framing import FRAMING_ATTACKS
from moderation.lab.attacks.layout import LAYOUT_ATTACKS
from moderation.lab.attacks.words import WORD_ATTACKS

ATTACKS: tuple[Attack, ...] = (*CHARACTER_ATTACKS, *WORD_ATTACKS, *LAYOUT_ATTACKS, *FRAMING_ATTACKS)

# Attacks that are visible and remain after Unicode normalisation (NFKC), so that a detector must learn them.
TRAINING_ATTACKS: tuple[str, ...] = (
    "homoglyphs_sparse",
    "leet",
    "misspelling",
    "synonyms",
    "article_deletion",
    "number_swap",
    "british_spelling",
    "american_spelling",
    "whitespace_doubled",
    "whitespace_missing",
    "whitespace_odd",
    "case_lower",
    "case_random",
    "paragraph_breaks",
)


def attack_named(name: str) -> Attack:
    """Return the attack or benign change *name*. Raises InputError with the valid names for another."""
    for attack in (*ATTACKS, *BENIGN_CHANGES):
        if attack.name == name:
            return attack
    known = ", ".join(attack.name for attack in (*ATTACKS, *BENIGN_CHANGES))
    raise InputError(f"There is no attack named {name!r}; use one of {known}.")
