"""How a risk bundle is trained: sizes, seeds and the little that is chosen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from moderation.lab.risk.texts import Role
from moderation.lab.simulation import SimulationConfig


@dataclass(frozen=True)
class Growth:
    """How far the trees of one model are grown. The far tail of one family needs small leaves and many trees."""

    leaves: int
    trees: int
    learning_rate: float
    least_rows: int
    """Least posts in a leaf."""

    def __str__(self) -> str:
        """Such as "8 leaves, 300 trees"."""
        return f"{self.leaves} leaves, {self.trees} trees"


@dataclass(frozen=True)
class Recipe:
    """Everything that, with the same texts and detector, repeats a bundle."""

    seed: int = 20265
    train_accounts: int = 7000
    tune_accounts: int = 7000
    threshold_accounts: int = 12_400
    certify_accounts: int = 12_400
    days: int = 14
    post_cap: int = 12
    train_campaign_share: float = 0.3
    tune_campaign_share: float = 0.3
    genuine_campaign_share: float = 0.03
    """Campaigns also live on the platforms that set the threshold and certify; they are not counted there."""
    target: float = 1e-3
    """Account-level false-positive rate to certify."""
    threshold_alpha: float = 4e-4
    """What the umbrella is asked for: stricter than the target, so that the certificate passes."""
    delta: float = 0.05
    folds: int = 4
    family_growth: Growth = Growth(leaves=8, trees=60, learning_rate=0.08, least_rows=150)
    fusion_candidates: tuple[Growth, ...] = (
        Growth(leaves=6, trees=150, learning_rate=0.08, least_rows=150),
        Growth(leaves=6, trees=300, learning_rate=0.08, least_rows=150),
        Growth(leaves=8, trees=300, learning_rate=0.05, least_rows=30),
    )
    """What to choose from on the tuning accounts."""
    p_family_candidates: tuple[float, ...] = (0.01, 0.02, 0.05)
    """No laxer than 1 in 20: with four families of metadata, chance alone soon finds a second one that agrees."""
    worth_a_laxer_gate: float = 0.01
    """Share of the campaign accounts that a laxer gate must add; else the strictest is taken."""
    masked: tuple[tuple[str, float], ...] = (
        ("content", 0.08),
        ("typing", 0.3),
        ("network", 0.15),
        ("graph", 0.15),
        ("account", 0.1),
    )
    """Probability that a family is made missing in a training post, whatever its label."""
    reference_size: int = 2000
    least_threshold: float = 0.5
    """The threshold is never below this risk, whatever the umbrella would allow."""

    def platforms(self) -> dict[Role, SimulationConfig]:
        """The simulated platform of each step; none shares an account, an address or a text with another."""
        sizes: dict[Role, tuple[int, float]] = {
            "train": (self.train_accounts, self.train_campaign_share),
            "tune": (self.tune_accounts, self.tune_campaign_share),
            "threshold": (self.threshold_accounts, self.genuine_campaign_share),
            "certify": (self.certify_accounts, self.genuine_campaign_share),
        }
        return {
            role: SimulationConfig(
                seed=self.seed * 10 + number,
                accounts=accounts,
                campaign_share=share,
                days=self.days,
                max_posts=self.post_cap,
                name=role,
            )
            for number, (role, (accounts, share)) in enumerate(sizes.items())
        }

    def said(self) -> dict[str, Any]:
        """For the manifest."""
        return asdict(self)


def small_recipe() -> Recipe:
    """A recipe of half a minute, for small data and tests: its certificate is not supported, and says so."""
    return Recipe(
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
