"""Faults of the processes, networks, disks and clocks of a deployment, each undone before it returns."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.site import Member, Site

LONGEST_S = 4.0
"""How long a server is frozen or away: longer than a lease, shorter than the watchdog."""
SLOWEST_S = 0.3
"""Longest delay of each piece of a message on a slow network."""
LARGEST_STEP_S = 7200.0
KILLED_MEANWHILE = 0.3
"""Share of the faults of others during which a sidecar is killed too, so that it starts while they last."""


@dataclass(frozen=True)
class Fault:
    """A fault with its name in the log."""

    name: str
    happen: Callable[[Site, random.Random], None]


def _pause(site: Site, draw: random.Random) -> None:
    """Wait while the fault lasts; sidecars that end, or are killed, are started again meanwhile."""
    lasts, kill_at = draw.uniform(0.2, LONGEST_S), draw.uniform(0.1, LONGEST_S)
    victim = _member(site, draw) if draw.random() < KILLED_MEANWHILE else None
    began = time.monotonic()
    while (waited := time.monotonic() - began) < lasts:
        if victim is not None and waited > min(kill_at, lasts / 2):
            victim.signal(signal.SIGKILL)
            victim = None
        site.keep_running()
        time.sleep(0.1)


def _member(site: Site, draw: random.Random) -> Member:
    return draw.choice(site.members)


def kill_sidecar(site: Site, draw: random.Random) -> None:
    """SIGKILL."""
    _member(site, draw).signal(signal.SIGKILL)


def end_sidecar(site: Site, draw: random.Random) -> None:
    """SIGTERM, after which it saves its state and leaves its place to others."""
    _member(site, draw).signal(signal.SIGTERM)


def freeze_sidecar(site: Site, draw: random.Random) -> None:
    """SIGSTOP, perhaps for longer than its lease."""
    member = _member(site, draw)
    member.signal(signal.SIGSTOP)
    time.sleep(draw.uniform(0.2, LONGEST_S))
    member.signal(signal.SIGCONT)


def reload_models(site: Site, draw: random.Random) -> None:
    """SIGHUP: the risk models are loaded again between two batches, or after the start."""
    _member(site, draw).signal(signal.SIGHUP)


def kill_broker(site: Site, draw: random.Random) -> None:
    """SIGKILL, and a new start on the same log."""
    site.servers.broker.process.kill()
    _pause(site, draw)
    site.servers.broker.restart()


def freeze_broker(site: Site, draw: random.Random) -> None:
    """SIGSTOP: connections stay open and nothing answers."""
    site.servers.broker.process.freeze()
    _pause(site, draw)
    site.servers.broker.process.thaw()


def kill_database(site: Site, draw: random.Random) -> None:
    """SIGKILL of PostgreSQL, which recovers from its log at the new start."""
    site.servers.database.process.kill()
    _pause(site, draw)
    site.servers.database.restart()


def freeze_database(site: Site, draw: random.Random) -> None:
    """SIGSTOP of PostgreSQL's main process: no new connection is accepted."""
    site.servers.database.process.freeze()
    _pause(site, draw)
    site.servers.database.process.thaw()


def kill_pooler(site: Site, draw: random.Random) -> None:
    """SIGKILL of PgBouncer."""
    site.servers.pooler.process.kill()
    _pause(site, draw)
    site.servers.pooler.restart()


def kill_redis(site: Site, draw: random.Random) -> None:
    """SIGKILL: Redis is empty afterwards."""
    site.servers.redis.process.kill()
    _pause(site, draw)
    site.servers.redis.restart()


def freeze_redis(site: Site, draw: random.Random) -> None:
    """SIGSTOP of Redis."""
    site.servers.redis.process.freeze()
    _pause(site, draw)
    site.servers.redis.process.thaw()


def slow_network(server: str) -> Fault:
    """Each piece of a message to or from a server is late."""

    def happen(site: Site, draw: random.Random) -> None:
        site.servers.proxies[server].delay_s = draw.uniform(0.02, SLOWEST_S)
        _pause(site, draw)
        site.servers.proxies[server].mend()

    return Fault(f"slow network to {server}", happen)


def silent_network(server: str) -> Fault:
    """Connections stay open and no byte passes."""

    def happen(site: Site, draw: random.Random) -> None:
        site.servers.proxies[server].silent = True
        _pause(site, draw)
        site.servers.proxies[server].mend()

    return Fault(f"silent network to {server}", happen)


def cut_network(server: str) -> Fault:
    """Connections are reset, and no new ones are accepted."""

    def happen(site: Site, draw: random.Random) -> None:
        site.servers.proxies[server].cut()
        _pause(site, draw)
        site.servers.proxies[server].mend()

    return Fault(f"cut network to {server}", happen)


def full_disk(site: Site, draw: random.Random) -> None:
    """The disk of the state directory of a sidecar is full."""
    disk = _member(site, draw).disk
    disk.fill()
    _pause(site, draw)
    disk.empty()


def step_clock(site: Site, draw: random.Random) -> None:
    """The wall clock of a sidecar steps forward or back, and back to the right time later."""
    member = _member(site, draw)
    member.step_clock(draw.uniform(-LARGEST_STEP_S, LARGEST_STEP_S))
    _pause(site, draw)
    member.step_clock(0)


def _named(*functions: Callable[[Site, random.Random], None]) -> tuple[Fault, ...]:
    return tuple(Fault(function.__name__.replace("_", " "), function) for function in functions)


EVERYWHERE = _named(
    *(kill_sidecar, end_sidecar, freeze_sidecar, reload_models, step_clock),
    *(kill_broker, freeze_broker, kill_database, freeze_database),
)
WITH_REDIS = _named(kill_redis, freeze_redis)


def faults(site: Site) -> tuple[Fault, ...]:
    """The faults that can happen to a site."""
    with_redis = site.deployment.backend == "redis"
    servers = ("broker", "database", *(("redis",) if with_redis else ()))
    networks = tuple(kind(server) for server in servers for kind in (slow_network, silent_network, cut_network))
    disks = _named(full_disk) if all(member.disk.mounted for member in site.members) else ()
    pooler = _named(kill_pooler) if site.deployment.pooled else ()
    return EVERYWHERE + networks + disks + pooler + (WITH_REDIS if with_redis else ())
