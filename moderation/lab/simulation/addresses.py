"""Draws addresses and the number of accounts that share them.

Accounts per address are heavy-tailed: in a sample of 100 000 ad clicks an address had 2 events at the median, 6 at
90 %, 18 at 99 % and 83 at 99.9 %; carrier NAT puts hundreds of people on one IPv4 address (Li and Freeman, "Towards
a user-level understanding of IPv6 behavior", IMC 2020). No real user has such an address: IPv4 is in 11.0.0.0/8,
a network without public users, IPv6 in 3000::/8, which IANA has not allocated. Private and documentation ranges are
not used, because decoding treats them as missing.
"""

from __future__ import annotations

import numpy as np

from moderation.events import NetworkKind
from moderation.lab.simulation.account_plan import Place


class AddressBook:
    """Returns addresses that no account of the platform uses yet."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._taken = 0
        self._homes: list[tuple[Place, int]] = []

    def fresh(self, network: NetworkKind) -> Place:
        """Return a new address: IPv6 /64 for some homes and phones, else IPv4."""
        self._taken += 1
        number = self._taken
        if network in ("residential", "mobile") and self._rng.random() < 0.3:
            return Place(
                f"3000:db8:{number >> 16:x}:{number & 0xFFFF:x}::{int(self._rng.integers(1, 65535)):x}", network
            )
        return Place(f"11.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", network)

    def home(self) -> Place:
        """Return a residential address: usually a new one, sometimes one in use already (Zipf tail)."""
        if self._homes and self._rng.random() < 0.35:
            place, room = self._homes[int(self._rng.integers(len(self._homes)))]
            if room > 0:
                index = next(i for i, (known, _) in enumerate(self._homes) if known is place)
                self._homes[index] = (place, room - 1)
                return place
        place = self.fresh("residential")
        room = int(min(self._rng.zipf(2.3), 25))
        if len(self._homes) < 512:
            self._homes.append((place, room))
        else:
            self._homes[int(self._rng.integers(512))] = (place, room)
        return place

    def shared(self, network: NetworkKind, accounts: int, low: int, high: int) -> list[Place]:
        """Return one address for each of *accounts*; accounts per address are log-uniform in [low, high]."""
        places: list[Place] = []
        while len(places) < accounts:
            size = int(np.exp(self._rng.uniform(np.log(low), np.log(high + 1))))
            places += [self.fresh(network)] * max(1, size)
        return places[:accounts]
