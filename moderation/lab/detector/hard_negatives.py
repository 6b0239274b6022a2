"""Selects the human texts with the highest scores, and how often a step draws them.

A round scores a pool of human texts and keeps the hardest of every source; until the next round these replace some of
the draws of the source. The weight of a source does not change. Source: Shrivastava, Gupta, Girshick 2016 (online hard
example mining), here per source and in rounds, so that scoring stays cheap.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from moderation.errors import SettingsError
from moderation.lab.checkpoints.classifier import ClsMeanClassifier
from moderation.lab.checkpoints.vocabulary import CROP_MAX_TOKENS, SpecialTokens
from moderation.lab.detector.batches import STEPS_DEALT_TOGETHER, TokenisedTexts
from moderation.lab.detector.draws import stratum_of
from moderation.lab.detector.plans import TrainingPlan
from moderation.lab.detector.validation import logits_of_crops
from moderation.lab.textdata.near_duplicates import near_duplicate_clusters
from moderation.lab.textdata.rows import TextRow
from moderation.text.bands import band_keys

_KEPT_SHARE = 0.1
_KEPT_OF_A_GROUP = 3
DRAWS_IN_A_ROUND = 6
# The hardest texts of a source may be machine texts with a wrong label, so they are drawn less often.
_SUSPECT_SHARE = 0.005
SUSPECT_DRAWS_IN_A_ROUND = 2
# Third words of the seeds, so that these draws differ from those of the batches.
_POOL, _QUEUE, _DRAWS = 1, 2, 3


@dataclass(frozen=True)
class HardTexts:
    """The result of a round: for each human stratum a queue of its hard texts, each as often as it may be drawn."""

    begun: int
    """The step before which the round ran."""
    queues: Mapping[int, NDArray[np.int64]]

    def redraw(
        self, plan: TrainingPlan, strata: NDArray[np.int64], chosen: NDArray[np.int64], deal: int
    ) -> NDArray[np.int64]:
        """Return *chosen* with some human texts replaced by hard ones of the same strata.

        Every group of steps has its own part of each queue, so that no text is drawn more often than it occurs there,
        also in a resumed run. Where the part is used up, the drawn text is kept.
        """
        first, last = (step // STEPS_DEALT_TOGETHER for step in (self.begun, self.begun + plan.hard_negative_every - 1))
        deals, place = last - first + 1, deal - first
        rng = np.random.default_rng([plan.seed, deal, _DRAWS, self.begun])
        wanted = rng.random(len(chosen)) < plan.hard_negative_share
        changed = chosen.copy()
        for stratum, queue in self.queues.items():
            stretch = queue[len(queue) * place // deals : len(queue) * (place + 1) // deals]
            places = np.flatnonzero(wanted & (strata == stratum))[: len(stretch)]
            changed[places] = stretch[: len(places)]
        return changed

    def state(self, texts: TokenisedTexts) -> dict[str, Any]:
        """Return the state that is saved with a run on *texts*."""
        queues = {stratum: torch.from_numpy(queue) for stratum, queue in self.queues.items()}
        return {"begun": self.begun, "queues": queues, "texts": len(texts.labels)}


def hard_texts_from(state: Mapping[str, Any], texts: TokenisedTexts) -> HardTexts:
    """Return the hard texts from a saved *state*. Raises SettingsError when the run began with other texts."""
    if state["texts"] != len(texts.labels):
        raise SettingsError(
            f"The saved run began with {state['texts']} texts, the data have {len(texts.labels)}: "
            "use the same data or another --out."
        )
    return HardTexts(
        int(state["begun"]), {int(stratum): queue.cpu().numpy() for stratum, queue in state["queues"].items()}
    )


def begins_round(plan: TrainingPlan, step: int) -> bool:
    """Return whether a round runs before *step*."""
    since = step - plan.hard_negative_from
    return plan.hard_negative_share > 0 and since >= 0 and since % plan.hard_negative_every == 0


def find_hard_texts(
    model: ClsMeanClassifier,
    rows: Sequence[TextRow],
    texts: TokenisedTexts,
    special: SpecialTokens,
    plan: TrainingPlan,
    step: int,
    device: torch.device,
) -> tuple[HardTexts, dict[str, dict[str, int]]]:
    """Return the hard texts for the steps from *step*, and how many of each source were scored and kept.

    They depend only on the seed, the step and the weights. *texts* are the *rows*, tokenised. Of the hardest tenth of
    a source at most 3 texts of a group are kept, and at most 3 that are near duplicates of each other.
    """
    rng = np.random.default_rng([plan.seed, step, _POOL])
    pool = _pool(texts, plan.hard_negative_pool, rng)
    members = np.concatenate(list(pool.values())) if pool else np.zeros(0, np.int64)
    # The longest crops: the score of a few words is high by chance.
    logits = logits_of_crops(model, [_crop(texts.tokens.of(text), rng) for text in members], special, device)
    queues, counts, begin = {}, {}, 0
    for stratum, scored in pool.items():
        order = np.argsort(-logits[begin : begin + len(scored)], kind="stable")
        begin += len(scored)
        hardest = [int(text) for text in scored[order[: math.ceil(_KEPT_SHARE * len(scored))]]]
        suspects = set(hardest[: int(_SUSPECT_SHARE * len(scored))])
        kept = _without_floods(hardest, rows)
        queues[stratum] = _queue(kept, suspects, np.random.default_rng([plan.seed, step, _QUEUE, stratum]))
        counts[_name(rows[hardest[0]])] = {"scored": len(scored), "kept": len(kept), "draws": len(queues[stratum])}
    return HardTexts(step, queues), counts


def _name(row: TextRow) -> str:
    """Return the source of a human row, with the group of writers of its stratum."""
    source, _, people = stratum_of(row)
    return source if people == "other" else f"{source}, {people}"


def _pool(texts: TokenisedTexts, size: int, rng: np.random.Generator) -> dict[int, NDArray[np.int64]]:
    """Return texts of every human stratum in proportion to its draws, none twice."""
    human = [number for number, members in enumerate(texts.strata) if texts.labels[members[0]] == 0]
    total = sum(texts.weights[stratum] for stratum in human)
    pool = {}
    for stratum in human:
        members = texts.strata[stratum]
        wanted = max(1, round(size * float(texts.weights[stratum] / total)))
        pool[stratum] = rng.permutation(members)[:wanted]
    return pool


def _crop(tokens: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int32]:
    start = int(rng.integers(max(1, len(tokens) - CROP_MAX_TOKENS + 1)))
    return tokens[start : start + CROP_MAX_TOKENS]


def _without_floods(hardest: Sequence[int], rows: Sequence[TextRow]) -> list[int]:
    alike = near_duplicate_clusters(hardest, (band_keys(rows[text].text) for text in hardest))
    seen: Counter[tuple[str, str | int]] = Counter()
    kept = []
    for text in hardest:
        kinds: list[tuple[str, str | int]] = [("near duplicates", alike[text])]
        if rows[text].group:
            kinds.append(("group", rows[text].group))
        if all(seen[kind] < _KEPT_OF_A_GROUP for kind in kinds):
            seen.update(kinds)
            kept.append(text)
    return kept


def _queue(kept: Sequence[int], suspects: set[int], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the queue: shuffled passes over the texts, one for each permitted draw, so that repeats lie far apart."""
    passes: list[list[int]] = [[] for _ in range(DRAWS_IN_A_ROUND)]
    for text in kept:
        draws = SUSPECT_DRAWS_IN_A_ROUND if text in suspects else DRAWS_IN_A_ROUND
        for number in rng.choice(DRAWS_IN_A_ROUND, size=draws, replace=False):
            passes[number].append(text)
    return np.array([text for texts in passes for text in rng.permutation(texts)], dtype=np.int64)
