"""Texts written for the tests, as rows of sources, prompts and generators."""

from __future__ import annotations

import numpy as np

from moderation.lab.textdata.rows import TextRow

_SUBJECTS = ("my neighbour", "the old tram", "our coach", "this kettle", "the ferry", "a heron")
_VERBS = ("broke down", "sang", "left early", "cost a fortune", "came back", "stood still")
_TAILS = ("again lol", "and nobody noticed", "during the storm", "so we walked home", "before breakfast")
_GENERATORS = {"forum": ("gpt2", "gpt2-xl", "gpt-neo"), "mail": ("gpt-neo-2.7B", "opt")}
_ROWS_PER_SOURCE = 1200


def written_text(rng: np.random.Generator, label: int, source: str, number: int) -> str:
    words = [str(rng.choice(options)) for options in (_SUBJECTS, _VERBS, _TAILS)]
    text = " ".join(words) if label == 0 else f"It is important to note that {words[0]} {words[1]}. In conclusion, yes."
    return f"{text} {source} {number}"


def written_rows() -> list[TextRow]:
    """Two sources with both labels, prompts of 4 texts each, and one with people only that shares prompts with one."""
    rng = np.random.default_rng(3)
    rows = []
    for source, generators in _GENERATORS.items():
        for number in range(_ROWS_PER_SOURCE):
            label = number % 2
            generator = generators[number // 2 % len(generators)] if label else "human"
            text = written_text(rng, label, source, number)
            rows.append(TextRow(f"{source}{number}", source, label, f"{source}/{number // 4}", text, generator, "mit"))
    for number in range(200):
        group = f"forum/{number}" if number < 40 else f"people/{number}"
        rows.append(TextRow(f"p{number}", "people", 0, group, written_text(rng, 0, "people", number), "human", "mit"))
    return rows
