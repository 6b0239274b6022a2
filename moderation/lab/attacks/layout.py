"""Changes of blanks, capitals, line breaks and insertions between words; the words stay."""

from __future__ import annotations

import random
import re

from moderation.lab.attacks.attack import Attack
from moderation.lab.attacks.spans import change_some, letters, matches, sentence_ends, some_of

# No-break, en, em, thin, hair, narrow and ideographic blanks, and the braille pattern without dots, which no
# Unicode normalisation takes for a blank.
ODD_BLANKS = "\u00a0\u2002\u2003\u2009\u200a\u202f\u3000\u2800"
# Special tokens of BERT, RoBERTa, GPT-2, Llama and chat models.
CONTROL_WORDS = (
    *("[MASK]", "[PAD]", "[SEP]", "[CLS]", "[UNK]", "<mask>", "<pad>", "<unk>", "<s>", "</s>"),
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
)
EMOJI = ("😂", "🔥", "😅", "🙌", "💯", "😭", "👀", "✨", "🤔", "😍", "👍", "🎉", "🙏", "😎", "💀", "❤️")

_BLANK = re.compile(r"(?<=\S) (?=\S)")


def _doubled(text: str, rng: random.Random, rate: float) -> str:
    return change_some(text, matches(_BLANK, text), rate, rng, lambda blank: blank * 2)


def _missing(text: str, rng: random.Random, rate: float) -> str:
    return change_some(text, matches(_BLANK, text), rate, rng, lambda _: "")


def _odd(text: str, rng: random.Random, rate: float) -> str:
    return change_some(text, matches(_BLANK, text), rate, rng, lambda _: rng.choice(ODD_BLANKS))


def _controlled(text: str, rng: random.Random, rate: float) -> str:
    return change_some(text, matches(_BLANK, text), rate, rng, lambda _: f" {rng.choice(CONTROL_WORDS)} ")


def _lower(text: str, rng: random.Random, rate: float) -> str:
    return change_some(text, [span for span in letters(text) if text[span[0]].isupper()], rate, rng, str.lower)


def random_capitals(text: str, rng: random.Random, rate: float) -> str:
    """Return *text* with a share *rate* of the small letters as capitals."""
    # Letters whose capital is the same (CJK, "ª") or two letters ("ß") are excluded: no key press changes them.
    small = [span for span in letters(text) if (a := text[span[0]]).upper() != a and len(a.upper()) == 1]
    return change_some(text, small, rate, rng, str.upper)


def _paragraphs(text: str, rng: random.Random, rate: float) -> str:
    return change_some(text, sentence_ends(text), rate, rng, lambda _: "\n\n")


def _emoji(text: str, rng: random.Random, rate: float) -> str:
    if not text.strip():
        return text
    ends = [start for start, _ in sentence_ends(text)]
    ends.append(len(text.rstrip()))
    kept: list[str] = []
    reached = 0
    for index in some_of(len(ends), rate, rng):
        kept += (text[reached : ends[index]], " ", rng.choice(EMOJI) * rng.randint(1, 3))
        reached = ends[index]
    kept.append(text[reached:])
    return "".join(kept)


LAYOUT_ATTACKS: tuple[Attack, ...] = (
    Attack("whitespace_doubled", 0.3, "blanks", "A blank between two words is typed twice.", _doubled),
    Attack("whitespace_missing", 0.1, "blanks", "A blank between two words is removed.", _missing),
    Attack("whitespace_odd", 0.3, "blanks", "A blank between two words is replaced by another Unicode blank.", _odd),
    Attack(
        "control_words",
        0.3,
        "blanks",
        "A special token such as [MASK] is inserted between two words.",
        _controlled,
    ),
    Attack("case_lower", 1.0, "capitals", "Capitals become small letters.", _lower),
    Attack("case_random", 0.2, "small letters", "Small letters become capitals at random.", random_capitals),
    Attack("paragraph_breaks", 0.5, "sentences", "An empty line is inserted after a sentence.", _paragraphs),
    Attack("emoji_padding", 0.5, "sentences", "One to three emoji are inserted after a sentence.", _emoji),
)
