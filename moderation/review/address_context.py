"""The address of an account in sentences that take shared networks into account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from moderation.review.linked import LinkedAccount

HOUSEHOLD = 5
"""Accounts on an address up to which a household explains them."""


def address_sentences(values: Mapping[str, float], linked: Sequence[LinkedAccount]) -> str:
    """Return what is known about the address of a post: how many accounts, and whether its network explains them."""
    return " ".join(_sentences(values, sum(one.same_address for one in linked)))


def _sentences(values: Mapping[str, float], flagged: int) -> Iterator[str]:
    accounts = values.get("network_accounts_24h")
    if accounts is None:
        yield "The address is not known, or not all accounts on it in the 24 hours before."
    elif accounts <= 1:
        yield "No other account posted from its address in the 24 hours before."
    else:
        yield f"{accounts:,.0f} accounts posted from its address in the 24 hours before.{_new(values)}"
        yield from _explained(accounts, values.get("network_accounts_vs_kind"))
    if flagged:
        yield (
            f"At least {flagged} other flagged account{'s have' if flagged > 1 else ' has'} used an address of this "
            "account; see “Linked accounts”."
        )
    elif accounts is not None:
        yield "No other flagged account was found on its addresses, as far as their evidence is kept."


def _new(values: Mapping[str, float]) -> str:
    share = values.get("network_new_account_share_24h")
    return "" if not share else f" {share:.0%} of them were younger than 7 days."


def _explained(accounts: float, ratio: float | None) -> Iterator[str]:
    if ratio is None:
        return
    if ratio > 0:
        yield f"That is {2**ratio:,.2g} times what its kind of network leads to."
    elif accounts > HOUSEHOLD:
        yield (
            "That is usual for its kind of network: one address there stands for many people, as in a campus, an "
            "office or a mobile carrier."
        )
    else:
        yield "That is usual for its kind of network."
