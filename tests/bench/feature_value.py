"""What features add to the family of metadata that they belong to: `python -m tests.bench.feature_value NAME …`.

Simulates three platforms with invented texts, fits each family on the first, takes p-values from genuine posts of the
second, and prints for the third (held-out parameters and campaign families) the share of accounts with a post that the
family finds unusual: of campaigns by strength, and of genuine accounts by kind. Once with all features, once without
those that are named, and once without each of them.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from moderation.features.catalogue import COLUMN, FEATURES
from moderation.lab.risk.collecting import CollectedPosts, collect_all
from moderation.lab.risk.fitting import fit_family, genuine_medians, post_weights
from moderation.lab.risk.recipe import Recipe
from moderation.lab.simulation import SimulationConfig, WriterPool, Written
from moderation.risk.p_values import Reference, largest_p_values
from tests.texts import person_text

P_VALUES = (0.02, 0.05)


def writers(people: int) -> WriterPool:
    """People with up to twelve invented texts each, and as many texts of a generator."""
    rng = random.Random(5)
    written = [
        [Written(f"{person_text(rng)} {one}-{n}", f"c{one % 40}") for n in range(rng.randint(1, 12))]
        for one in range(people)
    ]
    texts = [("notes", "model" if n % 2 else None, f"{person_text(rng)} {n}") for n in range(people)]
    return WriterPool(texts, {"general": written})


def platforms(accounts: int) -> list[CollectedPosts]:
    """The posts of the three platforms."""
    configs = [
        SimulationConfig(seed=1, accounts=accounts, campaign_share=0.3, name="train"),
        SimulationConfig(seed=2, accounts=accounts, campaign_share=0.3, name="tune"),
        SimulationConfig(
            seed=3, accounts=accounts, campaign_share=0.3, unseen_share=0.4, parameters="held_out", name="test"
        ),
    ]
    return collect_all(configs, [writers(2 * accounts)] * len(configs), workers=2)


def without(posts: CollectedPosts, names: Sequence[str]) -> CollectedPosts:
    """The posts with some features missing."""
    features = posts.features.copy()
    features[:, [COLUMN[name] for name in names]] = np.nan
    return replace(posts, features=features)


def smallest_p_values(found: Sequence[CollectedPosts], family: str) -> NDArray[np.float64]:
    """The smallest p-value of each account of the last platform, shape (m,)."""
    train, tune, test = found
    label = ~train.genuine[train.account]
    model = fit_family(family, train.features, label, post_weights(train), genuine_medians(train), Recipe())
    scores = model.scores(tune.features)
    known = tune.genuine[tune.account] & ~np.isnan(scores)
    reference = {"genuine": Reference(np.sort(scores[known]))}
    p_values = np.nan_to_num(largest_p_values(reference, model.scores(test.features)), nan=1.0)
    return -test.account_maximum(-p_values)


def shares(test: CollectedPosts, p_values: NDArray[np.float64]) -> dict[str, list[float]]:
    """The share of accounts at or below each p-value, by strength of campaign and kind of genuine account."""
    groups = {
        f"campaign {name}": test.strength(name) for name in sorted({t.strength for t in test.truth if t.strength})
    }
    groups["genuine"] = test.genuine
    groups |= {name: test.of_kind(name) for name in sorted({t.kind for t in test.truth if t.genuine})}
    return {
        name: [int(members.sum()), *(round(float((p_values[members] <= most).mean()), 3) for most in P_VALUES)]
        for name, members in groups.items()
    }


def main() -> None:
    """Print the shares as JSON: n, then the share at each p-value."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=[feature.name for feature in FEATURES], metavar="NAME")
    parser.add_argument("--accounts", type=int, default=3500)
    arguments = parser.parse_args()
    found = platforms(arguments.accounts)
    for family in sorted({FEATURES[COLUMN[name]].family for name in arguments.names}):
        own = [name for name in arguments.names if FEATURES[COLUMN[name]].family == family]
        for dropped in ([], own, *([name] for name in own if len(own) > 1)):
            kept = [without(posts, dropped) for posts in found]
            report = {"family": family, "without": dropped, **shares(kept[-1], smallest_p_values(kept, family))}
            sys.stdout.write(json.dumps(report) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
