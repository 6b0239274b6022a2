"""What the state keeps of each account: its posts of a day with their addresses, and its deletions."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moderation.state.active_keys import add_keys, keys_by_period
from moderation.state.coverage import DAY_MS, HOUR_MS
from moderation.state.ordered import first_at_least, group_ends, inserted

MOST_POSTS = 512
"""Posts kept of one account; its counts and the recognition of repeated posts end there."""


class AccountHistory:
    """The posts of each account in event-time order, one flat array per account.

    An entry has a time in milliseconds, a post, a text and one address per live key; 0 means none. An account without a
    post within `kept_ms` is dropped.
    """

    def __init__(self, keys: int, kept_ms: int, *, evicts: bool = True) -> None:
        """Without *evicts*, accounts stay until they are forgotten."""
        self._width = 3 + keys
        self._kept_ms = kept_ms
        self._evicts = evicts
        self._posts: dict[int, array[int]] = {}
        self._deletions: dict[int, array[int]] = {}
        self._active = keys_by_period()
        self._horizon_ms = 0

    def __len__(self) -> int:
        return len(self._posts)

    @property
    def entries(self) -> int:
        """The number of stored posts and deletions of all accounts."""
        deletions = sum(len(entries) // 2 for entries in self._deletions.values())
        return deletions + sum(len(entries) // self._width for entries in self._posts.values())

    def add_post(self, account: int, at_ms: int, post: int, text: int, addresses: Sequence[int]) -> None:
        """Add a post; the same one again has no effect."""
        if at_ms < self._horizon_ms:
            return
        self._note_new(account, at_ms)
        entry = array("Q", (at_ms, post, text, *addresses))
        entries = self._posts.get(account)
        self._posts[account] = entry if entries is None else _with(entries, entry, self._width)

    def add_deletion(self, account: int, at_ms: int, post: int) -> None:
        """Add a deletion; the same one again has no effect."""
        if at_ms < self._horizon_ms:
            return
        self._note_new(account, at_ms)
        entry = array("Q", (at_ms, post))
        entries = self._deletions.get(account)
        self._deletions[account] = entry if entries is None else _with(entries, entry, 2)

    def _note_new(self, account: int, at_ms: int) -> None:
        if self._evicts and account not in self._posts and account not in self._deletions:
            self._active[at_ms // HOUR_MS].append(account)

    def texts(self, account: int, post: int, at_ms: int) -> list[int]:
        """Return the texts of a post that were added within the day before a time."""
        entries, width = self._posts.get(account), self._width
        if entries is None:
            return []
        posts = entries[1::width]
        if post not in posts:
            return []
        places = (width * number for number, other in enumerate(posts) if other == post)
        return [entries[place + 2] for place in places if entries[place] > at_ms - DAY_MS]

    def window(self, account: int, at_ms: int, key: int) -> OwnPosts:
        """Return the posts of an account in the day up to a time; addresses are those under the key of this number."""
        entries, width = self._posts.get(account), self._width
        if entries is None:
            return OwnPosts(at_ms, array("Q"), array("Q"), array("Q"))
        times = entries[0::width]
        begin, end = bisect_right(times, at_ms - DAY_MS), bisect_right(times, at_ms)
        some = entries[width * begin : width * end]
        return OwnPosts(at_ms, times[begin:end], some[1::width], some[3 + key :: width])

    def deletions(self, account: int, at_ms: int) -> int:
        """Return the number of posts of an account that were deleted in the day up to a time."""
        entries = self._deletions.get(account)
        if entries is None:
            return 0
        begin, end = first_at_least(entries, 2, at_ms - DAY_MS + 1), first_at_least(entries, 2, at_ms + 1)
        return len(set(entries[2 * begin : 2 * end][1::2]))

    def evict(self, now_ms: int) -> None:
        """Drop accounts without a post or deletion in the kept time; earlier ones are ignored from now on."""
        self._horizon_ms = max(now_ms - self._kept_ms, 0)
        for hour in [hour for hour in self._active if (hour + 1) * HOUR_MS <= self._horizon_ms]:
            for account in self._active.pop(hour):
                posted_ms = self._trim(self._posts, account, self._width)
                deleted_ms = self._trim(self._deletions, account, 2)
                kept_ms = [at_ms for at_ms in (posted_ms, deleted_ms) if at_ms is not None]
                if kept_ms:
                    self._active[min(kept_ms) // HOUR_MS].append(account)

    def _trim(self, kept: dict[int, array[int]], account: int, width: int) -> int | None:
        """Drop entries that are too old; return the time of the oldest one that stays."""
        entries = kept.get(account)
        if entries is None:
            return None
        if entries[-width] < self._horizon_ms:
            del kept[account]
            return None
        if entries[0] < self._horizon_ms:
            del entries[: width * first_at_least(entries, width, self._horizon_ms)]
        return entries[0]

    def add_stored_posts(self, account: int, rows: array[int]) -> None:
        """Add posts that were stored, in order."""
        _add_stored(self._posts, account, rows, self._width)

    def add_stored_deletions(self, account: int, rows: array[int]) -> None:
        """Add deletions that were stored, in order."""
        _add_stored(self._deletions, account, rows, 2)

    def forget_posts(self, account: int) -> None:
        """Drop the posts of an account."""
        self._posts.pop(account, None)

    def forget_deletions(self, account: int) -> None:
        """Drop the deletions of an account."""
        self._deletions.pop(account, None)

    def load(self, accounts: NDArray[np.uint64], entries: NDArray[np.uint64]) -> None:
        """Add many posts to an empty history at once, without those that are too old; entries: shape (posts, width)."""
        order = np.lexsort((entries[:, 2], entries[:, 1], entries[:, 0], accounts))
        order = order[entries[order, 0].astype(np.int64) >= self._horizon_ms]
        if not len(order):
            return
        accounts, entries = accounts[order], entries[order]
        starts, ends = group_ends(accounts)
        names, raw, size = accounts[starts], entries.tobytes(), 8 * self._width
        for account, start, end in zip(names.data, starts.data, ends.data, strict=True):
            self._posts[account] = array("Q", raw[size * max(start, end - MOST_POSTS) : size * end])
        add_keys(self._active, entries[starts, 0] // np.uint64(HOUR_MS), names)


class OwnPosts:
    """Posts of one account in the day up to a time: times in ascending order, posts and addresses beside them."""

    __slots__ = ("_at_ms", "_times", "addresses", "posts")

    def __init__(self, at_ms: int, times: array[int], posts: array[int], addresses: array[int]) -> None:
        self._at_ms = at_ms
        self._times = times
        self.posts = posts
        self.addresses = addresses

    def in_day(self) -> int:
        """Return the number of posts of the day; a revised post counts once."""
        return len(set(self.posts))

    def in_hour(self) -> int:
        """Return the number of posts of the last hour; a revised post counts once."""
        return len(set(self.posts[bisect_left(self._times, self._at_ms - HOUR_MS + 1) :]))

    def first_times(self, most: int) -> list[int]:
        """Return the first times of the last *most* posts, ascending, among twice as many times."""
        first: dict[int, int] = {}
        for at_ms, post in zip(self._times[-2 * most :], self.posts[-2 * most :], strict=True):
            first.setdefault(post, at_ms)
        return list(first.values())[-most:]


def _add_stored(kept: dict[int, array[int]], account: int, rows: array[int], width: int) -> None:
    entries = kept.get(account)
    if entries is None:
        kept[account] = rows[-width * MOST_POSTS :]
        return
    for place in range(0, len(rows), width):
        entries = _with(entries, rows[place : place + width], width)
    kept[account] = entries


def _with(entries: array[int], entry: array[int], width: int) -> array[int]:
    """Return entries with another one in order, unless it is there; the oldest is dropped beyond the limit."""
    place = len(entries)
    while place and entries[place - width] > entry[0]:
        place -= width
    near = place
    while near and entries[near - width] == entry[0]:
        near -= width
        if entries[near : near + width] == entry:
            return entries
    entries = inserted(entries, place, entry)
    if len(entries) > width * MOST_POSTS:
        del entries[:width]
    return entries
