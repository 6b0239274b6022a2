"""Draws addresses and the number of accounts that share them.

Accounts per address are heavy-tailed: in a sample of 100 000 ad clicks an address had 2 events at the median, 6 at
90 %, 18 at 99 % and 83 at 99.9 %; carrier NAT puts hundreds of people on one IPv4 address (Li and Freeman, "Towards
a user-level understanding of IPv6 behavior", IMC 2020). No real user has such an address: IPv4 is in 11.0.0.0/8,
a network without public users, IPv6 in 3000::/8, which IANA has not allocated. Private and documentation ranges are
not used, because decoding treats them as missing.

Addresses of a provider share networks (a /24 or a /48), also those of accounts that have nothing in common: a new
address is in the network of another one of its kind with the probability in `_SAME_NETWORK`, so that the number of
addresses of a network has a heavy tail. Campaigns take addresses from the same networks as people.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from moderation.events import NetworkKind
from moderation.lab.simulation.account_plan import Place

_SAME_NETWORK: Mapping[NetworkKind, float] = {
    "residential": 0.6,
    "mobile": 0.85,
    "campus": 0.7,
    "vpn": 0.5,
    "hosting": 0.6,
}
_V6_SHARE = 0.3
_HOSTS = 250


class Network:
    """A /24, or a /48 with its /64, of which every address is returned once."""

    def __init__(self, number: int, kind: NetworkKind, *, v6: bool) -> None:
        self._number, self._kind, self._v6 = number, kind, v6
        self._taken = 0

    @property
    def full(self) -> bool:
        """Whether no address is left."""
        return self._taken >= _HOSTS

    def fresh(self, rng: np.random.Generator) -> Place:
        """Return the next address."""
        self._taken += 1
        if self._v6:
            host = int(rng.integers(1, 65535))
            return Place(f"3000:db8:{self._number:x}:{self._taken:x}::{host:x}", self._kind)
        return Place(f"11.{self._number >> 8}.{self._number & 255}.{self._taken}", self._kind)


class AddressBook:
    """Returns addresses that no account of the platform uses yet."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._networks = 0
        self._used: dict[str, list[Network]] = defaultdict(list)
        """The networks of each kind, each as often as it has addresses."""
        self._homes: list[tuple[Place, int]] = []

    def network(self, kind: NetworkKind) -> Network:
        """Return a new network: some are of IPv6."""
        self._networks += 1
        return Network(self._networks, kind, v6=bool(self._rng.random() < _V6_SHARE))

    def fresh(self, kind: NetworkKind) -> Place:
        """Return a new address, often in a network that has others."""
        used = self._used[kind]
        chosen = used[int(self._rng.integers(len(used)))] if used and self._rng.random() < _SAME_NETWORK[kind] else None
        if chosen is None or chosen.full:
            chosen = self.network(kind)
        used.append(chosen)
        return chosen.fresh(self._rng)

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

    def shared(self, kind: NetworkKind, accounts: int, low: int, high: int) -> list[Place]:
        """Return one address for each of *accounts*; accounts per address are log-uniform in [low, high]."""
        places: list[Place] = []
        while len(places) < accounts:
            size = int(np.exp(self._rng.uniform(np.log(low), np.log(high + 1))))
            places += [self.fresh(kind)] * max(1, size)
        return places[:accounts]

    def spread(self, kind: NetworkKind, accounts: int, low: int, high: int) -> list[Place]:
        """Return one address for each of *accounts*, which fill networks of [low, high] accounts, one to three on one.

        As in a dormitory, and on a network that a campaign rents.
        """
        places: list[Place] = []
        while len(places) < accounts:
            network, size = self.network(kind), int(self._rng.integers(low, high + 1))
            own: list[Place] = []
            while len(own) < size and not network.full:
                own += [network.fresh(self._rng)] * int(self._rng.integers(1, 4))
            places += own[:size]
        return places[:accounts]
