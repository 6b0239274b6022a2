"""Texts that we wrote: small grammars for people and for a wordy machine, so that no test needs anybody's posts."""

from __future__ import annotations

import json
import random
from pathlib import Path

_WHO = ("my neighbour", "the baker", "our bus driver", "grandma", "the kid next door", "a friend from work", "the vet")
_DID = ("forgot", "found", "fixed", "sold", "painted", "lost", "borrowed", "cleaned", "burnt", "dropped")
_WHAT = ("the old bike", "two pans", "a ladder", "her phone", "the garden gate", "my umbrella", "some chairs", "a cake")
_WHEN = ("this morning", "again", "before lunch", "on the way home", "last night", "in the rain", "around six")
_SIGH = ("lol", "honestly fine", "no idea why", "what a day", "anyway.", "could be worse", "so there's that", "ugh")
_TOPIC = ("remote work", "healthy eating", "urban gardening", "digital learning", "public transport", "time management")
_VERB = ("plays a crucial role in", "offers numerous benefits for", "has transformed", "significantly enhances")
_OBJECT = ("our daily lives", "modern communities", "personal well-being", "the broader economy", "future generations")
_LINK = ("Moreover,", "Furthermore,", "In addition,", "Ultimately,", "It is important to note that", "In conclusion,")
_TAIL = (
    "it fosters a sense of community and belonging.",
    "it empowers individuals to achieve their goals.",
    "careful planning remains essential for success.",
    "both challenges and opportunities must be considered.",
    "a balanced approach leads to sustainable outcomes.",
)


def person_text(rng: random.Random) -> str:
    """A short remark with a person's untidiness."""
    parts = [rng.choice(_WHO), rng.choice(_DID), rng.choice(_WHAT), rng.choice(_WHEN)]
    if rng.random() < 0.6:
        parts.append(rng.choice(("and", "but", "then")))
        parts += [rng.choice(_WHO), rng.choice(_DID), rng.choice(_WHAT)]
    return f"{' '.join(parts)} {rng.choice(_SIGH)} {rng.randrange(100)}"


def machine_text(rng: random.Random) -> str:
    """A smooth paragraph about nothing."""
    sentences = [f"{rng.choice(_TOPIC).capitalize()} {rng.choice(_VERB)} {rng.choice(_OBJECT)}."]
    for _ in range(rng.randrange(1, 4)):
        sentences.append(f"{rng.choice(_LINK)} {rng.choice(_TAIL)}")
    return f"{' '.join(sentences)} {rng.choice(_TOPIC).capitalize()} {rng.choice(_VERB)} {rng.choice(_OBJECT)}."


def write_texts(path: Path, *, count: int, seed: int) -> Path:
    """A JSON-lines file of texts with label (1 machine), source and group, as the training commands read it."""
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            machine = number % 2
            text = machine_text(rng) if machine else person_text(rng)
            row = {
                "id": f"t{number}",
                "label": machine,
                "source": ("notes", "forum")[number // 2 % 2],
                "group": f"g{number // 8}",
                "text": text,
            }
            file.write(json.dumps(row) + "\n")
    return path
