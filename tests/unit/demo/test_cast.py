"""The generated texts of the demo: no copies, deterministic, not fitted on posted texts."""

from __future__ import annotations

import itertools

import numpy as np

from moderation.demo.cast import cast
from moderation.demo.generator import MAX_WORDS, NgramWriter

WHO = ("the baker", "my neighbour", "her aunt", "the old tailor", "a nurse", "this driver", "our teacher")
DOES = ("sells fresh bread", "repairs the red bicycle", "reads a long letter", "waters the garden", "cooks rice")
WHEN = ("before sunrise", "after the market closes", "on rainy days", "when the children sleep", "every second week")
CORPUS = [
    f"{who} {does} {when} ." for who, does, when in itertools.islice(itertools.product(WHO, DOES, WHEN), 0, 175, 2)
]


def test_generated_sentences_are_not_in_the_corpus() -> None:
    written = NgramWriter(CORPUS).write(30, seed=1)
    assert len(written) >= 10
    everything = "\n".join(CORPUS)
    assert not [text for text in written if text in everything]
    assert all(len(text.split()) <= MAX_WORDS for text in written)


def test_generator_is_deterministic_per_seed() -> None:
    first, again = (NgramWriter(CORPUS).write(20, seed=5) for _ in range(2))
    assert first == again
    assert first != NgramWriter(CORPUS).write(20, seed=6)


def test_cast_has_both_labels_and_separate_corpora() -> None:
    pool = cast({"a": CORPUS, "b": [text.upper() for text in CORPUS]}, seed=3)
    assert set(pool.sources()) == {"a", "b"}
    rng = np.random.default_rng(1)
    people = {text for text, _ in pool.campaign(rng, "a", 2000, machine_share=0.0)}
    machines = {text for text, _ in pool.campaign(rng, "a", 2000, machine_share=1.0)}
    assert len(people) == len(CORPUS) - len(CORPUS) // 2
    assert people <= set(CORPUS)
    assert machines
    assert not machines & set(CORPUS)
