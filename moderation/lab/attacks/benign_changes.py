"""Benign changes by human writers and their tools, which must not raise a score."""

from __future__ import annotations

import random
import re
import unicodedata

from moderation.lab.attacks.attack import Attack
from moderation.lab.attacks.calques import CALQUES
from moderation.lab.attacks.characters import leet, marked
from moderation.lab.attacks.layout import random_capitals
from moderation.lab.attacks.slips import CONTRACTIONS, LEARNER_WORDS, TYPOS
from moderation.lab.attacks.spans import (
    articles,
    change_some,
    in_the_case_of,
    known_words,
    matches,
    sentence_ends,
    whole_words,
    without_article,
)
from moderation.lab.attacks.words import misspelling

FILLERS = ("um", "uh", "like", "you know", "so", "i mean", "well", "er")
SPOKEN_MARKS = {",": "comma", ".": "period", "?": "question mark", "!": "exclamation mark"}
SHORT_WORDS = 5
# How often a dictated mark is spelled out instead of omitted, and how often a blank gets a filler word.
_SPOKEN_SHARE = 0.1
_FILLER_SHARE = 0.06

# How often a screen reader's name replaces a sign or an emoji.
_NAMED_SHARE = 0.6

_SIGN = re.compile(r"[#&*=+/\\|<>~^_%$€£•→★\u2600-\u27bf\U0001f300-\U0001faff]")
_MARK = re.compile(r"[^\w\s'’@#%&+-]")
_WORD = re.compile(r"\S+")
_BLANKS = re.compile(r"[ \t]+")
_NO_BLANK_AFTER = re.compile(r"(?<=[a-z][,;!?])(?=[A-Za-z])")
_FIRST_LETTER = re.compile(r"(?:^|(?<=[.!?]\s))[a-z]", re.MULTILINE)
_CORRECTED = {**TYPOS, **CONTRACTIONS}
_CORRECTABLE = whole_words(_CORRECTED)
_CALQUE = whole_words(CALQUES)
_LEARNER_WORD = whole_words(LEARNER_WORDS)
_TIME_LAST = re.compile(r"^([A-Z][^\n]*?) (today|yesterday|tomorrow|tonight|now)([.!])\Z")


def _dictated(text: str, rng: random.Random, _rate: float) -> str:
    def spoken(mark: re.Match[str]) -> str:
        name = SPOKEN_MARKS.get(mark[0])
        return f" {name} " if name and rng.random() < _SPOKEN_SHARE else " "

    words = _MARK.sub(spoken, text).lower().split()
    spoken_words = [f"{rng.choice(FILLERS)} {word}" if rng.random() < _FILLER_SHARE else word for word in words]
    return " ".join(spoken_words)


def _read_aloud(text: str, rng: random.Random, _rate: float) -> str:
    def named(sign: re.Match[str]) -> str:
        name = unicodedata.name(sign[0], "").lower()
        return f" {name} " if name and rng.random() < _NAMED_SHARE else sign[0]

    return " ".join(_SIGN.sub(named, text).split())


def _corrected(text: str, rng: random.Random, rate: float) -> str:
    text = "\n".join(_BLANKS.sub(" ", line).strip() for line in text.split("\n"))
    text = change_some(text, matches(_NO_BLANK_AFTER, text), rate, rng, lambda _: " ")
    text = change_some(
        text,
        known_words(_CORRECTABLE, text, _CORRECTED),
        rate,
        rng,
        lambda word: in_the_case_of(word, _CORRECTED[word.lower()]),
    )
    text = change_some(text, matches(_FIRST_LETTER, text), rate, rng, str.upper)
    return f"{text}." if text[-1:].isalnum() else text


def _learner(text: str, rng: random.Random, rate: float) -> str:
    text = change_some(text, articles(text), rate, rng, without_article)
    spans = known_words(_LEARNER_WORD, text, LEARNER_WORDS)
    return change_some(
        text, spans, rate, rng, lambda word: in_the_case_of(word, rng.choice(LEARNER_WORDS[word.lower()]))
    )


def _translated(text: str, rng: random.Random, rate: float) -> str:
    spans = known_words(_CALQUE, text, CALQUES)
    text = change_some(text, spans, rate, rng, lambda phrase: in_the_case_of(phrase, CALQUES[phrase.lower()]))
    reached = 0
    kept: list[str] = []
    for start, end in [*sentence_ends(text), (len(text), len(text))]:
        kept += (_time_first(text[reached:start]), text[start:end])
        reached = end
    return "".join(kept)


def _time_first(sentence: str) -> str:
    """Return a simple sentence with its time first, as in many languages: "We came today." - "Today we came." """
    found = _TIME_LAST.match(sentence)
    if found is None:
        return sentence
    rest, time, end = found.groups()
    head = rest if re.match(r"I\b", rest) else rest[0].lower() + rest[1:]
    return f"{time.capitalize()} {head}{end}"


def _all_capitals(text: str, _rng: random.Random, _rate: float) -> str:
    return text.upper()


def _first_words(text: str, rng: random.Random, _rate: float) -> str:
    wanted = rng.randint(1, SHORT_WORDS)
    for number, word in enumerate(_WORD.finditer(text), start=1):
        if number == wanted:
            return text[: word.end()]
    return text


BENIGN_CHANGES: tuple[Attack, ...] = (
    Attack(
        "dictation",
        1.0,
        "text",
        "Dictation: no capitals, little punctuation, some of it spelled out, filler words.",
        _dictated,
    ),
    Attack(
        "screen_reader",
        1.0,
        "text",
        "Screen-reader output: signs and emoji replaced by their names, on one line.",
        _read_aloud,
    ),
    Attack(
        "autocorrected",
        1.0,
        "text",
        "Autocorrection: capitals, blanks, apostrophes, common words and full stops corrected.",
        _corrected,
    ),
    Attack(
        "learner_english",
        0.3,
        "words",
        "Learner English: articles omitted, verb forms and prepositions confused.",
        _learner,
    ),
    Attack(
        "literal_translation",
        0.8,
        "phrases",
        "Word-by-word translation: phrases of other languages, the time at the start of a sentence.",
        _translated,
    ),
    Attack("many_typos", 0.7, "words", "Many spelling mistakes.", misspelling),
    Attack("all_capitals", 1.0, "text", "All letters in capitals.", _all_capitals),
    Attack("mocking_capitals", 0.5, "small letters", "Random capitals, as in mocking replies.", random_capitals),
    Attack("digits_for_letters", 0.3, "letters", "Digits in place of similar letters, as gamers write.", leet),
    Attack("stacked_accents", 0.3, "letters", "Combining accents as ornament.", marked),
    Attack("very_short", 1.0, "text", f"Only the first one to {SHORT_WORDS} words.", _first_words),
)
