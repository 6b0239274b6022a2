"""What has been shown about the false-positive rate, with everything one needs to doubt it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from moderation.risk.clopper_pearson import needed_sample, upper_bound


class Certificate(BaseModel):
    """k errors among n genuine accounts that neither trained nor set the threshold, and the bound that follows.

    An error is a genuine account with at least one flag (the gated decision) in `horizon_days`, counting its first
    `post_cap` posts. The bound takes accounts as independent; `address_clusters` and `unique_texts` say how many
    groups there really are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: float
    confidence: float
    accounts: int
    errors: int
    posts: int
    post_errors: int
    address_clusters: int
    clusters_with_error: int
    unique_texts: int
    horizon_days: int
    post_cap: int
    simulated: bool

    @property
    def bound(self) -> float:
        """The one-sided Clopper–Pearson bound of the account-level rate."""
        return upper_bound(self.errors, self.accounts, self.confidence)

    @property
    def cluster_bound(self) -> float:
        """The same bound with one unit per address cluster: clusters with an error among clusters."""
        return upper_bound(self.clusters_with_error, self.address_clusters, self.confidence)

    @property
    def supported(self) -> bool:
        """Whether the sample supports the target at all."""
        return self.accounts >= needed_sample(self.target, 0, self.confidence)

    @property
    def passed(self) -> bool:
        """Whether the bound lies at or below the target."""
        return self.bound <= self.target

    def sentence(self) -> str:
        """Say it in words; the word "simulated" is there whenever the accounts were."""
        sort = "simulated genuine accounts" if self.simulated else "genuine accounts"
        seen = (
            f"{self.errors} of {self.accounts} {sort} ({self.address_clusters} address clusters, "
            f"{self.unique_texts} different texts) received a flag in {self.horizon_days} days "
            f"and at most {self.post_cap} posts"
        )
        if not self.supported:
            need = needed_sample(self.target, 0, self.confidence)
            return f"Not supported (n={self.accounts}): {seen}; {self.target:g} takes at least {need} accounts."
        verdict = "certified" if self.passed else "NOT certified"
        said = f"{verdict}: {seen}; with {self.confidence:.0%} confidence the rate is at most {self.bound:.2e}"
        note = (
            " This is a simulated certificate: it does not hold for a real platform's accounts."
            if self.simulated
            else ""
        )
        return f"False-positive rate of {self.target:g} per account {said}.{note}"
