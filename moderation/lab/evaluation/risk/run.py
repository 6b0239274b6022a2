"""Running the evaluation: fresh platforms, held-out parameters, unseen texts, signatures taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from moderation.detector import Detector
from moderation.lab.evaluation.risk.figures import Row, Share, row_at_shipped, rows_at_rates
from moderation.lab.evaluation.risk.scores import BOTH_GATED, account_scores
from moderation.lab.risk.collecting import Watched, watch_all
from moderation.lab.risk.content_scores import score_texts
from moderation.lab.risk.recipe import Recipe
from moderation.lab.risk.texts import RiskTexts, Role
from moderation.lab.risk.training import Progress
from moderation.lab.simulation import SimulationConfig
from moderation.lab.simulation.config import SIGNATURES, Signature
from moderation.risk.model import BundledRiskModel


@dataclass(frozen=True)
class Sizes:
    """How many accounts the evaluation simulates."""

    evaluation: int = 7000
    ablation: int = 1500
    seed: int = 907


SMALL = Sizes(evaluation=400, ablation=200)


@dataclass(frozen=True)
class Evaluation:
    """What was measured."""

    rows: tuple[Row, ...]
    without: Mapping[str, Row]
    """The shipped decision with a planted signature removed from every campaign, by what was removed."""
    groups: Mapping[str, int]
    """Independent groups behind the figures."""
    wrong_by_kind: Mapping[str, Share]
    """Genuine accounts of each kind that the shipped decision flags, on held-out parameters."""


def evaluate(
    model: BundledRiskModel, detector: Detector, texts: RiskTexts, sizes: Sizes, progress: Progress
) -> Evaluation:
    """Simulate, score and count.

    Thresholds for stated rates come from the very accounts that set the shipped one (the threshold step, simulated
    again); whatever is counted is new: accounts, addresses, texts and the ranges they were drawn from.
    """
    planned = _platforms(model, sizes)
    progress.step("Simulating platforms and extracting features", len(planned))
    configs = [config for config, _ in planned.values()]
    pools = [texts.pools[role] for _, role in planned.values()]
    workers = 1 if sizes.evaluation < 2000 else 2
    watched = dict(zip(planned, watch_all(configs, pools, workers, lambda _done: progress.advance(1)), strict=True))
    posted = {text for platform in watched.values() for text in platform.texts}
    known: dict[str, float] = {}
    progress.step("Scoring texts", len(posted))
    score_texts(detector, posted, known, progress.advance)
    return measured(model, watched, known)


def measured(model: BundledRiskModel, watched: Mapping[str, Watched], known: Mapping[str, float]) -> Evaluation:
    """Count on platforms that were already watched, with the texts' logits in *known*."""
    scores = {name: account_scores(model, platform, platform.logits(known)) for name, platform in watched.items()}
    calibration, test = watched["calibration"], watched["evaluation"]
    set_on = int(model.manifest.threshold_rule["accounts"])
    rows = rows_at_rates(scores["calibration"], calibration.genuine, scores["evaluation"], test)
    rows.append(row_at_shipped(model.threshold, set_on, scores["evaluation"], test))
    without = {
        name.removeprefix("without "): row_at_shipped(model.threshold, set_on, scores[name], platform)
        for name, platform in watched.items()
        if name.startswith("without ")
    }
    flagged = scores["evaluation"][BOTH_GATED] > model.threshold
    kinds = np.array([truth.kind for truth in test.truth])
    people = sorted({truth.kind for truth in test.truth if truth.genuine})
    return Evaluation(
        rows=tuple(rows),
        without=without,
        groups=_groups(calibration, test),
        wrong_by_kind={k: Share(int(flagged[kinds == k].sum()), int((kinds == k).sum())) for k in people},
    )


def _platforms(model: BundledRiskModel, sizes: Sizes) -> dict[str, tuple[SimulationConfig, Role]]:
    """Name to configuration and the step whose texts it may use."""
    said = model.manifest.training["recipe"]
    recipe = replace(
        Recipe(),
        seed=int(said["seed"]),
        threshold_accounts=int(said["threshold_accounts"]),
        genuine_campaign_share=float(said["genuine_campaign_share"]),
        days=model.manifest.horizon_days,
        post_cap=model.manifest.post_cap,
    )
    calibration = recipe.platforms()["threshold"]
    test = SimulationConfig(
        seed=sizes.seed,
        accounts=sizes.evaluation,
        campaign_share=0.3,
        unseen_share=0.25,
        days=recipe.days,
        max_posts=recipe.post_cap,
        parameters="held_out",
        name="evaluation",
    )
    platforms: dict[str, tuple[SimulationConfig, Role]] = {
        "calibration": (calibration, "threshold"),
        "evaluation": (test, "test"),
    }
    removed: dict[str, frozenset[Signature]] = {name: frozenset({name}) for name in SIGNATURES}
    for name, gone in {"nothing": frozenset[Signature](), **removed, "all three": frozenset(SIGNATURES)}.items():
        config = replace(test, accounts=sizes.ablation, planted=frozenset(SIGNATURES) - gone, name="ablation")
        platforms[f"without {name}"] = (config, "test")
    return platforms


def _groups(calibration: Watched, test: Watched) -> dict[str, int]:
    groups = {}
    for name, platform in (("calibration", calibration), ("evaluation", test)):
        people = platform.genuine
        groups[f"{name} genuine accounts"] = int(people.sum())
        groups[f"{name} address clusters of genuine accounts"] = len(np.unique(platform.cluster[people]))
        groups[f"{name} different texts of genuine accounts"] = len(np.unique(platform.text[people[platform.account]]))
    groups["evaluation campaigns"] = len({truth.campaign for truth in test.truth if truth.campaign})
    return groups
