"""Runs the evaluation: new platforms, held-out parameters, unseen texts, signatures removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from moderation.detector import Detector
from moderation.lab.evaluation.risk.figures import Row, Share, row_at_shipped, rows_at_rates
from moderation.lab.evaluation.risk.scores import BOTH_GATED, account_scores
from moderation.lab.risk.collecting import SimulatedPosts, collect_all
from moderation.lab.risk.content_scores import score_texts
from moderation.lab.risk.recipe import Recipe
from moderation.lab.risk.texts import RiskTexts, Role
from moderation.lab.risk.training import Progress
from moderation.lab.simulation import SimulationConfig
from moderation.lab.simulation.config import SIGNATURES, Signature
from moderation.risk.model import BundledRiskModel


@dataclass(frozen=True)
class Sizes:
    """Number of accounts that the evaluation simulates."""

    evaluation: int = 7000
    ablation: int = 1500
    seed: int = 907


SMALL = Sizes(evaluation=400, ablation=200)


@dataclass(frozen=True)
class Evaluation:
    """The figures of an evaluation."""

    rows: tuple[Row, ...]
    without: Mapping[str, Row]
    """Rows of the shipped decision without one signature in any campaign, by the name of the signature."""
    groups: Mapping[str, int]
    """Number of independent groups behind the figures."""
    wrong_by_kind: Mapping[str, Share]
    """Genuine accounts of each kind that the shipped decision flags, on held-out parameters."""


def evaluate(
    model: BundledRiskModel, detector: Detector, texts: RiskTexts, sizes: Sizes, progress: Progress
) -> Evaluation:
    """Simulate, score and return the figures.

    Thresholds for stated rates come from the same accounts as the shipped threshold (the threshold step, simulated
    again). All figures come from new accounts, addresses, texts and parameter ranges.
    """
    planned = _platforms(model, sizes)
    progress.step("Simulating platforms and extracting features", len(planned))
    configs = [config for config, _ in planned.values()]
    pools = [texts.pools[role] for _, role in planned.values()]
    workers = 1 if sizes.evaluation < 2000 else 2
    collected = dict(zip(planned, collect_all(configs, pools, workers, lambda _done: progress.advance(1)), strict=True))
    posted = {text for platform in collected.values() for text in platform.texts}
    logit_of: dict[str, float] = {}
    progress.step("Scoring texts", len(posted))
    score_texts(detector, posted, logit_of, progress.advance)
    return measured(model, collected, logit_of)


def measured(
    model: BundledRiskModel, collected: Mapping[str, SimulatedPosts], logit_of: Mapping[str, float]
) -> Evaluation:
    """Return the figures for platforms already simulated, with the logits of their texts in *logit_of*."""
    scores = {name: account_scores(model, platform, platform.logits(logit_of)) for name, platform in collected.items()}
    calibration, test = collected["calibration"], collected["evaluation"]
    set_on = int(model.manifest.threshold_rule["accounts"])
    rows = rows_at_rates(scores["calibration"], calibration.genuine, scores["evaluation"], test)
    rows.append(row_at_shipped(model.threshold, set_on, scores["evaluation"], test))
    without = {
        name.removeprefix("without "): row_at_shipped(model.threshold, set_on, scores[name], platform)
        for name, platform in collected.items()
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
    """Return by name the configuration and the step whose texts it may use."""
    trained = model.manifest.training["recipe"]
    recipe = replace(
        Recipe(),
        seed=int(trained["seed"]),
        threshold_accounts=int(trained["threshold_accounts"]),
        genuine_campaign_share=float(trained["genuine_campaign_share"]),
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
    for name, absent in {"nothing": frozenset[Signature](), **removed, "all three": frozenset(SIGNATURES)}.items():
        config = replace(test, accounts=sizes.ablation, planted=frozenset(SIGNATURES) - absent, name="ablation")
        platforms[f"without {name}"] = (config, "test")
    return platforms


def _groups(calibration: SimulatedPosts, test: SimulatedPosts) -> dict[str, int]:
    groups = {}
    for name, platform in (("calibration", calibration), ("evaluation", test)):
        people = platform.genuine
        groups[f"{name} genuine accounts"] = int(people.sum())
        groups[f"{name} address clusters of genuine accounts"] = len(np.unique(platform.cluster[people]))
        groups[f"{name} different texts of genuine accounts"] = len(np.unique(platform.text[people[platform.account]]))
    groups["evaluation campaigns"] = len({truth.campaign for truth in test.truth if truth.campaign})
    return groups
