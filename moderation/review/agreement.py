"""Agreement of verdicts beyond chance, and bounds of error rates from a sample."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from nltk.metrics.agreement import AnnotationTask
from scipy.stats import chi2

from moderation.risk.clopper_pearson import upper_bound

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


def false_positive_bound(wrong: int, judged: int, flags: int, genuine: int, probability: float) -> float | None:
    """Return an upper bound of the share of genuine posts that are flagged; None without judged or genuine posts.

    *wrong* of *judged* accounts with a flagged post of the sample were flagged wrongly, among *flags* in all; *genuine*
    accounts had a post in the sample without a flag that was not a violation, drawn with at most *probability*. The
    bound is the Clopper–Pearson bound of wrong flags over the lower Poisson bound of genuine posts, each with half of
    the error. Each account counts once, because its posts are not independent: several wrong flags of one account are
    one error, and the number of genuine posts is smaller than it is. Accounts that are flagged wrongly are assumed to
    have no more flags than others.
    """
    if not judged or not genuine:
        return None
    half = 1.0 - (1.0 - CONFIDENCE) / 2.0
    wrong_flags = upper_bound(wrong, judged, half) * flags
    genuine_posts = float(chi2.ppf(1.0 - half, 2 * genuine)) / 2.0 / probability
    return min(1.0, wrong_flags / (wrong_flags + genuine_posts))


def _share(word: str, verdicts: Collection[str]) -> float:
    return sum(verdict == word for verdict in verdicts) / len(verdicts)
