"""Agreement of verdicts beyond chance, and bounds of error rates from a sample."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from nltk.metrics.agreement import AnnotationTask
from scipy.stats import beta, chi2

CONFIDENCE = 0.95


def krippendorff_alpha(verdicts: Mapping[str, Mapping[str, str]]) -> tuple[float | None, int]:
    """Return Krippendorff's alpha (nominal) and the number of items with verdicts of two people or more.

    *verdicts* maps items to people to verdicts. None without such items, and where all verdicts are the same one, for
    which agreement beyond chance is not defined. Source: Krippendorff, "Content Analysis" (2004), chapter 11.
    """
    shared = {item: found for item, found in verdicts.items() if len(found) > 1}
    words = {verdict for found in shared.values() for verdict in found.values()}
    if len(words) < 2:
        return None, len(shared)
    data = [(person, item, verdict) for item, found in shared.items() for person, verdict in found.items()]
    return float(AnnotationTask(data=data).alpha()), len(shared)


def cohen_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Return Cohen's kappa of two raters from the verdicts of both about each item; None where it is not defined.

    Source: Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960).
    """
    words = {word for pair in pairs for word in pair}
    if not pairs or len(words) < 2:
        return None
    seen = sum(first == second for first, second in pairs) / len(pairs)
    chance = sum(_share(word, [one for one, _ in pairs]) * _share(word, [two for _, two in pairs]) for word in words)
    return None if chance == 1.0 else (seen - chance) / (1.0 - chance)


@dataclass(frozen=True)
class FlaggedSample:
    """The judged ones among the accounts that were flagged: each account once.

    `wrong` and `weights` are parallel: whether an account counts as wrongly flagged, and the inverse of the probability
    that the sample has one of its flagged posts. `accounts` is the number of all accounts that were flagged.
    """

    wrong: tuple[bool, ...]
    weights: tuple[float, ...]
    accounts: int


def false_positive_bound(flagged: FlaggedSample, genuine: Collection[int]) -> float | None:
    """Return an upper bound of the share of genuine accounts that are flagged; None where the sample is too small.

    *genuine* has, for each account with a sampled post without a flag that was not a violation, the number of these
    posts. The bound is that of wrongly flagged accounts over the lower bound of genuine accounts, each with half of
    the error. The first is the weighted share of wrong ones with the Clopper–Pearson bound of its effective sample
    size (Korn and Graubard, "Confidence intervals for proportions with small expected number of positive counts
    estimated from survey data", Survey Methodology 24, 1998). The second is in `least_accounts`.
    """
    half = 1.0 - (1.0 - CONFIDENCE) / 2.0
    least = least_accounts(genuine, half)
    if not flagged.wrong or least is None:
        return None
    total = sum(flagged.weights)
    size = total**2 / sum(weight**2 for weight in flagged.weights)
    share = sum(weight for weight, wrong in zip(flagged.weights, flagged.wrong, strict=True) if wrong) / total
    upper = 1.0 if share == 1.0 else float(beta.ppf(half, size * share + 1.0, size * (1.0 - share)))
    wrong_accounts = upper * flagged.accounts
    return min(1.0, wrong_accounts / (wrong_accounts + least))


def least_accounts(posts: Collection[int], confidence: float) -> float | None:
    """Return a lower bound of the number of accounts from which posts were sampled; None for fewer than two posts.

    *posts* is the number of sampled posts of each account. Two sampled posts are of one account with a probability of
    at least one over the number of accounts, whatever their activity (Simpson, "Measurement of diversity", Nature 163,
    1949), so the bound is the number of pairs over the upper Poisson bound of the pairs of one account.
    """
    count = sum(posts)
    if count < 2:
        return None
    same = sum(number * (number - 1) // 2 for number in posts)
    pairs = count * (count - 1) / 2.0
    return max(float(len(posts)), pairs / (float(chi2.ppf(confidence, 2 * (same + 1))) / 2.0))


def _share(word: str, verdicts: Collection[str]) -> float:
    return sum(verdict == word for verdict in verdicts) / len(verdicts)
