"""The words of a reason: one plain sentence per feature, with the account's value and what is usual."""

from __future__ import annotations

import math

from moderation.risk.manifest import NamedFeature

PHRASES: dict[str, str] = {
    "typing_chars_per_s": "It typed {} characters per second",
    "typing_keystrokes_per_s": "It pressed {} keys per second",
    "typing_keystrokes_per_char": "It pressed {} keys per typed character",
    "typing_pasted_share": "{} of the text was pasted",
    "typing_pastes": "It pasted {} time(s) into the text",
    "typing_deletion_share": "{} of its key presses deleted something",
    "typing_focus_losses_per_100_chars": "It left the window {} time(s) per 100 characters",
    "typing_interval_median_ms": "The typical pause between two key presses was {} ms",
    "typing_interval_iqr_ratio": "The middle half of the pauses between key presses spans {%} of the typical pause",
    "typing_interval_cv": "The pauses between key presses vary by {%} of their mean",
    "typing_interval_entropy_bits": "The variety of the pauses between key presses is {} bits",
    "typing_interval_lag1": "A pause between key presses and the next one have a correlation of {}",
    "typing_interval_repeated_share": "{} of the pauses equal the pause before to the millisecond",
    "typing_boundary_pause_ratio": "The typical pause before a word was {} times the pause within words",
    "network_accounts_1h": "{} account(s) posted from its address in the last hour",
    "network_accounts_24h": "{} account(s) posted from its address in the last 24 hours",
    "network_new_account_share_24h": "{} of the accounts on its address in 24 hours were younger than 7 days",
    "network_posts_1h": "{} post(s) came from its address in the last hour",
    "network_accounts_vs_kind": "Its address had {} times the accounts that this kind of network leads to",
    "network_device_accounts_24h": "{} account(s) posted from its device in the last 24 hours",
    "network_account_addresses_24h": "It posted from {} address(es) in the last 24 hours",
    "graph_out_degree": "It follows {} account(s)",
    "graph_in_degree": "Its number of followers in the follow graph is {}",
    "graph_reciprocity": "{} of the accounts that it follows follow it back",
    "graph_clustering": "{} of the pairs of its neighbours follow each other",
    "graph_core_number": "It is in a group in which every account is connected to at least {} others",
    "graph_component_share": "{} of all accounts are connected to it, directly or through others",
    "graph_log_pagerank": "Its weight in the follow graph (PageRank) is {} times the mean",
    "account_age_days": "The account was {} day(s) old",
    "account_posts_1h": "It wrote {} post(s) in the last hour",
    "account_posts_24h": "It wrote {} post(s) in the last 24 hours",
    "account_posts_per_day": "It wrote {} post(s) per day over its whole life",
    "account_follow_ratio": (
        "The number of its followers, plus one, was {} times the number of accounts that it follows, plus one"
    ),
    "account_deleted_share": "{} of its posts were deleted",
    "account_deletions_24h": "It deleted {} post(s) in the last 24 hours",
    "account_has_bio": "A text in its profile: {}",
    "account_has_avatar": "A picture in its profile: {}",
    "coordination_same_text_1h": "{} account(s) posted nearly the same text within the last hour",
    "coordination_same_target_1h": "{} account(s) posted the same link, mention or hashtag within the last hour",
    "coordination_new_share_1h": "{} of the accounts that posted the same were younger than 7 days",
    "coordination_partners_7d": "At least {} account(s) posted several of its texts or links within the hour in 7 days",
    "coordination_most_shared_7d": "One account posted at least {} of its texts or links within the hour, in 7 days",
    "account_post_interval_cv": "The times between its posts vary by {%} of their mean",
}
"""A sentence for each feature; "{}" is the value, "{%}" a ratio in percent, "(s)" the plural. The unit of the feature
is in the words."""

_BASES = {"ln": math.e, "log2": 2.0}
"""Units that are logarithms, with their base."""
_LARGEST_EXPONENT = 40.0
_YES_OR_NO = "0/1"
_UNITS = {"": "", "1": "", "count": "", "1/s": " per second", "1/day": " per day"}


def sentence(feature: NamedFeature, value: float) -> str:
    """Return a sentence with *value* of *feature* and the usual values of genuine accounts."""
    text, usual = statement(feature, value), _usual(feature, value)
    return f"{text}; {usual}." if usual else f"{text}."


def statement(feature: NamedFeature, value: float) -> str:
    """Return a statement with *value* of *feature*, without a full stop."""
    phrase, number = PHRASES.get(feature.name), shown(feature, value)
    if phrase is None:
        meaning = feature.meaning.strip().rstrip(".")
        return f"{meaning[:1].upper()}{meaning[1:]}: {number}"
    text = phrase.replace("{%}", number).replace("{}", number)
    for plural, ending in (("(es)", "es"), ("(s)", "s")):
        text = text.replace(plural, "" if number == "1" else ending)
    return text


def inside(feature: NamedFeature, value: float) -> bool:
    """Return whether a value is in the usual range of genuine accounts; False where the range is not known."""
    low, high = feature.genuine_low, feature.genuine_high
    return low is not None and high is not None and low <= value <= high


def shown(feature: NamedFeature, value: float) -> str:
    """Return a value for a reviewer: logarithms as factors, shares in percent, 0 and 1 as no and yes."""
    phrase = PHRASES.get(feature.name)
    unit = feature.unit
    if unit == _YES_OR_NO:
        return "yes" if value >= 0.5 else "no"
    if unit == "share" or (phrase is not None and "{%}" in phrase):
        return f"{_plain(100 * value)} %"
    if unit in _BASES:
        factor = _plain(_BASES[unit] ** min(value, _LARGEST_EXPONENT))
        return factor if phrase is not None else f"{factor} times"
    return _plain(value) if phrase is not None else f"{_plain(value)}{_UNITS.get(unit, f' {unit}')}"


def _usual(feature: NamedFeature, value: float) -> str:
    """Return what is usual, from the 5 % and 95 % quantiles of genuine posts; empty where they are not known."""
    if feature.genuine_low is None or feature.genuine_high is None:
        return ""
    low, high = shown(feature, feature.genuine_low), shown(feature, feature.genuine_high)
    if feature.unit == _YES_OR_NO and low != high:
        return "both are usual for genuine accounts"
    if low == high:
        return f"for genuine accounts nearly always {low}"
    if value > feature.genuine_high:
        return f"genuine accounts rarely exceed {high}"
    if value < feature.genuine_low:
        return f"genuine accounts are rarely below {low}"
    return f"usual for genuine accounts: {low} to {high}"


def _plain(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
