"""Runs the evaluation: new platforms, held-out parameters, unseen texts, signatures removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from moderation.detector import Detector
from moderation.lab.evaluation.risk.figures import (
    FirstFlag,
    Row,
    Share,
    first_flags,
    row_at_shipped,
    rows_at_rates,
)
from moderation.lab.evaluation.risk.scores import (
    BOTH_GATED,
    COMPARED,
    LEFT_OUT,
    SELECTIVE,
    account_scores,
    flagged_posts,
)
from moderation.lab.evaluation.risk.styles import STYLES, campaigns_written_as, compared_with_all_people
from moderation.lab.risk.collecting import CollectedPosts, collect_all, joined
from moderation.lab.risk.content_scores import Scores, score_texts, with_content
from moderation.lab.risk.deciding import groups_of, watched
from moderation.lab.risk.recipe import Recipe
from moderation.lab.risk.texts import RiskTexts, Role
from moderation.lab.risk.training import Progress
from moderation.lab.simulation import SimulationConfig
from moderation.lab.simulation.config import SIGNATURES, Signature
from moderation.risk.manifest import Policy
from moderation.risk.model import BundledRiskModel


@dataclass(frozen=True)
class Sizes:
    """Number of accounts that the evaluation simulates on each platform."""

    evaluation: int = 5000
    ablation: int = 1500
    seeds: tuple[int, ...] = (907, 908, 909)


SMALL = Sizes(evaluation=400, ablation=200, seeds=(907,))


@dataclass(frozen=True)
class Evaluation:
    """The figures of an evaluation."""

    rows: tuple[Row, ...]
    """Every compared score of the policy `all`, and the shipped decision of each policy."""
    without: Mapping[str, Row]
    """Rows of the shipped decision without one signature in any campaign, by the name of the signature."""
    styles: Mapping[str, Row]
    """Rows of the shipped decision with the texts of campaigns in another style, on one platform."""
    left_out: Mapping[str, tuple[Row, ...]]
    """Rows of the gated score without one family, by the name of the family."""
    first_flags: Mapping[str, FirstFlag]
    """When accounts that the shipped decision flags got their first flag, by strength."""
    groups: Mapping[str, int]
    """Number of independent groups behind the figures."""
    wrong_by_group: Mapping[str, Share]
    """Genuine accounts of each group that the shipped decision flags, on held-out parameters."""


def evaluate(
    models: Mapping[Policy, BundledRiskModel], detector: Detector, texts: RiskTexts, sizes: Sizes, progress: Progress
) -> Evaluation:
    """Simulate, score and return the figures of a bundle under each policy.

    Thresholds for stated rates come from the same accounts as the shipped threshold (the threshold step, simulated
    again). All figures come from new accounts, addresses, texts and parameter ranges.
    """
    model = models["all"]
    planned = _platforms(model, sizes)
    progress.step("Simulating platforms and extracting features", len(planned))
    configs = [config for config, _ in planned.values()]
    pools = [texts.pools[role] for _, role in planned.values()]
    workers = 1 if sizes.evaluation < 2000 else 2
    collected = dict(zip(planned, collect_all(configs, pools, workers, lambda _done: progress.advance(1)), strict=True))
    collected |= in_other_styles(collected[f"evaluation {sizes.seeds[0]}"])
    posted = {text for platform in collected.values() for text in platform.texts}
    score_of: dict[str, tuple[float, int]] = {}
    progress.step("Scoring texts", len(posted))
    score_texts(detector, posted, score_of, progress.advance)
    test = joined([platform for name, platform in collected.items() if name.startswith("evaluation")])
    platforms = {name: one for name, one in collected.items() if not name.startswith("evaluation")}
    return measured(models, {**platforms, "evaluation": test}, score_of)


def in_other_styles(platform: CollectedPosts) -> dict[str, CollectedPosts]:
    """Return a platform as it is, then with the texts of campaigns in each other style."""
    return {"written unchanged": platform} | {
        f"written {style}": campaigns_written_as(style, platform) for style in STYLES
    }


def measured(
    models: Mapping[Policy, BundledRiskModel], collected: Mapping[str, CollectedPosts], score_of: Scores
) -> Evaluation:
    """Return the figures for platforms already simulated, with the scores of their texts."""
    model = models["all"]
    baseline = model.content_baseline
    platforms = {name: with_content(platform, score_of, baseline) for name, platform in collected.items()}
    scores = {name: account_scores(model, platform) for name, platform in platforms.items()}
    calibration, test = platforms["calibration"], platforms["evaluation"]
    set_on = int(model.certified.threshold_rule["accounts"])
    compared = scores["calibration"], calibration.genuine, scores["evaluation"], test
    rows = rows_at_rates(*compared, COMPARED)
    rows.append(row_at_shipped(model.threshold, set_on, scores["evaluation"], test))
    if "selective" in models:
        rows.append(_selective_row(models["selective"], test, score_of))
    flagged = scores["evaluation"][BOTH_GATED] > model.threshold
    return Evaluation(
        rows=tuple(rows),
        without=_shipped_rows("without ", model, scores, platforms),
        styles=_shipped_rows("written ", model, scores, platforms) | _with_all_people(model, platforms),
        left_out={family: tuple(rows_at_rates(*compared, [name])) for family, name in LEFT_OUT.items()},
        first_flags=first_flags(flagged_posts(model, test), test),
        groups=_groups(calibration, test),
        wrong_by_group={
            name: Share(int((flagged & members).sum()), int(members.sum())) for name, members in groups_of(test).items()
        },
    )


def _shipped_rows(
    prefix: str,
    model: BundledRiskModel,
    scores: Mapping[str, Mapping[str, NDArray[np.float64]]],
    platforms: Mapping[str, CollectedPosts],
) -> dict[str, Row]:
    """Return the row of the shipped decision on each platform whose name begins with *prefix*."""
    set_on = int(model.certified.threshold_rule["accounts"])
    return {
        name.removeprefix(prefix): row_at_shipped(model.threshold, set_on, scores[name], platform)
        for name, platform in platforms.items()
        if name.startswith(prefix)
    }


def _with_all_people(model: BundledRiskModel, platforms: Mapping[str, CollectedPosts]) -> dict[str, Row]:
    name, platform = "unchanged, compared with all people", platforms["written unchanged"]
    scores = {name: account_scores(compared_with_all_people(model), platform)}
    return _shipped_rows("", model, scores, {name: platform})


def _selective_row(model: BundledRiskModel, test: CollectedPosts, score_of: Scores) -> Row:
    decisive = model.text_decides(model.metadata_scores(test.features))
    seen = with_content(test, score_of, model.content_baseline, watched(decisive, test))
    row = row_at_shipped(
        model.threshold, int(model.certified.threshold_rule["accounts"]), account_scores(model, seen), seen
    )
    return replace(row, score=SELECTIVE)


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
    calibration = recipe.platforms()["threshold"][0]
    test = SimulationConfig(
        seed=sizes.seeds[0],
        accounts=sizes.evaluation,
        campaign_share=0.3,
        unseen_share=0.4,
        days=recipe.days,
        max_posts=recipe.post_cap,
        parameters="held_out",
        name="evaluation",
    )
    platforms: dict[str, tuple[SimulationConfig, Role]] = {"calibration": (calibration, "threshold")}
    for seed in sizes.seeds:
        platforms[f"evaluation {seed}"] = (replace(test, seed=seed, name=f"evaluation-{seed}"), "test")
    removed: dict[str, frozenset[Signature]] = {name: frozenset({name}) for name in SIGNATURES}
    for name, absent in {"nothing": frozenset[Signature](), **removed, "all": frozenset(SIGNATURES)}.items():
        config = replace(test, accounts=sizes.ablation, planted=frozenset(SIGNATURES) - absent, name="ablation")
        platforms[f"without {name}"] = (config, "test")
    return platforms


def _groups(calibration: CollectedPosts, test: CollectedPosts) -> dict[str, int]:
    groups = {}
    for name, platform in (("calibration", calibration), ("evaluation", test)):
        people = platform.genuine
        groups[f"{name} genuine accounts"] = int(people.sum())
        groups[f"{name} address clusters of genuine accounts"] = len(np.unique(platform.cluster[people]))
        groups[f"{name} different texts of genuine accounts"] = len(np.unique(platform.text[people[platform.account]]))
    groups["evaluation campaigns"] = len({truth.campaign for truth in test.truth if truth.campaign})
    return groups
