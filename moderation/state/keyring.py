"""Keyed hashes of addresses and devices: the same one always meets itself, and nobody without the key meets it."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass

from moderation.errors import SettingsError

HASH_BYTES = 16


@dataclass(frozen=True)
class Keyring:
    """One current key, and the one before while both are live. Each hash names its key."""

    key_id: str
    _key: bytes
    previous_key_ids: tuple[str, ...] = ()

    @classmethod
    def from_secrets(cls, current: tuple[str, bytes], previous: tuple[str, bytes] | None) -> Keyring:
        """Hash with `current`; state that was hashed with `previous` is still accepted. Raises SettingsError."""
        if previous is not None and previous[0] == current[0]:
            raise SettingsError(f"both address keys are called {current[0]}; give the new one another address_key_id")
        return cls(current[0], current[1], () if previous is None else (previous[0],))

    @property
    def known_key_ids(self) -> frozenset[str]:
        """Names of the live keys."""
        return frozenset((self.key_id, *self.previous_key_ids))

    def hash_address(self, ip: str) -> str:
        """Hash of the person-sized unit of an address: an IPv4 address itself, the /64 of an IPv6 one.

        An IPv4 address mapped into IPv6 counts as the IPv4 address. Source for the /64: Li & Freeman, IMC 2020.
        """
        address = ipaddress.ip_address(ip)
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is not None:
                return self._hash(b"ip4", address.ipv4_mapped.packed)
            return self._hash(b"ip6", address.packed[:8])
        return self._hash(b"ip4", address.packed)

    def hash_device(self, device_id: str) -> str:
        """Hash of a device id."""
        return self._hash(b"dev", device_id.encode("utf-8", "surrogatepass"))

    def _hash(self, kind: bytes, value: bytes) -> str:
        digest = hmac.digest(self._key, kind + b"\x00" + value, hashlib.sha256)
        return f"{self.key_id}:{digest[:HASH_BYTES].hex()}"
