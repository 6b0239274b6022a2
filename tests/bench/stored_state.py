"""What a state on disk or on Redis costs: called by `python -m tests.bench.state --backend disk` or `redis`."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import redis

from connectors.state_disk import DiskState
from connectors.state_redis import RedisState
from moderation.effects import Partition
from moderation.state import Coverage, Keyring, PlatformState, PostSeen, Storage
from moderation.state.backend import StateBackend
from tests.services.redis import RedisServer

BATCH = 1000
FOLLOWED_FOR_MS = 30 * 86_400_000
POSITIONS = {Partition("c", "posts", "t", 0): 1}


def resident(kind: str) -> int:
    """Return MiB of this process: RssAnon is its own memory, RssFile pages of files that the system may take back."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) // 1024
    raise ValueError(f"/proc/self/status has no {kind}")


@contextmanager
def storage(kind: str, directory: Path) -> Iterator[Any]:
    """Yield a function that opens the backend, and one that returns the MiB that it takes."""
    if kind == "disk":
        yield (
            lambda: DiskState(directory),
            lambda: sum(file.stat().st_blocks * 512 for file in directory.rglob("*") if file.is_file()) // 2**20,
        )
        return
    server = RedisServer()
    client = redis.Redis.from_url(server.url)
    try:
        yield lambda: RedisState(server.url, "bench"), lambda: int(client.info("memory")["used_memory"]) // 2**20
    finally:
        client.close()
        server.close()


def opened(backend: StateBackend, keys: int) -> PlatformState:
    """Return a state on a backend."""
    keyring = Keyring.from_secrets(("k", b"k" * 32), None)
    return PlatformState(platform_id="bench", keyring=keyring, coverage=Coverage()).keep_in(Storage(backend, keys))


def stored_platform(
    kind: str, posts: Iterator[PostSeen], follows: Iterator[tuple[int, int, int]], keys: int, directory: Path
) -> dict[str, Any]:
    """Return the figures of posts in batches, and of follows, which are in memory and in the journal."""
    with storage(kind, directory) as (open_backend, size):
        before, state = resident("RssAnon"), opened(open_backend(), keys)
        state.keep_journal(directory / "graph")
        for at_ms, follower, followed in follows:
            state.apply_follow(follower, followed, at_ms, follows=True)
        state.save(POSITIONS)
        state.finish_saving()
        figures: dict[str, Any] = {"mib_of_follows": resident("RssAnon") - before}
        times = [_batch(state, some) for some in iter(lambda: list(islice(posts, BATCH)), [])]
        count = BATCH * len(times)
        gc.collect()
        state.save(POSITIONS)
        state.finish_saving()
        figures |= {
            "posts_per_s": round(count / sum(times)),
            "ms_per_batch": round(1000 * sum(times) / len(times), 1),
            "longest_batch_ms": round(1000 * max(times)),
            "mib": resident("RssAnon") - before,
            "mib_of_file_pages": resident("RssFile"),
            "mib_in_the_backend": size(),
        }
        state.close()
        began = time.perf_counter()
        again = opened(open_backend(), keys)
        assert again.stored is not None
        again.stored.positions()
        again.resume_stored()
        figures["restart_s_of_the_backend"] = round(time.perf_counter() - began, 2)
        again.restore(directory / "graph")
        figures["restart_s"] = round(time.perf_counter() - began, 1)
        again.close()
        return figures


def _batch(state: PlatformState, posts: list[PostSeen]) -> float:
    """Return the seconds that a batch takes to load, to apply and to write."""
    stored = state.stored
    assert stored is not None
    began = time.perf_counter()
    stored.load(posts, [], watched=False)
    for seen in posts:
        state.apply_post(seen)
    stored.write(POSITIONS, state.coverage)
    return time.perf_counter() - began


def follows_of(accounts: int, each: int, end_ms: int, rng: random.Random) -> Iterator[tuple[int, int, int]]:
    """Yield follows between accounts, by their numbers, over the month before a time."""
    step_ms = FOLLOWED_FOR_MS / (accounts * each)
    for number in range(accounts * each):
        at_ms = end_ms - FOLLOWED_FOR_MS + int(number * step_ms)
        yield at_ms, number % accounts, rng.randrange(accounts)
