"""Faults of the processes of a deployment, each undone before it returns."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.site import Site

LONGEST_S = 4.0
"""How long a server is frozen or away: longer than a lease, shorter than the watchdog."""


@dataclass(frozen=True)
class Fault:
    """A fault with its name in the log."""

    name: str
    happen: Callable[[Site, random.Random], None]


def _pause(draw: random.Random) -> None:
    time.sleep(draw.uniform(0.2, LONGEST_S))


def kill_sidecar(site: Site, draw: random.Random) -> None:
    """SIGKILL."""
    site.sidecar.kill()
    site.sidecar.wait()


def freeze_sidecar(site: Site, draw: random.Random) -> None:
    """SIGSTOP, perhaps for longer than its lease."""
    site.freeze_sidecar()
    _pause(draw)
    site.thaw_sidecar()


def kill_broker(site: Site, draw: random.Random) -> None:
    """SIGKILL, and a new start on the same log."""
    site.broker.process.kill()
    _pause(draw)
    site.broker.restart()


def freeze_broker(site: Site, draw: random.Random) -> None:
    """SIGSTOP: connections stay open and nothing answers."""
    site.broker.process.freeze()
    _pause(draw)
    site.broker.process.thaw()


def kill_database(site: Site, draw: random.Random) -> None:
    """SIGKILL of PostgreSQL, which recovers from its log at the new start."""
    site.database.process.kill()
    _pause(draw)
    site.database.restart()


def freeze_database(site: Site, draw: random.Random) -> None:
    """SIGSTOP of PostgreSQL's main process: no new connection is accepted."""
    site.database.process.freeze()
    _pause(draw)
    site.database.process.thaw()


def kill_redis(site: Site, draw: random.Random) -> None:
    """SIGKILL: Redis is empty afterwards."""
    site.redis.process.kill()
    _pause(draw)
    site.redis.restart()


def freeze_redis(site: Site, draw: random.Random) -> None:
    """SIGSTOP of Redis."""
    site.redis.process.freeze()
    _pause(draw)
    site.redis.process.thaw()


EVERYWHERE = tuple(
    Fault(function.__name__.replace("_", " "), function)
    for function in (kill_sidecar, freeze_sidecar, kill_broker, freeze_broker, kill_database, freeze_database)
)
WITH_REDIS = tuple(Fault(function.__name__.replace("_", " "), function) for function in (kill_redis, freeze_redis))


def faults(backend: str) -> tuple[Fault, ...]:
    """The faults that can happen with a backend of the state."""
    return EVERYWHERE + (WITH_REDIS if backend == "redis" else ())
