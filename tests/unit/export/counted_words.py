"""A detector whose tokens are words and whose logit of a section is one function of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tokenizers import Tokenizer, models, pre_tokenizers

from moderation.detector import ContentScore, SectionScore
from moderation.detector.manifest import SpecialTokens
from moderation.detector.sections import SectionCutter
from moderation.detector.windows import windows


class WordsDetector:
    """Scores sections of *most* words by *rule*; a text's own logit is the mean."""

    manifest_hash = "0" * 64

    def __init__(self, rule: Callable[[Sequence[str]], float], most: int = 1000) -> None:
        self._rule = rule
        self._most = most

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        """One score per text."""
        return [self._score(text.split()) for text in texts]

    def describe(self) -> str:
        """A name."""
        return "counted words"

    def _score(self, words: Sequence[str]) -> ContentScore:
        logits = [self._rule(words[begin:end]) for begin, end in windows(len(words), self._most)]
        logit = sum(logits) / len(logits) if logits else math.nan
        return ContentScore(logit, math.nan, tuple(SectionScore(0, 1, value) for value in logits), len(words), False)


def words_cutter() -> SectionCutter:
    """Return a cutter whose tokenizer makes a token of every word."""
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return SectionCutter(tokenizer, SpecialTokens(first=0, last=0, pad=0), 1000, 65536)
