"""The certificate of the false-positive rate, with its sample."""

from __future__ import annotations

from math import floor, log10

from pydantic import BaseModel, ConfigDict

from moderation.risk.clopper_pearson import lower_bound, needed_sample, upper_bound

GROUP_LIMIT = 5e-4
"""Largest false-positive rate of a group of genuine accounts; a release is refused when its lower limit exceeds it."""


def one_in(rate: float) -> str:
    """Return a rate as "1 in N", with N rounded down to three digits so that the words claim no lower rate."""
    if rate <= 0.0 or rate > 0.5:
        return f"{rate:.0%}"
    number = floor(1.0 / rate)
    step = 10 ** max(0, floor(log10(number)) - 2)
    return f"1 in {number // step * step:,}"


class GroupErrors(BaseModel):
    """Errors among the genuine accounts of one group."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accounts: int
    writers: int
    """Accounts that begin with different texts: those of one writer count once."""
    errors: int

    @property
    def units(self) -> int:
        """The number of independent units that the bound is for."""
        return max(min(self.accounts, self.writers), self.errors)

    def lower(self, confidence: float) -> float:
        """Return the one-sided lower Clopper–Pearson limit of the group's rate."""
        return lower_bound(self.errors, self.accounts, confidence)

    def sentence(self, name: str, confidence: float) -> str:
        """Return the group's errors in words; "not supported" where it is too small for the limit."""
        seen = f"{name}: {self.errors} of {self.accounts} by {self.writers} writers"
        if self.units < needed_sample(GROUP_LIMIT, 0, confidence):
            return f"{seen} (not supported)"
        return f"{seen} (at most {one_in(upper_bound(self.errors, self.units, confidence))})"


class Certificate(BaseModel):
    """Errors among n genuine accounts that were not used for training or the threshold, and the resulting bound.

    An error is a genuine account with at least one flag (the gated decision) in `horizon_days`, counting its first
    `post_cap` posts. The bound assumes independent accounts; `address_clusters` and `unique_texts` are the numbers of
    independent groups.
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
    groups: dict[str, GroupErrors]
    """Errors by group of genuine accounts; an account can be in several."""

    @property
    def refused_groups(self) -> list[str]:
        """Groups whose rate is above the limit even at its lower limit."""
        return [name for name, group in self.groups.items() if group.lower(self.confidence) > GROUP_LIMIT]

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
        """Whether the sample is large enough for the target."""
        return self.accounts >= needed_sample(self.target, 0, self.confidence)

    @property
    def passed(self) -> bool:
        """Whether the bound is at or below the target."""
        return self.bound <= self.target

    def sentence(self) -> str:
        """Return the certificate in words, with the word "simulated" for simulated accounts."""
        sort = "simulated genuine accounts" if self.simulated else "genuine accounts"
        seen = (
            f"{self.errors} of {self.accounts:,} {sort} ({self.address_clusters:,} address clusters, "
            f"{self.unique_texts:,} different texts) received a flag in {self.horizon_days} days "
            f"and at most {self.post_cap} posts"
        )
        if not self.supported:
            need = needed_sample(self.target, 0, self.confidence)
            return (
                f"Not supported (n={self.accounts}): {seen}; a rate of {one_in(self.target)} needs at least "
                f"{need:,} accounts."
            )
        verdict = "certified" if self.passed else "NOT certified"
        result = (
            f"{verdict}: {seen}; with {self.confidence:.0%} confidence the rate is at most {one_in(self.bound)}, "
            f"counted by address cluster at most {one_in(self.cluster_bound)}"
        )
        note = (
            " This is a simulated certificate: it does not hold for a real platform's accounts."
            if self.simulated
            else ""
        )
        return f"False-positive rate of {one_in(self.target)} per account {result}.{note}"
