"""Keyed hashes of addresses and devices: equal inputs have equal hashes, which cannot be computed without the key.

Source: keyed BLAKE2b, RFC 7693; `person` separates addresses and devices.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from functools import lru_cache

from moderation.errors import SettingsError

HASH_BYTES = 16
FINGERPRINT_DIGITS = 8


@dataclass(frozen=True)
class Keyring:
    """The current key, and the previous one while both are live. Each hash contains its key id."""

    key_id: str
    _key: bytes
    previous: Keyring | None = None

    @classmethod
    def from_secrets(cls, current: tuple[str, bytes], previous: tuple[str, bytes] | None) -> Keyring:
        """Return a keyring that hashes with `current`; while `previous` is live, windows are kept for both.

        Keep the previous key for 25 hours after a change, because its windows are complete until then. Raises
        SettingsError for keys with the same id.
        """
        for key_id in (current[0], previous[0] if previous is not None else "-"):
            if not key_id or ":" in key_id:
                raise SettingsError(f"address_key_id must be non-empty text without a colon, got {key_id!r}")
        if previous is None:
            return cls(*current)
        if previous[0] == current[0]:
            raise SettingsError(f"both address keys have the id {current[0]}; give the new one another address_key_id")
        return cls(*current, previous=cls(*previous))

    @property
    def live(self) -> tuple[Keyring, ...]:
        """Return each live key as a separate keyring, the current one first."""
        return (self,) if self.previous is None else (self, self.previous)

    @property
    def known_key_ids(self) -> frozenset[str]:
        """Ids of the live keys."""
        return frozenset(key.key_id for key in self.live)

    @property
    def fingerprint(self) -> str:
        """The key id with a short hash, which is another one when the secret under this id changes."""
        return self._hash(b"key", b"fingerprint")[: len(self.key_id) + 1 + FINGERPRINT_DIGITS]

    def hash_address(self, ip: str) -> str:
        """Return the hash of an IPv4 address, or of the /64 of an IPv6 address.

        An IPv4-mapped address is hashed as IPv4. Source for the /64: Li & Freeman, IMC 2020. Raises ValueError for
        text that is not an address.
        """
        return self._hash(*_network(ip))

    def hash_device(self, device_id: str) -> str:
        """Return the hash of a device id."""
        return self._hash(b"dev", device_id.encode("utf-8", "surrogatepass"))

    def item_number(self, kind: bytes, value: str) -> int:
        """Return a keyed hash of 64 bits of something that several posts can have, such as a link; never 0."""
        return int.from_bytes(self._digest(kind, value.encode("utf-8", "surrogatepass")).digest()[:8], "big") or 1

    def _hash(self, kind: bytes, value: bytes) -> str:
        return f"{self.key_id}:{self._digest(kind, value).hexdigest()}"

    def _digest(self, kind: bytes, value: bytes) -> hashlib.blake2b:
        key = self._key if len(self._key) <= hashlib.blake2b.MAX_KEY_SIZE else hashlib.sha512(self._key).digest()
        return hashlib.blake2b(value, digest_size=HASH_BYTES, key=key, person=kind)


@lru_cache(maxsize=65_536)
def _network(ip: str) -> tuple[bytes, bytes]:
    """Return kind and bytes of the network that counts as one place. Raises ValueError for no address."""
    address = ipaddress.ip_address(ip)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return b"ip4", address.ipv4_mapped.packed
        return b"ip6", address.packed[:8]
    return b"ip4", address.packed
