"""How many share an address or a device, and whether that is unusual for such a network."""

from __future__ import annotations

import math

from moderation.events import Post
from moderation.features.window import DAY_MS, HOUR_MS, Reading
from moderation.state import PlatformState

NEW_ACCOUNT_DAYS = 7
USUAL_ACCOUNTS = {"residential": 3.0, "mobile": 200.0, "campus": 500.0, "vpn": 100.0, "hosting": 3.0, "unknown": 10.0}
"""Accounts a day that an address of this kind leads to without anything being wrong. A household has a few; carrier
NAT puts hundreds to thousands of people on one IPv4 address, a campus likewise. Orders of magnitude, not estimates."""


def observe_network(state: PlatformState, post: Post, account_id: str, at_ms: int) -> None:
    """Take a post's address and device into the windows, hashed."""
    client = post.client
    if client is None:
        return
    if client.ip is not None:
        address = state.keyring.hash_address(client.ip)
        state.windows.add(f"address:{address}", account_id, at_ms)
        state.windows.add(f"address-posts:{address}", post.post_id, at_ms)
        state.windows.add(f"addresses:{account_id}", address, at_ms)
        age_days = _age_days(post)
        if age_days is not None:
            kind = "new" if age_days < NEW_ACCOUNT_DAYS else "settled"
            state.windows.add(f"address-{kind}:{address}", account_id, at_ms)
    if client.device_id is not None:
        state.windows.add(f"device:{state.keyring.hash_device(client.device_id)}", account_id, at_ms)


def network_features(reading: Reading, post: Post) -> dict[str, float]:
    """Address and device features; empty where neither was sent."""
    client = post.client
    if client is None or post.account_id is None:
        return {}
    keyring = reading.state.keyring
    found: dict[str, float] = {}
    own = {post.account_id}
    if client.ip is not None:
        address = keyring.hash_address(client.ip)
        if reading.known(HOUR_MS):
            found["network_accounts_1h"] = len(reading.members(f"address:{address}", HOUR_MS) | own)
            found["network_posts_1h"] = len(reading.members(f"address-posts:{address}", HOUR_MS) | {post.post_id})
        if reading.known(DAY_MS):
            accounts = len(reading.members(f"address:{address}", DAY_MS) | own)
            usual = USUAL_ACCOUNTS[client.network_kind or "unknown"]
            found["network_accounts_24h"] = accounts
            found["network_accounts_vs_kind"] = math.log2(accounts / usual)
            new = len(reading.members(f"address-new:{address}", DAY_MS))
            settled = len(reading.members(f"address-settled:{address}", DAY_MS))
            if new + settled:
                found["network_new_account_share_24h"] = new / (new + settled)
            addresses = reading.members(f"addresses:{post.account_id}", DAY_MS) | {address}
            found["network_account_addresses_24h"] = len(addresses)
    if client.device_id is not None and reading.known(DAY_MS):
        device = keyring.hash_device(client.device_id)
        found["network_device_accounts_24h"] = len(reading.members(f"device:{device}", DAY_MS) | own)
    return found


def _age_days(post: Post) -> float | None:
    if post.account is None or post.account.created_at is None or post.created_at is None:
        return None
    return (post.created_at - post.account.created_at).total_seconds() / 86_400
