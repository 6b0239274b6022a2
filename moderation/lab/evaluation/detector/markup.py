"""Computes how much links, mentions, hashtags, emphasis, HTML and quotations change a score."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from moderation.lab.evaluation.detector.samples import sample_per_source
from moderation.lab.evaluation.detector.scoring import Logits
from moderation.lab.textdata.rows import TextRow

_WORD = re.compile(r"\b[A-Za-z]{4,}\b")


def _on_a_word(change: Callable[[str], str]) -> Callable[[str], str]:
    """Return a function that changes the middle one of the longer words of a text."""

    def changed(text: str) -> str:
        words = list(_WORD.finditer(text))
        if not words:
            return text
        word = words[len(words) // 2]
        return text[: word.start()] + change(word[0]) + text[word.end() :]

    return changed


CHANGES: dict[str, Callable[[str], str]] = {
    "link at the end": lambda text: f"{text} https://example.com/a/b?c=1",
    "domain at the end": lambda text: f"{text} example.com/news",
    "mention at the start": lambda text: f"@someone {text}",
    "hashtags at the end": lambda text: f"{text} #one #two",
    "hashtag inside": _on_a_word(lambda word: f"#{word}"),
    "bold word": _on_a_word(lambda word: f"**{word}**"),
    "italic word": _on_a_word(lambda word: f"*{word}*"),
    "Markdown link": _on_a_word(lambda word: f"[{word}](https://example.com)"),
    "custom emoji": lambda text: f"{text} :party_blob:",
    "emoji": lambda text: f"{text} \U0001f600\U0001f389",
    "HTML paragraph": lambda text: f"<p>{text}</p>",
    "HTML emphasis": _on_a_word(lambda word: f"<em>{word}</em>"),
    "quotation before": lambda text: f"> What do you think?\n\n{text}",
}


@dataclass(frozen=True)
class MarkedTexts:
    """The sampled rows and their changed texts."""

    rows: Sequence[TextRow]
    changed: dict[str, list[str]]

    def texts(self) -> Iterator[str]:
        """Yield every text that must be scored for the table."""
        yield from (row.text for row in self.rows)
        for texts in self.changed.values():
            yield from texts


def marked_texts(rows: Sequence[TextRow], limit: int, seed: int) -> MarkedTexts:
    """Apply every change to at most *limit* texts of each source."""
    sample = sample_per_source(rows, limit, seed, "markup")
    return MarkedTexts(sample, {name: [change(row.text) for row in sample] for name, change in CHANGES.items()})


def markup_table(marked: MarkedTexts, logits: Logits) -> list[dict[str, Any]]:
    """Return for every change and label the median and the 95th percentile of the absolute change in log-odds.

    Texts on which the detector abstains before or after the change are excluded and counted.
    """
    before = logits.of([row.text for row in marked.rows])
    labels = np.array([row.label for row in marked.rows])
    rows = []
    for name, texts in marked.changed.items():
        moved = np.abs(logits.of(texts) - before)
        for label, people in ((0, "human"), (1, "machine")):
            own = moved[labels == label]
            known = own[~np.isnan(own)]
            rows.append(
                {
                    "change": name,
                    "texts": people,
                    "n": len(known),
                    "abstained": len(own) - len(known),
                    "median": round(float(np.median(known)), 4) if len(known) else None,
                    "percentile_95": round(float(np.quantile(known, 0.95)), 4) if len(known) else None,
                }
            )
    return rows
