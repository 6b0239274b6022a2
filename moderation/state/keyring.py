"""Keyed hashes of addresses and devices: the same one always meets itself, and nobody without the key meets it.

Source: keyed BLAKE2b, RFC 7693; `person` keeps addresses and devices apart.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass

from moderation.errors import SettingsError

HASH_BYTES = 16


@dataclass(frozen=True)
class Keyring:
    """One current key, and the one before while both are live. Each hash names its key."""

    key_id: str
    _key: bytes
    previous: Keyring | None = None

    @classmethod
    def from_secrets(cls, current: tuple[str, bytes], previous: tuple[str, bytes] | None) -> Keyring:
        """Hash with `current`; while `previous` is live too, windows are kept under both.

        Keep the previous key for 25 hours after a change: until then it is the one whose windows are whole. Raises
        SettingsError for keys that cannot be told apart.
        """
        for key_id in (current[0], previous[0] if previous is not None else "-"):
            if not key_id or ":" in key_id:
                raise SettingsError(f"the address_key_id {key_id!r} must not be empty or hold a colon; name it anew")
        if previous is None:
            return cls(*current)
        if previous[0] == current[0]:
            raise SettingsError(f"both address keys are called {current[0]}; give the new one another address_key_id")
        return cls(*current, previous=cls(*previous))

    @property
    def live(self) -> tuple[Keyring, ...]:
        """Each live key by itself, the current one first."""
        return (self,) if self.previous is None else (self, self.previous)

    @property
    def known_key_ids(self) -> frozenset[str]:
        """Names of the live keys."""
        return frozenset(key.key_id for key in self.live)

    def hash_address(self, ip: str) -> str:
        """Hash of the person-sized unit of an address: an IPv4 address itself, the /64 of an IPv6 one.

        An IPv4 address mapped into IPv6 counts as the IPv4 address. Source for the /64: Li & Freeman, IMC 2020.
        Raises ValueError for what is no address.
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
        key = self._key if len(self._key) <= hashlib.blake2b.MAX_KEY_SIZE else hashlib.sha512(self._key).digest()
        digest = hashlib.blake2b(value, digest_size=HASH_BYTES, key=key, person=kind)
        return f"{self.key_id}:{digest.hexdigest()}"
