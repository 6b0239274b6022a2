"""The recipe of a risk bundle: sizes, seeds and the values to choose from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from moderation.lab.risk.texts import Role
from moderation.lab.simulation import SimulationConfig


@dataclass(frozen=True)
class Growth:
    """Size of the trees of one model. The far tail of one family needs small leaves and many trees."""

    leaves: int
    trees: int
    learning_rate: float
    least_rows: int
    """Minimum number of posts in a leaf."""

    def __str__(self) -> str:
        """Return the size in words, such as "300 trees of 6 leaves of 30 posts or more"."""
        return f"{self.trees} trees of {self.leaves} leaves of {self.least_rows} posts or more"


@dataclass(frozen=True)
class Recipe:
    """All settings of a training run: the same recipe, texts and detector give the same bundle."""

    seed: int = 20266
    train_platforms: int = 3
    """Platforms of the training: one has few carriers, campuses and classrooms, whose accounts share addresses."""
    train_accounts: int = 20_000
    """Accounts of each of them."""
    tune_accounts: int = 7000
    threshold_accounts: int = 49_000
    certify_accounts: int = 49_000
    days: int = 14
    post_cap: int = 12
    train_campaign_share: float = 0.3
    tune_campaign_share: float = 0.3
    genuine_campaign_share: float = 0.03
    """Campaigns also post on the platforms that set the threshold and certify; they are not counted there."""
    target: float = 1e-4
    """Account-level false-positive rate to certify."""
    threshold_alpha: float = 7e-5
    """Rate for which the umbrella sets the threshold: stricter than the target, so that the certificate passes."""
    margin: float = 0.75
    """Scales of the tail of genuine risks that the threshold is raised by."""
    delta: float = 0.05
    folds: int = 4
    family_growth: Growth = Growth(leaves=8, trees=60, learning_rate=0.08, least_rows=150)
    fusion_candidates: tuple[Growth, ...] = (
        Growth(leaves=6, trees=150, learning_rate=0.08, least_rows=150),
        Growth(leaves=4, trees=200, learning_rate=0.08, least_rows=150),
    )
    """Sizes of the fusion that are compared on the tuning accounts."""
    p_family_candidates: tuple[float, ...] = (0.01, 0.02, 0.03, 0.05)
    """At most 1 in 20: with four families of metadata, a second one often agrees by chance."""
    worth_a_laxer_gate: float = 0.01
    """Share of the campaign accounts that a less strict gate must add; else the strictest is used."""
    masked: tuple[tuple[str, float], ...] = (
        ("content", 0.08),
        ("typing", 0.3),
        ("network", 0.15),
        ("graph", 0.15),
        ("account", 0.1),
        ("coordination", 0.1),
    )
    """Probability that a family is masked in a training post, independent of its label."""
    selective_share: float = 1e-3
    """Share of genuine posts that exceed the evidence by which the selective policy chooses accounts."""
    reference_size: int = 2000
    least_reference: int = 200
    """Minimum number of genuine posts of a group of writers for a reference of its own."""
    least_threshold: float = 0.5
    """Lower limit of the threshold, also where the umbrella allows a lower one."""

    def platforms(self) -> dict[Role, list[SimulationConfig]]:
        """Return the simulated platforms of each step; the steps share no account, address or text.

        The platforms of the training share texts: the same people on other addresses, with other friends.
        """
        sizes: dict[Role, tuple[int, float]] = {
            "train": (self.train_accounts, self.train_campaign_share),
            "tune": (self.tune_accounts, self.tune_campaign_share),
            "threshold": (self.threshold_accounts, self.genuine_campaign_share),
            "certify": (self.certify_accounts, self.genuine_campaign_share),
        }
        first = [(role, number, role) for number, role in enumerate(sizes)]
        more = range(len(sizes), len(sizes) + self.train_platforms - 1)
        train: Role = "train"
        found: dict[Role, list[SimulationConfig]] = {role: [] for role in sizes}
        for role, number, name in [*first, *((train, number, f"train-{number}") for number in more)]:
            accounts, share = sizes[role]
            config = SimulationConfig(
                seed=self.seed * 10 + number,
                accounts=accounts,
                campaign_share=share,
                days=self.days,
                max_posts=self.post_cap,
                name=name,
            )
            found[role].append(config)
        return found

    def as_json(self) -> dict[str, Any]:
        """Return the recipe for the manifest."""
        return asdict(self)


def small_recipe() -> Recipe:
    """Return a recipe that runs in half a minute, for small data and tests; its certificate is not supported."""
    return Recipe(
        train_platforms=1,
        train_accounts=700,
        tune_accounts=400,
        threshold_accounts=420,
        certify_accounts=420,
        family_growth=Growth(leaves=6, trees=30, learning_rate=0.1, least_rows=40),
        folds=3,
        fusion_candidates=(Growth(leaves=6, trees=40, learning_rate=0.1, least_rows=40),),
        p_family_candidates=(0.02, 0.05),
        reference_size=500,
    )
