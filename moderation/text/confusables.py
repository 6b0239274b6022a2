"""Replaces letters of other scripts that imitate Latin letters."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from moderation.text.scripts import MARKS, script

_WORD = re.compile(f"(?:[^\\W\\d_]|[{MARKS}])+")
_LATIN = "LATIN"
# Shorter mixed words are as often formulas (ρV, αx) as spoofs.
_LETTERS_OF_A_SPOOF = 3
# A script is native to a text where more than one letter in this many resembles no Latin letter: Russian and Greek have
# one in two.
_AT_HOME = 5
_WHOLE_WORDS = 3
_WHOLE_WORDS_LETTERS = 12
# A folded word must not become an address that only a second normalisation would mask.
_ADDRESS_BEGINS = ("http", "https", "www")
# The table of Unicode maps the small palochka to i, although it looks like its capital, which is mapped to l, and lacks
# the capital of a letter that it maps to q.
_READ_OTHERWISE = {"\u04cf": "l", "\u051a": "Q"}
# Lisu letters are Latin capitals, upright and turned; the script has no case.
_CAPITALS_WITHOUT_CASE = "LISU"


@dataclass(frozen=True)
class _Spelling:
    """A word whose letters all are or resemble Latin letters."""

    folded: str
    foreign: frozenset[str]
    mixed: bool
    n_letters: int
    n_foreign: int


def folded(text: str) -> tuple[str, int]:
    """Return *text*, which is in NFKC, with spoofed words in Latin letters, and the number of replaced letters.

    A word of two scripts and three letters or more is spoofed where all its letters are or resemble Latin ones and
    its foreign script is not native to the text. A word only of resembling letters, or of two letters, is spoofed
    where the text has no letter of that script that resembles none, and either has a spoofed word of that script, or
    has three such different words with twelve letters among at least as many Latin-looking letters of other words.
    Only letters with case and those of Lisu are considered: ו, ഠ or 口 do not imitate letters inside a word. Runs in
    linear time and is idempotent, because folding does not change the counts that decide. Never raises.
    """
    likenesses = _likenesses()
    letters = {character: count for character, count in Counter(text).items() if character.isalpha()}
    if not letters.keys() & likenesses.keys():
        return text, 0
    own_shapes: Counter[str] = Counter()
    resembling = 0
    for letter, count in letters.items():
        if letter.isascii() or letter in likenesses or script(letter) == _LATIN:
            resembling += count
        else:
            own_shapes[script(letter)] += count
    words = Counter(word for word in _WORD.findall(text) if not word.isascii())
    spellings = {word: spelling for word in words if (spelling := _spelling(word)) is not None}
    at_home = {name for name, count in own_shapes.items() if count * _AT_HOME > resembling + count}
    spoofs = _spoofs(spellings, at_home, own_shapes.keys(), resembling, words)
    if not spoofs:
        return text, 0
    replaced = sum(words[word] * spelling.n_foreign for word, spelling in spoofs.items())
    return _WORD.sub(lambda word: spoofs[word[0]].folded if word[0] in spoofs else word[0], text), replaced


def _spoofs(
    spellings: dict[str, _Spelling], at_home: set[str], own: Iterable[str], resembling: int, words: Counter[str]
) -> dict[str, _Spelling]:
    absent = {name for spelling in spellings.values() for name in spelling.foreign} - set(own)
    sure = {
        word: spelling
        for word, spelling in spellings.items()
        if spelling.mixed and spelling.n_letters >= _LETTERS_OF_A_SPOOF and not spelling.foreign & at_home
    }
    proved = {name for spelling in sure.values() for name in spelling.foreign}
    for name in absent - proved:
        whole = [word for word, spelling in spellings.items() if not spelling.mixed and name in spelling.foreign]
        different_letters = sum(spellings[word].n_letters for word in whole)
        all_letters = sum(words[word] * spellings[word].n_letters for word in whole)
        if len(whole) >= _WHOLE_WORDS and different_letters >= _WHOLE_WORDS_LETTERS and 2 * all_letters <= resembling:
            proved.add(name)
    proved &= absent
    likely = {word: spelling for word, spelling in spellings.items() if spelling.foreign <= proved}
    return {
        word: spelling
        for word, spelling in (sure | likely).items()
        if not spelling.folded.lower().endswith(_ADDRESS_BEGINS)
    }


def _spelling(word: str) -> _Spelling | None:
    """Return *word* in Latin letters; None where it is Latin already or has a letter that resembles none."""
    likenesses = _likenesses()
    latin: list[str] = []
    foreign: set[str] = set()
    n_letters = n_foreign = n_latin = 0
    for character in word:
        likeness = likenesses.get(character)
        latin.append(likeness or character)
        if likeness is not None:
            n_foreign += 1
            foreign.add(script(character))
        elif character.isalpha() and (name := script(character)):
            if name != _LATIN:
                return None
            n_latin += 1
        n_letters += character.isalpha()
    if not foreign:
        return None
    reading = unicodedata.normalize("NFKC", "".join(latin))
    return _Spelling(reading, frozenset(foreign), n_latin > 0 or len(foreign) > 1, n_letters, n_foreign)


@cache
def _likenesses() -> dict[str, str]:
    """Return every non-Latin letter with case, or of Lisu, that looks like an ASCII letter, with that letter.

    Source: the data of the package confusable-homoglyphs, confusables.txt of Unicode 15.1 in both directions.
    """
    source = resources.files("confusable_homoglyphs").joinpath("confusables.json").read_text("utf-8")
    direct: dict[str, list[str]] = {
        shape: [other["c"] for other in others] for shape, others in json.loads(source).items() if len(shape) == 1
    }
    found = {
        letter: _ascii_letter(letter, direct)
        for letter in direct
        if (unicodedata.category(letter) in ("Lu", "Ll") or script(letter) == _CAPITALS_WITHOUT_CASE)
        and script(letter) != _LATIN
        and unicodedata.is_normalized("NFKC", letter)
    }
    plain = {letter: likeness for letter, likeness in found.items() if likeness} | _READ_OTHERWISE
    return plain | _accented(plain)


def _ascii_letter(letter: str, direct: dict[str, list[str]]) -> str:
    """Return the ASCII letter that *letter* looks like, of the same case where there is one; empty where there is none.

    Unicode has one prototype for I, l and 1, so that the capital needs a second lookup.
    """
    near = [other for other in direct[letter] if len(other) == 1 and other.isascii() and other.isalpha()]
    further = [twin for other in near for twin in direct.get(other, ()) if len(twin) == 1 and twin.isascii()]
    upper = letter.isupper() or script(letter) == _CAPITALS_WITHOUT_CASE
    same_case = [other for other in (*near, *further) if other.isupper() == upper and other.isalpha()]
    return next(iter((*same_case, *near)), "")


def _accented(plain: dict[str, str]) -> dict[str, str]:
    """Return letters that Unicode composes from a letter of *plain* and one mark, where Latin has the same."""
    found: dict[str, str] = {}
    scripts = {script(letter) for letter in plain}
    for code in range(0x370, 0x2000):
        letter = chr(code)
        if letter in plain or script(letter) not in scripts:
            continue
        parts = unicodedata.normalize("NFD", letter)
        if len(parts) > 1 and parts[0] in plain:
            likeness = unicodedata.normalize("NFC", plain[parts[0]] + parts[1:])
            if len(likeness) == 1:
                found[letter] = likeness
    return found
