"""Network features: how many accounts share an address or a device, compared with the kind of network."""

from __future__ import annotations

import math
from dataclasses import dataclass

from moderation.events import Post
from moderation.features.window import DAY_MS, HOUR_MS, Reading, post_identity
from moderation.state import Keyring, WindowStore

NEW_ACCOUNT_DAYS = 7
USUAL_ACCOUNTS = {"residential": 3.0, "mobile": 200.0, "campus": 500.0, "vpn": 100.0, "hosting": 3.0, "unknown": 10.0}
"""Usual number of accounts per day on an address of this kind. A household has a few; carrier
NAT puts hundreds to thousands of people on one IPv4 address, a campus likewise. Orders of magnitude, not estimates."""


@dataclass(frozen=True)
class Sender:
    """Where a post came from, hashed under one key."""

    key_id: str
    address: str | None
    device: str | None

    @classmethod
    def of(cls, post: Post, key: Keyring) -> Sender:
        """Address and device of a post, as far as they were sent."""
        client = post.client
        if client is None:
            return cls(key.key_id, None, None)
        return cls(
            key.key_id,
            None if client.ip is None else key.hash_address(client.ip),
            None if client.device_id is None else key.hash_device(client.device_id),
        )


def observe_network(windows: WindowStore, post: Post, account_id: str, at_ms: int, sender: Sender) -> None:
    """Take a post's address and device into the windows."""
    address, device = sender.address, sender.device
    if address is not None:
        windows.add(f"address:{address}", account_id, at_ms)
        windows.add(f"address-posts:{address}", post_identity(account_id, post.post_id), at_ms)
        windows.add(f"addresses:{sender.key_id}:{account_id}", address, at_ms)
        age_days = _age_days(post)
        if age_days is not None:
            kind = "new" if age_days < NEW_ACCOUNT_DAYS else "settled"
            windows.add(f"address-{kind}:{address}", account_id, at_ms)
    if device is not None:
        windows.add(f"device:{device}", account_id, at_ms)


def network_features(reading: Reading, post: Post, sender: Sender) -> dict[str, float]:
    """Address and device features; empty where neither was sent."""
    account_id, address, device = post.account_id, sender.address, sender.device
    if post.client is None or account_id is None:
        return {}
    found: dict[str, float] = {}
    whole_day = reading.addresses_known(DAY_MS)
    if address is not None and reading.addresses_known(HOUR_MS):
        found["network_accounts_1h"] = reading.count(f"address:{address}", HOUR_MS, account_id)
        found["network_posts_1h"] = reading.count(
            f"address-posts:{address}", HOUR_MS, post_identity(account_id, post.post_id)
        )
    if address is not None and whole_day:
        accounts = reading.count(f"address:{address}", DAY_MS, account_id)
        usual = USUAL_ACCOUNTS[post.client.network_kind or "unknown"]
        found["network_accounts_24h"] = accounts
        found["network_accounts_vs_kind"] = math.log2(accounts / usual)
        new = reading.count(f"address-new:{address}", DAY_MS)
        settled = reading.count(f"address-settled:{address}", DAY_MS)
        if new + settled:
            found["network_new_account_share_24h"] = new / (new + settled)
        addresses = reading.count(f"addresses:{sender.key_id}:{account_id}", DAY_MS, address)
        found["network_account_addresses_24h"] = addresses
    if device is not None and whole_day:
        found["network_device_accounts_24h"] = reading.count(f"device:{device}", DAY_MS, account_id)
    return found


def _age_days(post: Post) -> float | None:
    if post.account is None or post.account.created_at is None or post.created_at is None:
        return None
    return (post.created_at - post.account.created_at).total_seconds() / 86_400
