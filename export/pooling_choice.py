"""Chooses the rule that pools the sections of a text, on long texts and on human texts with a machine section."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from export.balanced_auroc import balanced_auroc
from export.labelled_texts import LabelledText
from export.length_curve import beginnings
from moderation.detector import Detector
from moderation.detector.manifest import Pooling
from moderation.detector.pooling import DEFAULT_RULE, POOLING_RULES, PoolingRule, pooled
from moderation.detector.sections import Cutter
from moderation.text import normalise

LEAST_OF_A_SIDE = 100
MOST_OF_A_SIDE = 600
TIE = 0.005
MOST_LOST = 0.002
_SECTIONS_LONG = (1.5, 3.0)

_Scored = list[tuple[LabelledText, NDArray[np.float64]]]
"""Texts, each with the logits of its sections, shape (sections,)."""


def choose_pooling(
    detector: Detector, cutter: Cutter, texts: Sequence[LabelledText], max_tokens: int, seed: int = 0
) -> Pooling:
    """Return the rule with the highest mean of two AUROCs, among the rules without a loss on *texts* of all lengths.

    The first AUROC is that of long texts, the second that of long human texts with a machine section before or after
    them against the same texts with another human section there. A rule has a loss when the AUROC of *texts* of all
    lengths is more than 0.002 below that of the token-weighted mean: one threshold applies to all lengths, and a rule
    that raises the scores of long texts raises long human texts. Sources have equal weight. The token-weighted mean is
    preferred to rules within 0.005 of it, and used with fewer than 100 long texts of a label. *max_tokens* is the size
    of a section.
    """
    rng = np.random.default_rng(seed)
    documents = long_texts(cutter, texts, max_tokens, rng)
    whole = _of_several_sections(_scored(detector, documents))
    pairs = _of_several_sections(_scored(detector, embedded(cutter, documents, max_tokens, rng)))
    for scored, made in ((whole, "long texts"), (pairs, "long texts with a section of another text")):
        machines = sum(entry.label for entry, _ in scored)
        fewest = min(machines, len(scored) - machines)
        if fewest < LEAST_OF_A_SIDE:
            return Pooling(chosen_on=f"nothing: {fewest} {made} of one label, {LEAST_OF_A_SIDE} are needed")
    as_they_are = [(entry, logits) for entry, logits in _scored(detector, texts) if len(logits)]
    real = {rule: _auroc(rule, as_they_are) for rule in POOLING_RULES}
    figures = {rule: (_auroc(rule, whole) + _auroc(rule, pairs)) / 2 for rule in POOLING_RULES}
    allowed = [rule for rule in POOLING_RULES if real[rule] >= real[DEFAULT_RULE] - MOST_LOST]
    best = max(allowed, key=lambda rule: figures[rule])
    return Pooling(
        rule=DEFAULT_RULE if figures[best] - figures[DEFAULT_RULE] <= TIE else best,
        chosen_on=(
            f"mean AUROC of {len(whole)} texts of two sections and more, joined from texts of one source and label, "
            f"and of {len(pairs)} human texts with a section of machine text or other human text before or after them; "
            f"a rule may lose {MOST_LOST} of the AUROC of the {len(as_they_are)} original texts"
        ),
        candidates={rule: round(value, 4) for rule, value in figures.items()},
        on_texts_as_they_are={rule: round(value, 4) for rule, value in real.items()},
    )


def long_texts(
    cutter: Cutter, texts: Sequence[LabelledText], max_tokens: int, rng: np.random.Generator
) -> list[LabelledText]:
    """Return texts of more than *max_tokens* tokens, at most 600 of a label, joined from texts of one source and label.

    Texts of one group are joined first, in an order drawn with *rng*; texts of another group are added only where the
    result would be too short. The target length is one and a half to three sections.
    """
    strata: dict[tuple[str, int], list[LabelledText]] = defaultdict(list)
    for entry in texts:
        strata[entry.source, entry.label].append(entry)
    made: dict[int, list[LabelledText]] = {0: [], 1: []}
    for (source, label), members in sorted(strata.items()):
        parts: list[LabelledText] = []
        length = 0
        aim = rng.uniform(*_SECTIONS_LONG) * max_tokens
        for entry in _group_by_group(members, rng):
            if length > max_tokens and (length >= aim or entry.group != parts[-1].group):
                made[label].append(_joined(parts, source, label))
                parts, length = [], 0
                aim = rng.uniform(*_SECTIONS_LONG) * max_tokens
            parts.append(entry)
            length += len(cutter.token_ends(normalise(entry.text)))
        if length > max_tokens:
            made[label].append(_joined(parts, source, label))
    return [side[place] for side in made.values() for place in sorted(rng.permutation(len(side))[:MOST_OF_A_SIDE])]


def embedded(
    cutter: Cutter, documents: Sequence[LabelledText], max_tokens: int, rng: np.random.Generator
) -> list[LabelledText]:
    """Return every human document twice: with a machine section (1) and with another human section (0) at the same end.

    Section and document are of one source, and both versions have the same length, so that neither subject nor length
    nor the joint separates them. Sources with one label only are excluded.
    """
    sides: dict[str, dict[int, list[LabelledText]]] = defaultdict(lambda: {0: [], 1: []})
    for document in documents:
        sides[document.source][document.label].append(document)
    made = []
    for _, side in sorted(sides.items()):
        if not side[1] or len(side[0]) < 2:
            continue
        for number, host in enumerate(side[0]):
            others = (side[0][number - 1], side[1][int(rng.integers(len(side[1])))])
            before = rng.random() < 0.5
            for other in others:
                section = beginnings(cutter, other.text, (max_tokens,)).get(max_tokens, other.text)
                text = f"{section}\n\n{host.text}" if before else f"{host.text}\n\n{section}"
                made.append(replace(host, text=text, label=other.label))
    return made


def _group_by_group(members: Sequence[LabelledText], rng: np.random.Generator) -> list[LabelledText]:
    groups: dict[str, list[LabelledText]] = defaultdict(list)
    for number, entry in enumerate(members):
        groups[entry.group or f"\0{number}"].append(entry)
    names = sorted(groups)
    return [
        groups[names[place]][inner]
        for place in rng.permutation(len(names))
        for inner in rng.permutation(len(groups[names[place]]))
    ]


def _joined(parts: Sequence[LabelledText], source: str, label: int) -> LabelledText:
    return LabelledText("\n\n".join(part.text for part in parts), label, source=source, group=parts[0].group)


def _scored(detector: Detector, texts: Sequence[LabelledText]) -> _Scored:
    scores = zip(texts, detector.score([entry.text for entry in texts]), strict=True)
    return [(entry, np.array([section.logit for section in score.sections])) for entry, score in scores]


def _of_several_sections(scored: _Scored) -> _Scored:
    return [(entry, logits) for entry, logits in scored if len(logits) > 1]


def _auroc(rule: PoolingRule, scored: _Scored) -> float:
    # All sections of one text have the same length (moderation.detector.windows).
    logits = np.array([pooled(rule, values, np.ones(len(values))) for _, values in scored])
    value = balanced_auroc(logits, [entry for entry, _ in scored])
    return 0.5 if value is None else value
