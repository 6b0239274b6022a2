"""What the state costs: `python -m tests.bench.state`.

Cost per post by the size of an address and of an account; then a state of many accounts with posts and follows: memory,
the longest stall of the loop for a save, and the time of a restart. `--accounts 1000000` is the size of the goals.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from moderation.effects import Partition
from moderation.features.extractor import FeatureExtractor
from moderation.process_memory import suit_a_large_state
from moderation.state import Coverage, Keyring, PlatformState, PostSeen
from moderation.state.working_set import MOST_KEYS
from tests.bench.figures_file import measured_into
from tests.bench.processor import processor
from tests.bench.stored_state import follows_of, stored_platform
from tests.unit.features.builders import at, post

DAY_MS = 86_400_000
START_MS = int(at(0).timestamp() * 1000) // DAY_MS * DAY_MS
POSITIONS = {Partition("c", "posts", "t", 0): 1}


def new_state() -> PlatformState:
    """Return an empty state."""
    keyring = Keyring.from_secrets(("k", b"k" * 32), None)
    return PlatformState(platform_id="bench", keyring=keyring, coverage=Coverage())


def shared_address(members: int, rng: random.Random, measured: int = 3000) -> float:
    """Return the mean microseconds of a post on an address that has this many accounts a day."""
    state, address = new_state(), rng.getrandbits(64)
    step = DAY_MS / members
    for number in range(members):
        account = rng.getrandbits(64)
        state.apply_post(PostSeen(START_MS + int(number * step), account, number + 1, 1, 2, (address, 0)))
    return _measured(state, address, START_MS + DAY_MS, max(int(step), 1), rng, measured)


def busy_account(posts: int, rng: random.Random, measured: int = 3000) -> float:
    """Return the mean microseconds of a post of an account that has this many posts a day."""
    state, step = new_state(), DAY_MS / posts
    for number in range(posts):
        state.apply_post(PostSeen(START_MS + int(number * step), 1, number + 1, 1, 2, (5, 0)))
    return _measured(state, 5, START_MS + DAY_MS, max(int(step), 1), rng, measured, account="a")


def _measured(
    state: PlatformState, address: int, begin_ms: int, step_ms: int, rng: random.Random, count: int, account: str = ""
) -> float:
    extractor = FeatureExtractor(state)
    some = []
    for number in range(count):
        name = account or f"b{rng.getrandbits(40)}"
        one = extractor.identify(post(f"q{number}", name, 0, ip="192.0.2.1"))
        seen = one.seen._replace(at_ms=begin_ms + number * step_ms, senders=(address, 0))
        if account:
            seen = seen._replace(account=1)
        some.append(type(one)(one.post, seen, one.sender))
    began = time.perf_counter()
    for one in some:
        extractor.seen_before(one)
        extractor.take(one)
    taken = time.perf_counter() - began
    state.close()
    return 1e6 * taken / count


def resident_mib() -> float:
    """Return the resident set of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def platform(accounts: int, posts: int, follows: int, rng: random.Random, directory: Path) -> dict[str, Any]:
    """Return the figures of a state of accounts with posts in a day and follows each."""
    before = resident_mib()
    state = new_state()
    state.keep_journal(directory)
    figures: dict[str, Any] = {"accounts": accounts, "posts": accounts * posts, "follows": accounts * follows}
    stalls = [_timed(lambda: state.save(POSITIONS))]
    began = time.perf_counter()
    for number, (at_ms, follower, followed) in enumerate(follows_of(accounts, follows, START_MS, rng)):
        state.apply_follow(_id(follower), _id(followed), at_ms, follows=True)
        if number % 100_000 == 0 and state.finish_saving():
            stalls.append(_timed(lambda: state.save(POSITIONS)))
    figures["follows_per_s"] = round(accounts * follows / (time.perf_counter() - began))
    figures["mib_of_follows"] = round(resident_mib() - before)
    began = time.perf_counter()
    for seen in _posts(accounts, posts):
        state.apply_post(seen)
        state.add_score(seen.account, seen.post, seen.at_ms, logit=-2.0, n_tokens=30)
        if seen.post % 50_000 == 0 and state.finish_saving():
            stalls.append(_timed(lambda: state.save(POSITIONS)))
    figures["posts_per_s"] = round(accounts * posts / (time.perf_counter() - began))
    gc.collect()
    figures["mib"] = round(resident_mib() - before)
    figures["bytes_per_account"] = round((resident_mib() - before) * 2**20 / accounts)
    state.finish_saving()
    stalls.append(_timed(lambda: state.save(POSITIONS)))
    state.finish_saving()
    figures["longest_stall_for_a_save_ms"] = round(1000 * max(stalls), 1)
    figures["saves"] = len(stalls)
    figures["mib_on_disk"] = round(sum(file.stat().st_size for file in directory.iterdir()) / 2**20)
    state.close()
    again = new_state()
    figures["restart_s"] = round(_timed(lambda: again.restore(directory)), 1)
    again.close()
    return figures


def _id(number: int) -> int:
    return number * 0x9E3779B97F4A7C15 % 2**64 or 1


def _posts(accounts: int, posts: int) -> Iterator[PostSeen]:
    """Yield posts over a day: most accounts on an address of their own, a tenth on shared ones."""
    step = DAY_MS / (accounts * posts)
    for number in range(accounts * posts):
        account = number % accounts
        address = account if account % 10 else account % 1000
        yield PostSeen(
            START_MS + int(number * step), _id(account), _id(number + 7), 1, 2, (_id(address + 3), _id(account + 5))
        )


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def stored(arguments: argparse.Namespace, rng: random.Random) -> dict[str, Any]:
    """Return the figures of a state on disk or on Redis."""
    accounts, posts = arguments.accounts, arguments.posts
    follows = follows_of(accounts, arguments.follows, START_MS, rng)
    sizes = {"accounts": accounts, "posts": accounts * posts, "follows": accounts * arguments.follows}
    with tempfile.TemporaryDirectory() as folder:
        some = ((at_ms, _id(follower), _id(followed)) for at_ms, follower, followed in follows)
        return sizes | stored_platform(arguments.backend, _posts(accounts, posts), some, arguments.keys, Path(folder))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--posts", type=int, default=3, help="posts of an account in a day")
    parser.add_argument("--follows", type=int, default=5, help="follows of an account")
    parser.add_argument("--largest", type=int, default=1_000_000, help="accounts on the largest address")
    parser.add_argument("--backend", choices=["memory", "disk", "redis"], default="memory", help="state.backend")
    parser.add_argument("--keys", type=int, default=MOST_KEYS, help="state.cached_keys of disk and redis")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    report = measured_into(arguments.out, lambda: measure(arguments))
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return all figures."""
    suit_a_large_state()
    rng = random.Random(1)
    sizes = [size for size in (10, 1_000, 10_000, 100_000, 1_000_000) if size <= arguments.largest]
    figures: dict[str, Any] = {"processor": processor()}
    if arguments.backend != "memory":
        return figures | {"backend": arguments.backend, "state": stored(arguments, rng)}
    with tempfile.TemporaryDirectory() as folder:
        figures["state"] = platform(arguments.accounts, arguments.posts, arguments.follows, rng, Path(folder))
    figures["us_per_post_by_accounts_on_the_address"] = {size: round(shared_address(size, rng), 1) for size in sizes}
    busy = [size for size in sizes if size <= 100_000]
    figures["us_per_post_by_posts_of_the_account"] = {size: round(busy_account(size, rng), 1) for size in busy}
    return figures


if __name__ == "__main__":
    main()
