"""Determines which addresses identify a connection, and the client address in a chain of proxies."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network
MAX_HOPS = 64

# The special-purpose address registries of IANA: addresses in these ranges have many users or none.
_IPV4 = {
    "unspecified": ["0.0.0.0/8"],
    "private": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
    "loopback": ["127.0.0.0/8"],
    "link_local": ["169.254.0.0/16"],
    "documentation": ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"],
    "benchmarking": ["198.18.0.0/15"],
    "multicast": ["224.0.0.0/4"],
    "reserved": ["192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4"],
}
_IPV6 = {
    "unspecified": ["::/128"],
    "loopback": ["::1/128"],
    "nat64": ["64:ff9b::/96", "64:ff9b:1::/48"],
    "teredo": ["2001::/32"],
    "benchmarking": ["2001:2::/48"],
    "documentation": ["2001:db8::/32", "3fff::/20"],
    "private": ["fc00::/7"],
    "link_local": ["fe80::/10"],
    "multicast": ["ff00::/8"],
    "reserved": ["2001:10::/28", "2001:20::/28"],
}
_CARRIER_NAT = ip_network("100.64.0.0/10")
_GLOBAL_UNICAST = ip_network("2000::/3")


class _Ranges:
    """Looks up the reason for an address by bisection."""

    def __init__(self, table: dict[str, list[str]]) -> None:
        networks = [(ip_network(text), reason) for reason, texts in table.items() for text in texts]
        ordered = sorted((int(n.network_address), int(n.broadcast_address), reason) for n, reason in networks)
        self._firsts = [first for first, _, _ in ordered]
        self._ordered = ordered

    def reason(self, number: int) -> str | None:
        place = bisect_right(self._firsts, number) - 1
        if place < 0:
            return None
        _, last, reason = self._ordered[place]
        return reason if number <= last else None


_RANGES_4, _RANGES_6 = _Ranges(_IPV4), _Ranges(_IPV6)


@dataclass(frozen=True)
class ClientAddress:
    """The address of a client: *text* if it identifies a connection, else None with the *reason*."""

    text: str | None
    reason: str | None = None
    carrier_nat: bool = False


def parse_address(value: Any) -> IPAddress:
    """Return an address, IPv4-mapped ones as IPv4, without port and zone. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("an address is text")
    return _parsed(value)


@lru_cache(maxsize=65_536)
def _parsed(value: str) -> IPAddress:
    text = value.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1 and "." in text:
        text = text.partition(":")[0]
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def why_impersonal(address: IPAddress) -> str | None:
    """Return why an address does not identify a connection, such as `private` or `nat64`; None where it does."""
    if isinstance(address, IPv4Address):
        return _RANGES_4.reason(int(address))
    return _RANGES_6.reason(int(address)) or (None if address in _GLOBAL_UNICAST else "reserved")


def client_address(peer: Any, forwarded_for: Any, trusted: Sequence[IPNetwork]) -> ClientAddress:
    """Return the client address from the peer of the connection and the `X-Forwarded-For` chain.

    Each proxy appends the address of its peer, so that the chain is read from right to left, *peer* first: the first
    address that is not a trusted proxy is the client. Entries to the left of it are not verified. Raises ValueError
    where an entry that must be read is not an address.
    """
    if forwarded_for is None and not trusted and peer is not None:
        return _classified(parse_address(peer))
    chain = [*_entries(forwarded_for), *([] if peer is None else [peer])]
    for entry in reversed(chain[-MAX_HOPS:]):
        address = parse_address(entry)
        if not any(address in network for network in trusted):
            return _classified(address)
    return ClientAddress(None, "trusted_proxy" if chain else None)


@lru_cache(maxsize=65_536)
def _classified(address: IPAddress) -> ClientAddress:
    reason = why_impersonal(address)
    if reason is not None:
        return ClientAddress(None, reason)
    return ClientAddress(str(address), carrier_nat=address in _CARRIER_NAT)


def _entries(forwarded_for: Any) -> list[Any]:
    if forwarded_for is None:
        return []
    parts = forwarded_for if isinstance(forwarded_for, list) else [forwarded_for]
    entries: list[Any] = []
    for part in parts:
        entries += [entry.strip() for entry in part.split(",")] if isinstance(part, str) else [part]
    return [entry for entry in entries if entry != ""]
