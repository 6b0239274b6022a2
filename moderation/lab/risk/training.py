"""Trains a risk bundle from texts and simulated platforms, step by step."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from moderation.checksum import sha256_of
from moderation.detector import Detector
from moderation.directories import replace_directory, room_beside
from moderation.errors import InputError
from moderation.features import FEATURES
from moderation.features.content import ContentBaseline
from moderation.lab.risk.collecting import CollectedPosts, collect_all, joined
from moderation.lab.risk.content_scores import Scores, fit_baseline, score_texts, with_content
from moderation.lab.risk.deciding import WRITINGS, Decision, certify, sensitivity, set_threshold
from moderation.lab.risk.fitting import EVIDENCE, METADATA, cross_fitted, fit_families, fit_fusion, fix_neutral
from moderation.lab.risk.recipe import Recipe
from moderation.lab.risk.texts import RiskTexts, Role
from moderation.risk.bundle import check_place, write_manifest
from moderation.risk.certificate import GROUP_LIMIT
from moderation.risk.fusion import Fusion
from moderation.risk.gate import CONTENT, FAMILIES
from moderation.risk.manifest import FORMAT, FamilyEntry, Manifest, NamedFeature, Policy, PolicyEntry
from moderation.risk.p_values import Reference, thinned


class Progress(Protocol):
    """Receives the name of the current step and its progress."""

    def step(self, what: str, total: int) -> None:
        """Begin a step of *total* parts."""

    def advance(self, n: int) -> None:
        """Advance the step by *n* parts."""


@dataclass(frozen=True)
class Scored:
    """The platform of each step, and the scores of all posted texts."""

    platforms: Mapping[Role, CollectedPosts]
    """With the content features of the policy `all`, or of the policy under which they were stored."""
    score_of: Scores
    baseline: ContentBaseline
    simulated: bool
    sources: Mapping[str, object]
    """Summary of the texts, events or stored posts for the manifest."""
    stored_under: Policy | None = None
    """Policy under which the content features were stored with the posts; None where they are computed here."""
    least_evidence: float = 0.0
    """Lower limit of the evidence that counts as rare: of few stored posts, the largest one is not."""


@dataclass(frozen=True)
class Trained:
    """The decision, with threshold and certificate of each policy, and the figures of its choice."""

    decision: Decision
    metadata_only: Fusion
    policies: Mapping[Policy, PolicyEntry]
    selective_evidence: float
    tuning: Mapping[str, float]


def train_bundle(scored: Scored, detector_hash: str, recipe: Recipe, out: Path, progress: Progress) -> Manifest:
    """Fit, choose, set the thresholds, certify and replace the directory *out* by the bundle.

    Raises InputError, with nothing written, when a group of genuine accounts is flagged more often than the limit, and
    where *out* contains anything but an older bundle.
    """
    check_place(out)
    progress.step("Fitting, choosing, certifying", 1)
    trained = fit(scored, recipe)
    for policy, entry in trained.policies.items():
        if refused := entry.certificate.refused_groups:
            raise InputError(
                f"The bundle is refused: under the policy {policy} these groups of genuine accounts are flagged more "
                f"often than {GROUP_LIMIT:g}: {', '.join(refused)}. Train on more accounts of these groups."
            )
    with room_beside(out) as room:
        stage = Path(room) / "bundle"
        manifest = write_bundle(trained, scored, detector_hash, recipe, stage)
        replace_directory(stage, out)
    progress.advance(1)
    return manifest


def simulated(texts: RiskTexts, detector: Detector, recipe: Recipe, progress: Progress) -> Scored:
    """Simulate the platforms of every step and score every posted text once."""
    planned = [(role, config) for role, configs in recipe.platforms().items() for config in configs]
    progress.step("Simulating platforms and extracting features", len(planned))
    workers = 1 if recipe.certify_accounts < 2000 else 2
    pools = [texts.pools[role] for role, _ in planned]
    found = collect_all([config for _, config in planned], pools, workers, lambda _done: progress.advance(1))
    by_role: dict[Role, list[CollectedPosts]] = defaultdict(list)
    for (role, _), posts in zip(planned, found, strict=True):
        by_role[role].append(posts)
    platforms = {role: joined(some) for role, some in by_role.items()}
    return scored(platforms, detector, progress, simulated=True, sources=texts.summary)


def scored(
    collected: Mapping[Role, CollectedPosts],
    detector: Detector,
    progress: Progress,
    *,
    simulated: bool,
    sources: Mapping[str, object],
) -> Scored:
    """Score every text of the posts of each step once, and add the content features."""
    score_of: dict[str, tuple[float, int]] = {}
    posted = {text for platform in collected.values() for text in platform.texts}
    progress.step("Scoring texts", len(posted))
    score_texts(detector, posted, score_of, progress.advance)
    baseline = fit_baseline(collected["train"], score_of)
    platforms = {role: with_content(platform, score_of, baseline) for role, platform in collected.items()}
    return Scored(platforms, score_of, baseline, simulated, sources)


def fit(scored: Scored, recipe: Recipe) -> Trained:
    """Fit on train, set the threshold of each candidate on threshold, choose by tune, certify on certify.

    Candidates are compared by the campaigns of the tuning set above their thresholds. The fusion without content is
    chosen in the same way, so that the comparison is fair. The strictest gate whose sensitivity is close to the best
    is used, then the fusion with the highest sensitivity behind it.
    """
    train, tune, held = (scored.platforms[role] for role in ("train", "tune", "threshold"))
    models, medians = fit_families(train, recipe)
    fitted = fix_neutral(models, medians, tune)
    scores = cross_fitted(train, recipe)
    tune_scores, held_scores = fitted.scores(tune.features), fitted.scores(held.features)
    references = _references(tune_scores, tune, recipe)
    candidates: list[tuple[float, Decision]] = []
    without_content: list[tuple[float, Fusion]] = []
    tuning: dict[str, float] = {}
    for growth in recipe.fusion_candidates:
        fusion = fit_fusion(train, scores, fitted.neutral, FAMILIES, growth, recipe)
        for p_family in recipe.p_family_candidates:
            decision = Decision(fitted, fusion, references, p_family)
            threshold, _ = set_threshold(decision.gated_risks(held), held, recipe)
            candidates.append((sensitivity(decision.gated_risks(tune), tune, threshold), decision))
            tuning[f"{growth}, p_family {p_family:g}"] = round(candidates[-1][0], 4)
        metadata = fit_fusion(train, scores, fitted.neutral, METADATA, growth, recipe)
        threshold, _ = set_threshold(metadata.risks(held_scores[:, 1:]), held, recipe)
        without_content.append((sensitivity(metadata.risks(tune_scores[:, 1:]), tune, threshold), metadata))
    most = max(caught for caught, _ in candidates)
    enough = [found for found in candidates if found[0] >= most - recipe.worth_a_laxer_gate]
    decision = min(enough, key=lambda found: (found[1].p_family, -found[0]))[1]
    metadata_only = max(without_content, key=lambda found: found[0])[1]
    return _certified(scored, decision, metadata_only, tuning, recipe)


def _certified(
    scored: Scored, decision: Decision, metadata_only: Fusion, tuning: Mapping[str, float], recipe: Recipe
) -> Trained:
    """Set the threshold of each policy and certify it; `selective` chooses accounts by the threshold of `all`.

    From features that were stored under one policy, only that policy gets a threshold.
    """
    evidence = max(_rare_evidence(scored.platforms["tune"], recipe), scored.least_evidence)
    everything = _entry(decision, scored, scored.platforms["threshold"], scored.platforms["certify"], recipe)
    if scored.stored_under is not None:
        return Trained(decision, metadata_only, {scored.stored_under: everything}, evidence, tuning)

    def selected(role: Role) -> CollectedPosts:
        platform = scored.platforms[role]
        chosen = decision.selected(platform, evidence, everything.threshold)
        return with_content(platform, scored.score_of, scored.baseline, chosen)

    some = _entry(decision, scored, selected("threshold"), selected("certify"), recipe)
    return Trained(decision, metadata_only, {"all": everything, "selective": some}, evidence, tuning)


def _entry(
    decision: Decision, scored: Scored, threshold_set: CollectedPosts, certify_set: CollectedPosts, recipe: Recipe
) -> PolicyEntry:
    threshold, rule = set_threshold(decision.gated_risks(threshold_set), threshold_set, recipe)
    certificate = certify(decision, threshold, certify_set, recipe)
    certificate = certificate.model_copy(update={"simulated": scored.simulated})
    return PolicyEntry(threshold=threshold, threshold_rule=rule, certificate=certificate)


def _rare_evidence(tune: CollectedPosts, recipe: Recipe) -> float:
    """Return the evidence that a small share of genuine posts exceeds; 0 where none has any."""
    evidence = tune.features[tune.genuine[tune.account], EVIDENCE]
    known = evidence[~np.isnan(evidence)]
    return float(np.quantile(known, 1.0 - recipe.selective_share)) if len(known) else 0.0


def write_bundle(
    trained: Trained,
    scored: Scored,
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
    samples = {name: _sample(references) for name, references in decision.references.items()}
    files["reference.json"] = json.dumps(samples) + "\n"
    for name, contents in files.items():
        (out / name).write_text(contents, encoding="utf-8")
    manifest = _manifest(
        trained, scored, detector_hash, recipe, {name: sha256_of(out / name) for name in sorted(files)}
    )
    write_manifest(out, manifest)
    return manifest


def _manifest(trained: Trained, scored: Scored, detector_hash: str, recipe: Recipe, files: dict[str, str]) -> Manifest:
    decision = trained.decision
    return Manifest(
        format=FORMAT,
        simulated=scored.simulated,
        detector_hash=detector_hash,
        features=_named_features(scored.platforms["tune"], decision.fitted.medians),
        families=tuple(
            FamilyEntry(
                name=name,
                file="" if name == CONTENT else f"family-{name}.txt",
                neutral=float(decision.fitted.neutral[column]),
                median_score=float(decision.fitted.median_scores[column]),
            )
            for column, name in enumerate(FAMILIES)
        ),
        content_baseline=scored.baseline,
        fusion_file="fusion.txt",
        metadata_only_file="metadata-only.txt",
        reference_file="reference.json",
        p_family=decision.p_family,
        policies=dict(trained.policies),
        selective_evidence=trained.selective_evidence,
        horizon_days=recipe.days,
        post_cap=recipe.post_cap,
        training={
            "recipe": recipe.as_json(),
            "texts": dict(scored.sources),
            "tuning": dict(trained.tuning),
            "posts": {role: len(platform.account) for role, platform in scored.platforms.items()},
        },
        files=files,
    )


def _references(scores: NDArray[np.float64], tune: CollectedPosts, recipe: Recipe) -> dict[str, dict[str, Reference]]:
    """Return genuine scores by family; those of content by group of writers, where there are enough of a group."""
    genuine = tune.genuine[tune.account]
    references = {}
    for column, name in enumerate(FAMILIES):
        known = genuine & ~np.isnan(scores[:, column])
        groups = {"genuine": known}
        if name == CONTENT:
            groups |= {group: known & tune.in_writing(group)[tune.account] for group in WRITINGS}
        references[name] = {
            group: _reference(scores[posts, column], recipe)
            for group, posts in groups.items()
            if group == "genuine" or posts.sum() >= recipe.least_reference
        }
    return references


def _reference(known: NDArray[np.float64], recipe: Recipe) -> Reference:
    return Reference(np.round(thinned(known if len(known) else np.zeros(1), recipe.reference_size), 6))


def _sample(references: Mapping[str, Reference]) -> dict[str, list[float]]:
    return {group: [round(score, 6) for score in reference.scores.tolist()] for group, reference in references.items()}


def _named_features(tune: CollectedPosts, medians: NDArray[np.float64]) -> tuple[NamedFeature, ...]:
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
