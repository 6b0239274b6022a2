"""Coordination features: how many accounts post the same at the same time, and which do so again and again.

Many accounts post one link or text in an hour when there is news, a petition, a chain letter or a giveaway. They are
mostly strangers to each other: what distinguishes a campaign is that the same accounts do it repeatedly.

Source: Cao et al., "Uncovering large groups of active malicious accounts in online social networks" (SynchroTrap, CCS
2014), which compares accounts by the objects that they act on in the same hour.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from moderation.features.window import HOUR_MS, Reading
from moderation.state import PostSeen
from moderation.state.coverage import BEHIND
from moderation.state.members import NEW, SETTLED, FewMembers, Members
from moderation.state.partners import PARTNERS_KEPT_MS, UNKNOWN, packed_occasion

MOST_KNOWN_TO_EACH_OTHER = 50
"""An item that more accounts post in an hour is a crowd's, and is no sign that two of them belong together."""
MOST_NOTED = 8
"""Accounts that are noted for one post: those with the lowest numbers, so that the same ones are noted each time."""
_LEAST_FOR_SHARE = 3
_ALONE = Members()

Occasion = tuple[int, int]
"""When and with what an account posted the same as another account, packed, and the number of that account."""


def read_items(reading: Reading, seen: PostSeen) -> dict[int, Members | FewMembers]:
    """Return the accounts of each item of a post that other accounts may have posted too; empty where unknown."""
    if not reading.others_known(HOUR_MS):
        return {}
    windows = reading.state.items
    return {item: reading.members(windows, item) for item in seen.items if not windows.only(item, seen.account)}


def occasions(reading: Reading, seen: PostSeen, items: Mapping[int, Members | FewMembers]) -> list[Occasion]:
    """Return the other accounts that posted the text or a link of a post in the hour before it, each once.

    Where a partition is behind, so that the others are not known, the account is `UNKNOWN`.
    """
    if reading.missing_others == BEHIND:
        return [(packed_occasion(seen.at_ms, 0), UNKNOWN)] if seen.texts or seen.links else []
    found: dict[int, int] = {}
    for item in (*seen.texts, *seen.links):
        members = items.get(item)
        if members is not None and not members.shift and len(members.day.entries) <= MOST_KNOWN_TO_EACH_OTHER:
            for other in sorted(members.day.entries.keys() - {seen.account})[:MOST_NOTED]:
                found.setdefault(other, packed_occasion(seen.at_ms, item))
    return [(found[other], other) for other in sorted(found)[:MOST_NOTED]]


def coordination_features(
    reading: Reading, seen: PostSeen, read: Mapping[int, Members | FewMembers], partners: tuple[int, int] | None
) -> dict[str, float]:
    """Return the coordination features of a post; *partners* are those of `known_partners`, after its occasions.

    The account of the post always counts, others up to the last full minute.
    """
    found = dict[str, float]()
    if reading.others_known(HOUR_MS):
        largest: Members | FewMembers = _ALONE
        most = 0.0
        for name, items in (("same_text", seen.texts), ("same_target", (*seen.links, *seen.names))):
            for item in items:
                members = read.get(item, _ALONE)
                count = members.number(members.day, seen.account)
                found[f"coordination_{name}_1h"] = max(count, found.get(f"coordination_{name}_1h", 0.0))
                if count > most:
                    largest, most = members, count
        if most >= _LEAST_FOR_SHARE:
            new = largest.number(largest.new, seen.account, is_one=seen.age == NEW)
            settled = largest.number(largest.settled, seen.account, is_one=seen.age == SETTLED)
            found["coordination_new_share_1h"] = new / (new + settled) if new + settled else math.nan
    if partners is not None:
        found["coordination_partners_7d"], found["coordination_most_shared_7d"] = partners
    return found


def known_partners(reading: Reading) -> tuple[int, int] | None:
    """Return the number of partners and the most occasions with one of them; None where they are not known."""
    state = reading.state
    if not state.coverage.history_known(reading.at_ms, PARTNERS_KEPT_MS):
        return None
    return state.partners.read(reading.account, reading.at_ms)
