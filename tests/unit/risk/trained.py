"""A risk bundle trained in seconds on invented texts and accounts, without a detector."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from moderation.detector import ContentScore
from moderation.lab.risk.recipe import Recipe, small_recipe
from moderation.lab.risk.texts import RiskTexts, load_risk_texts
from moderation.lab.risk.training import simulated, train_bundle

WORDS = ["river", "bridge", "morning", "quiet", "train", "letter", "window", "garden", "winter", "copper", "stone"]


class Silent:
    """Progress without output."""

    def step(self, what: str, total: int) -> None:
        """Nothing."""

    def advance(self, n: int) -> None:
        """Nothing."""


class MadeUpDetector:
    """Scores a text by its number of "indeed", with noise that depends only on the text."""

    manifest_hash = "made-up"

    def score(self, texts: Sequence[str], languages: Sequence[str | None] | None = None) -> list[ContentScore]:
        """One score per text; "silence" is abstained from."""
        return [self._score(text) for text in texts]

    def describe(self) -> str:
        """A name."""
        return "made up"

    def _score(self, text: str) -> ContentScore:
        noise = np.random.default_rng(sum(text.encode())).normal()
        logit = float("nan") if text == "silence" else 2.0 * text.count("indeed") - 1.0 + float(noise)
        return ContentScore(logit, 1 / (1 + np.exp(-logit)), (), len(text), False)


def write_texts(path: Path) -> Path:
    """Write 600 made-up texts of two sources in groups of three as JSON lines."""
    rng = np.random.default_rng(11)
    lines = []
    for number in range(600):
        label = number % 2
        words = [str(word) for word in rng.choice(WORDS, 14)] + (["indeed"] * int(rng.integers(0, 3)) if label else [])
        row = {
            "id": f"t{number}",
            "source": "notes" if number % 4 < 2 else "replies",
            "label": label,
            "group": f"g{number // 6}-{label}",
            "text": " ".join(words) + f" {number}.",
            "licence": "ours",
        }
        lines.append(json.dumps(row))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def tiny_recipe() -> Recipe:
    """Smaller still than the small recipe."""
    return replace(
        small_recipe(),
        seed=3,
        train_platforms=2,
        train_accounts=160,
        tune_accounts=220,
        threshold_accounts=220,
        certify_accounts=220,
    )


def train_here(folder: Path) -> tuple[Path, RiskTexts]:
    """Train a bundle in *folder*; returns its directory and the texts by role."""
    texts = load_risk_texts(None, write_texts(folder / "texts.jsonl"))
    detector, recipe = MadeUpDetector(), tiny_recipe()
    scored = simulated(texts, detector, recipe, Silent())
    train_bundle(scored, detector.manifest_hash, recipe, folder / "bundle", Silent())
    return folder / "bundle", texts
