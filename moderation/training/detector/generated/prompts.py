"""What a language model is asked to write: people's posts go on, are answered, said anew, or are only the subject.

A detector sees few generators and few kinds of writing. What varies here is what can be varied with one model: how it
is asked, what about, how long the text gets, and how it is sampled.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from moderation.errors import InputError
from moderation.text import normalise
from moderation.training.detector.language_model.corpus import people_alone
from moderation.training.detector.rows import TextRow
from moderation.training.detector.slices import in_validation, sample_per_stratum

SAMPLINGS: dict[str, dict[str, float | int]] = {
    "T=1": {"temperature": 1.0, "top_k": 0},
    "T=1 top-k 200": {"temperature": 1.0, "top_k": 200},
    "T=.9 top-k 40": {"temperature": 0.9, "top_k": 40},
    "T=.7": {"temperature": 0.7, "top_k": 0},
    "T=.8 top-k 100, repetition 1.15": {"temperature": 0.8, "top_k": 100, "repetition_penalty": 1.15},
}
"""How the next token is chosen, in the words of transformers' generation settings."""

CONTINUED = "continued"
_REWORDED = "reworded"
_INSTRUCTIONS = {
    "answered": ("Somebody posted this:\n\n{text}\n\nWrite a short comment on it, as a person would.",),
    _REWORDED: ("Say this in other words, about as long:\n\n{text}", "Rewrite this post in your own voice:\n\n{text}"),
    "subject": (
        "Write a short post about this: {subject}",
        "Write a paragraph for a news site about this: {subject}",
        "Write one paragraph of an essay about this: {subject}",
        "Explain this in plain words: {subject}",
        "Write a review. It is about this: {subject}",
        "Write a scene of a story. It is about this: {subject}",
        "What do you think about this? {subject}",
    ),
}
_KINDS = (CONTINUED, CONTINUED, CONTINUED, "answered", _REWORDED, "subject", "subject")
_WORDS_SHOWN = 40
_WORDS_OF_A_SUBJECT = 16
_LEAST_WORDS = 4
_TOKENS_A_WORD = 1.4
_LEAST_TOKENS, _MOST_TOKENS = 12, 120
_WORDS_IN_A_RUN = 4


@dataclass(frozen=True)
class Prompt:
    """One text to be written: *text* goes on where *instruction* is empty, else a chat is asked for *instruction*.

    *most_tokens* is where it is cut off.
    """

    row: TextRow
    kind: str
    text: str
    instruction: str
    sampling: str
    most_tokens: int


def people_asked(rows: Sequence[TextRow], per_source: int, sources: Collection[str] | None = None) -> list[TextRow]:
    """Return the posts to ask with: at most so many of each source without a machine, none of the validation slice.

    With *sources* only of these. Raises InputError for one that has machines' texts or is not there.
    """
    alone = people_alone(rows)
    known = {row.source for row in alone}
    if unknown := sorted(set(sources or ()) - known):
        raise InputError(
            f"Nothing is written beside {unknown[0]}: no source without a machine's texts has this name. "
            f"There are {', '.join(sorted(known))}."
        )
    asked = [row for row in alone if not in_validation(row) and (not sources or row.source in sources)]
    return sample_per_stratum(asked, per_source, "prompt")


def prompts_of(rows: Sequence[TextRow], seed: int) -> list[Prompt]:
    """Return a prompt for each row that has four words, the same for the same seed and row, whatever the others are."""
    found = (_prompt(row, seed) for row in rows)
    return [prompt for prompt in found if prompt is not None]


def copies(prompt: Prompt, written: str) -> bool:
    """Say whether half of what was *written* stands in the post: then a person wrote it."""
    shown, words = normalise(prompt.row.text).lower().split(), written.lower().split()
    runs = {tuple(shown[place : place + _WORDS_IN_A_RUN]) for place in range(len(shown) - _WORDS_IN_A_RUN + 1)}
    found = [tuple(words[place : place + _WORDS_IN_A_RUN]) for place in range(len(words) - _WORDS_IN_A_RUN + 1)]
    return 2 * sum(run in runs for run in found) >= max(1, len(found))


def _prompt(row: TextRow, seed: int) -> Prompt | None:
    words = normalise(row.text).split()
    if len(words) < _LEAST_WORDS:
        return None
    rng = np.random.default_rng([seed, *row.id.encode("utf-8", "replace")])
    kind = str(rng.choice(_KINDS))
    sampling = str(rng.choice(list(SAMPLINGS)))
    if kind == CONTINUED:
        begin = int(rng.integers(2, 2 + max(1, min(6, len(words) // 4))))
        # As long as the person's, up to the longest crop that an encoder learns from.
        most = int(_TOKENS_A_WORD * (len(words) - begin))
        text, instruction = " ".join(words[:begin]), ""
    else:
        instruction = str(rng.choice(_INSTRUCTIONS[kind]))
        text, subject = " ".join(words[:_WORDS_SHOWN]), " ".join(words[:_WORDS_OF_A_SUBJECT])
        instruction = instruction.replace("{text}", text).replace("{subject}", subject)
        most = int(rng.integers(2 * _LEAST_TOKENS, _MOST_TOKENS + 1))
        if kind == _REWORDED:
            most = int(1.5 * _TOKENS_A_WORD * len(words))
    return Prompt(row, kind, text, instruction, sampling, min(max(most, _LEAST_TOKENS), _MOST_TOKENS))
