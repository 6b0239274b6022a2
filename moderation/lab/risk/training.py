"""Trains a risk bundle from texts and simulated platforms, step by step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from moderation.checksum import sha256_of
from moderation.detector import Detector
from moderation.directories import replace_directory, room_beside
from moderation.features import FEATURES
from moderation.lab.risk.collecting import SimulatedPosts, collect_all
from moderation.lab.risk.content_scores import score_texts
from moderation.lab.risk.deciding import Decision, certify, sensitivity, set_threshold
from moderation.lab.risk.fitting import METADATA, cross_fitted, fit_families, fit_fusion, fix_neutral
from moderation.lab.risk.recipe import Recipe
from moderation.lab.risk.texts import RiskTexts, Role
from moderation.risk.bundle import write_manifest
from moderation.risk.certificate import Certificate
from moderation.risk.fusion import Fusion
from moderation.risk.gate import CONTENT, FAMILIES
from moderation.risk.manifest import FORMAT, FamilyEntry, Manifest, NamedFeature
from moderation.risk.p_values import Reference, thinned


class Progress(Protocol):
    """Receives the name of the current step and its progress."""

    def step(self, what: str, total: int) -> None:
        """Begin a step of *total* parts."""

    def advance(self, n: int) -> None:
        """Advance the step by *n* parts."""


@dataclass(frozen=True)
class Trained:
    """A decision with its threshold, its certificate and the figures of its choice."""

    decision: Decision
    metadata_only: Fusion
    threshold: float
    rule: Mapping[str, Any]
    certificate: Certificate
    tuning: Mapping[str, float]


def train_bundle(texts: RiskTexts, detector: Detector, recipe: Recipe, out: Path, progress: Progress) -> Manifest:
    """Simulate, fit, choose, set the threshold, certify and replace the directory *out* by the bundle."""
    collected, logits = gather(texts, detector, recipe, progress)
    progress.step("Fitting, choosing, certifying", 1)
    trained = fit(collected, logits, recipe)
    with room_beside(out) as room:
        stage = Path(room) / "bundle"
        manifest = write_bundle(trained, collected, texts, detector.manifest_hash, recipe, stage)
        replace_directory(stage, out)
    progress.advance(1)
    return manifest


def gather(
    texts: RiskTexts, detector: Detector, recipe: Recipe, progress: Progress
) -> tuple[dict[Role, SimulatedPosts], dict[Role, NDArray[np.float64]]]:
    """Simulate the platform of every step and score every posted text once."""
    configs = recipe.platforms()
    progress.step("Simulating platforms and extracting features", len(configs))
    workers = 1 if recipe.certify_accounts < 2000 else 2
    found = collect_all(
        list(configs.values()), [texts.pools[role] for role in configs], workers, lambda _done: progress.advance(1)
    )
    collected = dict(zip(configs, found, strict=True))
    logit_of: dict[str, float] = {}
    posted = {text for platform in found for text in platform.texts}
    progress.step("Scoring texts", len(posted))
    score_texts(detector, posted, logit_of, progress.advance)
    return collected, {role: platform.logits(logit_of) for role, platform in collected.items()}


def fit(
    collected: Mapping[Role, SimulatedPosts], logits: Mapping[Role, NDArray[np.float64]], recipe: Recipe
) -> Trained:
    """Fit on train, choose on tune, set the threshold on threshold, certify on certify.

    The fusion without content is chosen by its own sensitivity, so that the comparison is fair. The strictest gate
    whose sensitivity is close to the best is used, then the fusion with the highest sensitivity behind it.
    """
    models, medians = fit_families(collected["train"], recipe)
    fitted = fix_neutral(models, medians, collected["tune"], logits["tune"])
    scores = cross_fitted(collected["train"], logits["train"], recipe)
    tune_scores = fitted.scores(collected["tune"].features, logits["tune"])
    references = _references(tune_scores, collected["tune"], recipe)
    decisions: list[tuple[float, Decision]] = []
    without_content: list[tuple[float, Fusion]] = []
    tuning: dict[str, float] = {}
    for growth in recipe.fusion_candidates:
        fusion = fit_fusion(collected["train"], scores, fitted.neutral, FAMILIES, growth, recipe)
        for p_family in recipe.p_family_candidates:
            decision = Decision(fitted, fusion, references, p_family)
            risks = decision.gated_risks(collected["tune"], logits["tune"])
            decisions.append((sensitivity(risks, collected["tune"], recipe.target), decision))
            tuning[f"{growth}, p_family {p_family:g}"] = round(decisions[-1][0], 4)
        metadata = fit_fusion(collected["train"], scores, fitted.neutral, METADATA, growth, recipe)
        without_content.append(
            (sensitivity(metadata.risks(tune_scores[:, 1:]), collected["tune"], recipe.target), metadata)
        )
    most = max(caught for caught, _ in decisions)
    enough = [found for found in decisions if found[0] >= most - recipe.worth_a_laxer_gate]
    decision = min(enough, key=lambda found: (found[1].p_family, -found[0]))[1]
    metadata_only = max(without_content, key=lambda found: found[0])[1]
    threshold, rule = set_threshold(decision, collected["threshold"], logits["threshold"], recipe)
    certificate = certify(decision, threshold, collected["certify"], logits["certify"], recipe)
    return Trained(decision, metadata_only, threshold, rule, certificate, tuning)


def write_bundle(
    trained: Trained,
    collected: Mapping[Role, SimulatedPosts],
    texts: RiskTexts,
    detector_hash: str,
    recipe: Recipe,
    out: Path,
) -> Manifest:
    """Write models, references and manifest into the new directory *out*."""
    out.mkdir(parents=True, exist_ok=True)
    decision = trained.decision
    files = {f"family-{name}.txt": model.booster.model_to_string() for name, model in decision.fitted.models.items()}
    files["fusion.txt"] = decision.fusion.booster.model_to_string()
    files["metadata-only.txt"] = trained.metadata_only.booster.model_to_string()
    samples = {name: [round(s, 6) for s in ref.scores.tolist()] for name, ref in decision.references.items()}
    files["reference.json"] = json.dumps(samples) + "\n"
    for name, contents in files.items():
        (out / name).write_text(contents, encoding="utf-8")
    manifest = Manifest(
        format=FORMAT,
        simulated=True,
        detector_hash=detector_hash,
        features=_named_features(collected["tune"], decision.fitted.medians),
        families=tuple(
            FamilyEntry(
                name=name,
                file="" if name == CONTENT else f"family-{name}.txt",
                neutral=float(decision.fitted.neutral[column]),
                median_score=float(decision.fitted.median_scores[column]),
            )
            for column, name in enumerate(FAMILIES)
        ),
        content_slopes=decision.fusion.slopes,
        fusion_file="fusion.txt",
        metadata_only_file="metadata-only.txt",
        reference_file="reference.json",
        p_family=decision.p_family,
        threshold=trained.threshold,
        threshold_rule=dict(trained.rule),
        horizon_days=recipe.days,
        post_cap=recipe.post_cap,
        certificate=trained.certificate,
        training={
            "recipe": recipe.as_json(),
            "texts": dict(texts.summary),
            "tuning": dict(trained.tuning),
            "posts": {role: len(platform.account) for role, platform in collected.items()},
        },
        files={name: sha256_of(out / name) for name in sorted(files)},
    )
    write_manifest(out, manifest)
    return manifest


def _references(scores: NDArray[np.float64], tune: SimulatedPosts, recipe: Recipe) -> dict[str, Reference]:
    genuine = tune.genuine[tune.account]
    references = {}
    for column, name in enumerate(FAMILIES):
        known = scores[genuine & ~np.isnan(scores[:, column]), column]
        kept = thinned(known if len(known) else np.zeros(1), recipe.reference_size)
        references[name] = Reference(np.round(kept, 6))
    return references


def _named_features(tune: SimulatedPosts, medians: NDArray[np.float64]) -> tuple[NamedFeature, ...]:
    genuine = tune.features[tune.genuine[tune.account]]
    named = []
    for column, feature in enumerate(FEATURES):
        known = genuine[~np.isnan(genuine[:, column]), column]
        plain = NamedFeature(
            name=feature.name,
            family=feature.family,
            version=feature.version,
            unit=feature.unit,
            meaning=feature.meaning,
            genuine_median=None if np.isnan(medians[column]) else float(medians[column]),
            genuine_low=float(np.quantile(known, 0.05)) if len(known) else None,
            genuine_high=float(np.quantile(known, 0.95)) if len(known) else None,
        )
        named.append(plain)
    return tuple(named)
