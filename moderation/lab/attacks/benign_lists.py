"""Shopping lists and lists of things to do."""

from __future__ import annotations

import random

from moderation.lab.attacks.slots import Slots, filled

_GOODS: tuple[str, ...] = (
    *("milk", "«few» eggs", "bread", "butter", "«grams» g flour", "rice", "apples", "«few» lemons", "onions"),
    *("garlic", "olive oil", "coffee", "tea bags", "oats", "yoghurt", "cheese (the cheap one)", "spinach", "carrots"),
    *("«few» tins of tomatoes", "pasta", "chickpeas", "salt", "washing powder", "bin bags", "cat food x«few»"),
    *("toothpaste", "light bulb for the hall", "candles", "batteries AA", "plasters", "stamps", "birthday card"),
)
_HEADINGS = ("shopping", "Shopping list:", "for saturday", "get on the way home", "Market", "we need", "")
_TASKS: tuple[str, ...] = (
    *("call the dentist", "pay rent", "pick up parcel", "water the plants", "return library books", "fix bike tyre"),
    *("email the «who»", "cancel gym", "renew passport", "book train for the «date»", "clean the fridge"),
    *("meeting with «who» at «hour»", "ironing", "print the forms", "buy a present for «who»", "change bed sheets"),
    *("«day»: bins out", "look for keys", "back up photos", "prune the roses", "ring grandma", "send invoice «number»"),
    *("oil the gate", "swap winter tyres", "sign school letter", "pack for «day»", "defrost soup"),
)
_LIST_SLOTS: Slots = {
    "few": range(2, 13),
    "grams": range(250, 1_250, 250),
    "who": ("landlord", "team", "vet", "plumber", "teacher", "Ines", "the neighbours", "Jonas"),
    "date": ("3rd", "12th", "19th", "27th"),
    "hour": ("9", "10:30", "noon", "3", "16:15"),
    "day": ("monday", "thursday", "the weekend"),
    "number": range(100, 999),
}


def shopping_list(rng: random.Random) -> str:
    """Return a list of five to fourteen things to buy, one a line."""
    mark = rng.choice(("", "- ", "* ", "• ", "[ ] "))
    goods = rng.sample(_GOODS, rng.randint(5, 14))
    lines = [rng.choice(_HEADINGS), *(f"{mark}{filled(thing, _LIST_SLOTS, rng)}" for thing in goods)]
    return "\n".join(line for line in lines if line)


def to_do_list(rng: random.Random) -> str:
    """Return a list of four to ten things to do, numbered or with boxes, some of them ticked off."""
    numbered = rng.random() < 0.5
    tasks = [filled(task, _LIST_SLOTS, rng) for task in rng.sample(_TASKS, rng.randint(4, 10))]
    lines = [
        f"{number}. {task}" if numbered else f"[{rng.choice(' x')}] {task}"
        for number, task in enumerate(tasks, start=1)
    ]
    return "\n".join((rng.choice(("To do", "TODO this week:", "today", "Before the holidays")), *lines))
