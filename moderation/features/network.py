"""Network features: how many accounts share an address or a device, compared with the kind of network."""

from __future__ import annotations

import math
from typing import NamedTuple

from moderation.events import Post
from moderation.features.window import DAY_MS, HOUR_MS, Reading
from moderation.state import Keyring, PostSeen
from moderation.state.account_history import OwnPosts
from moderation.state.members import NEW, SETTLED, UNKNOWN_AGE

NEW_ACCOUNT_DAYS = 7
USUAL_ACCOUNTS = {"residential": 3.0, "mobile": 200.0, "campus": 500.0, "vpn": 100.0, "hosting": 3.0, "unknown": 10.0}
"""Usual number of accounts per day on an address of this kind. A household has a few; carrier
NAT puts hundreds to thousands of people on one IPv4 address, a campus likewise. Orders of magnitude, not estimates."""


class Sender(NamedTuple):
    """Where a post came from, hashed under one key."""

    key_id: str
    address: str | None
    device: str | None

    @classmethod
    def of(cls, post: Post, key: Keyring) -> Sender:
        """Return address and device of a post, as far as they were sent."""
        client = post.client
        if client is None:
            return cls(key.key_id, None, None)
        return cls(
            key.key_id,
            None if client.ip is None else key.hash_address(client.ip),
            None if client.device_id is None else key.hash_device(client.device_id),
        )


def account_kind(post: Post) -> int:
    """Return whether the account is new, settled or of unknown age."""
    age_days = post.account_age_days
    if age_days is None:
        return UNKNOWN_AGE
    return NEW if age_days < NEW_ACCOUNT_DAYS else SETTLED


def network_features(reading: Reading, post: Post, seen: PostSeen, own: OwnPosts) -> dict[str, float]:
    """Return address and device features; empty where neither was sent.

    The post and its account always count, others up to the last full minute.
    """
    if post.client is None:
        return {}
    state, account, found = reading.state, reading.account, dict[str, float]()
    address, device = seen.senders[2 * state.address_key : 2 * state.address_key + 2]
    whole_day = reading.shared_known(DAY_MS)
    if address and reading.shared_known(HOUR_MS):
        accounts = reading.members(state.addresses, address)
        posts = reading.members(state.address_posts, address)
        found["network_accounts_1h"] = accounts.number(accounts.hour, account)
        found["network_posts_1h"] = posts.number(posts.hour, seen.post)
        if whole_day:
            all_day = accounts.number(accounts.day, account)
            found["network_accounts_24h"] = all_day
            usual = USUAL_ACCOUNTS[post.client.network_kind or "unknown"]
            found["network_accounts_vs_kind"] = math.log2(all_day / usual)
            kind = account_kind(post)
            new = accounts.number(accounts.new, account, is_one=kind == NEW)
            settled = accounts.number(accounts.settled, account, is_one=kind == SETTLED)
            if new + settled:
                found["network_new_account_share_24h"] = new / (new + settled)
    if address and reading.own_known(DAY_MS) and whole_day:
        found["network_account_addresses_24h"] = len({*own.addresses, address} - {0})
    if device and whole_day:
        accounts = reading.members(state.devices, device)
        found["network_device_accounts_24h"] = accounts.number(accounts.day, account)
    return found
