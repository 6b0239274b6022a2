"""The complete state between posts: account histories, shared windows, follow graph, clock and gaps."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.effects import Partition
from moderation.state.coverage import MINUTE_MS, Coverage
from moderation.state.epochs import GraphEpochs
from moderation.state.follows import FollowGraph
from moderation.state.journal import MANIFEST, Changes, Journal, read_graphs, read_journal, read_rows
from moderation.state.journal_files import unusable
from moderation.state.keyed import Keyed, PostSeen, Storage, StoredKeyed
from moderation.state.keyring import Keyring
from moderation.state.saved_rows import KINDS, POST_FIELDS, WIDTHS, kept_from_ms
from moderation.state.score_history import SCORES_KEPT_MS, packed, packed_post

log = logging.getLogger(__name__)

GRAPH_EPOCH_S = 86_400
"""Default length of an epoch of the follow graph, as in the training of risk models."""
MAX_EDGES = 20_000_000
MOST_UNSAVED_BYTES = 256 << 20
"""Changes that are kept in memory while they cannot be written; then an earlier saved state stays the last one."""


class PlatformState:
    """Everything that is remembered between the posts of one platform, as of the latest event.

    What is kept by key is in memory and in the journal, or in a backend with the keys of recent batches in memory. The
    follow graph is in memory and in the journal.
    """

    def __init__(
        self,
        *,
        platform_id: str,
        keyring: Keyring,
        graph_epoch_s: int = GRAPH_EPOCH_S,
        max_edges: int = MAX_EDGES,
        coverage: Coverage | None = None,
        scored_with: str = "",
    ) -> None:
        self.platform_id = platform_id
        self.scored_with = scored_with
        """The detector and the scoring policy of the scores that are kept; others are dropped."""
        self.scores_known_from_ms: int | None = None
        self.keyring = keyring
        self.graph_epoch_s = graph_epoch_s
        self.coverage = coverage or Coverage()
        self.stored: StoredKeyed | None = None
        self._take_containers(Keyed(len(keyring.live), evicts=True))
        self.follows = FollowGraph(max_edges)
        self.epochs = GraphEpochs(self.follows, graph_epoch_s * 1000)
        self._evicted_minute = -1
        self._key_started_ms: dict[str, int | None] = {key.fingerprint: None for key in keyring.live}
        """Since when windows are kept under each key, by fingerprint: another secret of the same id is another key."""
        self.address_key = 0
        """Number of the live key whose windows are read, the one with the longest ones."""
        self._journal: Journal | None = None
        self._rows: dict[str, array[int]] = {kind: array("Q") for kind in KINDS}
        self._saved_epoch = -1

    def keep_in(self, storage: Storage) -> PlatformState:
        """Keep what is kept by key in a backend, from the beginning of a state on; return the state."""
        keyed = Keyed(len(self.keyring.live), evicts=False)
        self._take_containers(keyed)
        self.stored = StoredKeyed(keyed, storage, self.keyring, (self.platform_id, self.scored_with))
        return self

    def _take_containers(self, keyed: Keyed) -> None:
        self.accounts, self.watchlist = keyed.accounts, keyed.watchlist
        self.scores, self.votes = keyed.scores, keyed.votes
        self.items, self.partners = keyed.items, keyed.partners
        self.addresses, self.address_posts, self.devices = keyed.addresses, keyed.address_posts, keyed.devices

    def advance(self, at_ms: int) -> None:
        """Advance the clock to the time of an event, before the event is applied.

        The epochs have a clock of their own: after a restart the graph is behind what a backend has, and an epoch must
        not close before the follows that are applied again.
        """
        self.epochs.advance(at_ms)
        if not self.coverage.advance(at_ms):
            return
        minute = at_ms // MINUTE_MS
        if minute != self._evicted_minute:
            self._evict(at_ms, minute)

    def _evict(self, at_ms: int, minute: int) -> None:
        self._evicted_minute = minute
        self.follows.evict(at_ms)
        for windows in (self.addresses, self.address_posts, self.devices, self.items):
            windows.evict(minute)
        self.accounts.evict(at_ms)

    def forget_scores(self) -> None:
        """Drop scores and watched accounts that are too old; between batches, because a batch can span any time."""
        if self.coverage.watermark_ms is not None:
            for kept in (self.watchlist, self.scores, self.votes, self.partners):
                kept.evict(self.coverage.watermark_ms)

    def apply_post(self, seen: PostSeen) -> None:
        """Apply a post; the same post and text at the same time again has no effect."""
        self.advance(seen.at_ms)
        self._take_post(seen)
        if self.stored is not None:
            self.stored.add_post(seen)
        elif self._journal is not None:
            self._rows["posts"].extend((seen.at_ms, seen.account, seen.post, seen.text, seen.age, *seen.senders))
            for item in seen.items:
                self._rows["items"].extend((seen.at_ms, item, seen.age, seen.account))

    def _take_post(self, seen: PostSeen) -> None:
        at_ms, account, post, text, age, senders = seen[:6]
        minute = at_ms // MINUTE_MS
        self.accounts.add_post(account, at_ms, post, text, senders[0::2])
        for address in senders[0::2]:
            if address:
                self.addresses.add(address, minute, age, account)
                self.address_posts.add(address, minute, 0, post)
        for device in senders[1::2]:
            if device:
                self.devices.add(device, minute, 0, account)
        for item in seen.items:
            self.items.add(item, minute, age, account)

    def apply_deletion(self, account: int, post: int, at_ms: int) -> None:
        """Apply the deletion of a post."""
        self.advance(at_ms)
        self.accounts.add_deletion(account, at_ms, post)
        if self.stored is not None:
            self.stored.working.add("deletions", account, at_ms, (at_ms, post))
        elif self._journal is not None:
            self._rows["deletions"].extend((at_ms, account, post))

    def apply_follow(self, follower: int, followed: int, at_ms: int, *, follows: bool) -> None:
        """Apply a follow or unfollow."""
        self.advance(at_ms)
        self._take_follow(follower, followed, at_ms, follows=follows)
        if self._journal is not None:
            self._rows["follows"].extend((at_ms << 1 | follows, follower, followed))

    def _take_follow(self, follower: int, followed: int, at_ms: int, *, follows: bool) -> None:
        effect = self.follows.apply(follower, followed, at_ms, follows=follows)
        if effect is not None:
            self.epochs.note(follower, followed, at_ms, follows=follows, effect=effect)

    def watch(self, account: int, at_ms: int) -> None:
        """Have the posts of an account scored for `WATCHED_MS` from a time."""
        self.watchlist.watch(account, at_ms)
        if self.stored is not None:
            self.stored.working.add("watched", account, at_ms, (at_ms,))
        elif self._journal is not None:
            self._rows["watched"].extend((at_ms, account))

    def add_score(
        self, account: int, post: int, at_ms: int, *, logit: float, n_tokens: int, excess: float = 0.0
    ) -> None:
        """Add the detector's score of a post, with the excess of its community; the same one again has no effect."""
        word, post = packed(at_ms, logit, n_tokens), packed_post(post, excess)
        self.scores.add(account, word, post)
        if self.stored is not None:
            self.stored.add_score(account, at_ms, word, post)
        elif self._journal is not None:
            self._rows["scores"].extend((word, account, post))

    def add_partner(self, account: int, at_ms: int, occasion: int, other: int) -> None:
        """Add an occasion on which an account posted the same as another one; the same again has no effect."""
        if not self.partners.add(account, occasion, other):
            return
        if self.stored is not None:
            self.stored.add_partner(account, at_ms, occasion, other)
        elif self._journal is not None:
            self._rows["partners"].extend((occasion, account, other))

    def add_vote(self, community: int, account: int, at_ms: int, *, logit: float, n_tokens: int) -> None:
        """Add the detector's score of a text to those of its community, where the sample takes it."""
        word = packed(at_ms, logit, n_tokens)
        if not self.votes.add(community, account, word):
            return
        if self.stored is not None:
            self.stored.add_vote(community, at_ms, word, account)
        elif self._journal is not None:
            self._rows["votes"].extend((word, community, account))

    @property
    def graph_lost(self) -> bool:
        """Whether follows are missing, lost with the log or beyond the limit; then no graph feature has a value."""
        return self.coverage.follows_lost or self.follows.refused > 0

    def mark_degraded(self, since_ms: int | None, *, graph_lost: bool) -> None:
        """Mark events before this time as unknown; with `graph_lost`, follow events are among them."""
        self.coverage.degraded_since_ms = since_ms
        self.coverage.follows_lost = self.coverage.follows_lost or graph_lost

    @property
    def address_key_started_ms(self) -> int | None:
        """Since when windows are kept under the key that is read; None: since the beginning."""
        return list(self._key_started_ms.values())[self.address_key]

    def keep_journal(self, directory: Path) -> None:
        """Record changes for `save` from now on; a state that was restored already does."""
        if self._journal is None:
            self._journal = Journal.beginning(directory)

    def save(self, positions: Mapping[Partition, int]) -> None:
        """Begin to save the changes since the last save, with the positions that they stand for.

        Without effect without a journal, and while a save is in progress.
        """
        if self._journal is None or self._journal.busy:
            return
        if self._journal.unsaved_bytes > MOST_UNSAVED_BYTES:
            log.error("the state in %s is no longer saved: restart when it can be written", self._journal.directory)
            self._journal, self._rows = None, {kind: array("Q") for kind in KINDS}
            return
        self._use_written_graphs()
        coverage, watermark_ms = self.coverage, self.coverage.watermark_ms or 0
        graphs = self.epochs.dump() if self.epochs.computed_epoch > self._saved_epoch else None
        self._saved_epoch = self.epochs.computed_epoch if graphs is None else graphs.base_epoch
        rows, self._rows = self._rows, {kind: array("Q") for kind in self._rows}
        fields = {
            "platform_id": self.platform_id,
            "stored": self.stored is not None,
            "graph_epoch_s": self.graph_epoch_s,
            "scored_with": self.scored_with,
            "scores_known_from_ms": self.scores_known_from_ms,
            "key_started_ms": self._key_started_ms,
            "watermark_ms": coverage.watermark_ms,
            "late_events": coverage.late_events,
            "degraded_since_ms": coverage.degraded_since_ms,
            "follows_lost": coverage.follows_lost,
            "follows_refused": self.follows.refused,
            "first_follow_ms": self.follows.first_ms,
            "positions": [[*vars(partition).values(), offset] for partition, offset in positions.items()],
        }
        numbers = {kind: np.frombuffer(row, dtype=np.uint64) for kind, row in rows.items()}
        self._journal.save(Changes(numbers, watermark_ms, fields, graphs, kept_from_ms(watermark_ms)))

    def finish_saving(self) -> bool:
        """Wait for the save in progress; return whether everything is on disk."""
        if self._journal is None:
            return True
        self._journal.wait()
        self._use_written_graphs()
        return self._journal.saved

    def _use_written_graphs(self) -> None:
        """Let graphs that were saved be read from their files, so that they take no memory of the process."""
        graphs = None if self._journal is None else self._journal.take_written_graphs()
        if graphs is not None:
            self.epochs.use(*graphs)

    def close(self) -> None:
        """Stop background work and close the backend."""
        self.finish_saving()
        self.epochs.close()
        self.follows.close()
        if self.stored is not None:
            self.stored.backend.close()

    def restore(self, directory: Path) -> dict[Partition, int]:
        """Apply a saved state to this empty one and return its positions.

        Raises InputError when it is damaged, of another version or platform, or hashed with a key that is not live.
        """
        journal, saved = read_journal(directory)
        self._check(directory, saved)
        graphs = read_graphs(journal)
        if graphs is not None:
            self._saved_epoch = graphs[0]
            self.epochs.load(*graphs, saved["first_follow_ms"])
        for word, follower, followed in read_rows(journal, "follows", 3).tolist():
            self._take_follow(follower, followed, word >> 1, follows=bool(word & 1))
        coverage = self.coverage
        if saved["watermark_ms"] is not None and self.stored is None:
            self.advance(saved["watermark_ms"])
        elif saved["watermark_ms"] is not None:  # the backend can be behind, whose events are not late for that
            self.epochs.advance(saved["watermark_ms"])
        if self.stored is None:  # after the clock, so that rows that are too old are left out
            self._restore_keyed(journal, saved)
        coverage.late_events, coverage.degraded_since_ms = saved["late_events"], saved["degraded_since_ms"]
        coverage.follows_lost, self.follows.refused = saved["follows_lost"], saved["follows_refused"]
        if self.stored is None:
            self._resume_keys(saved["key_started_ms"])
        self._journal = journal
        return {Partition(*names): offset for *names, offset in saved["positions"]}

    def resume_stored(self) -> None:
        """Continue with the clock of what the backend has, after its positions were read.

        Where several sidecars share it, own partitions can be behind what was read before: only the clock of the others
        stays.
        """
        if self.stored is not None:
            if self.stored.backend.several:
                self.coverage.watermark_ms = None
            self.stored.follow(self.coverage)
            self.scores_known_from_ms = self.stored.scores_known_from_ms()
            if self.stored.last_ms is not None and not self.stored.backend.several:
                self.coverage.advance(self.stored.last_ms)

    def _check(self, directory: Path, saved: Mapping[str, Any]) -> None:
        if saved["platform_id"] != self.platform_id:
            raise unusable(directory, f"it belongs to the platform {saved['platform_id']!r}")
        if saved["stored"] != (self.stored is not None):
            raise unusable(directory, "it was written with another state.backend")
        if saved["graph_epoch_s"] != self.graph_epoch_s:
            raise unusable(directory, f"its graph epochs last {saved['graph_epoch_s']} s")
        if self.stored is None and self._key_started_ms.keys().isdisjoint(saved["key_started_ms"]):
            names = ", ".join(sorted({fingerprint.partition(":")[0] for fingerprint in saved["key_started_ms"]}))
            raise unusable(
                directory,
                f"its addresses were hashed with the key {names}, and no live key has this id and secret (set the old "
                "secret as previous_address_key; a new secret needs another address_key_id)",
            )

    def _restore_keyed(self, journal: Journal, saved: Mapping[str, Any]) -> None:
        self._restore_posts(journal, list(saved["key_started_ms"]))
        rows = {kind: read_rows(journal, kind, WIDTHS[kind]) for kind in ("deletions", "items", "partners", "watched")}
        for at_ms, account, post in rows["deletions"].tolist():
            self.accounts.add_deletion(account, at_ms, post)
        at_ms_of, items, ages, accounts = rows["items"].T
        self.items.load(items, at_ms_of // np.uint64(MINUTE_MS), ages, accounts)
        for occasion, account, other in rows["partners"].tolist():
            self.partners.add(account, occasion, other)
        for at_ms, account in rows["watched"].tolist():
            self.watch(account, at_ms)
        self._restore_scores(journal, saved)

    def _restore_scores(self, journal: Journal, saved: Mapping[str, Any]) -> None:
        if saved["scored_with"] != self.scored_with:
            log.warning(
                "the scores in %s are of another detector or scoring policy and are dropped; evidence begins again",
                journal.directory,
            )
            journal.segments = [part for part in journal.segments if part.kind not in ("scores", "votes")]
            self.scores_known_from_ms = saved["watermark_ms"]
            return
        self.scores_known_from_ms = saved["scores_known_from_ms"]
        self.scores.load(read_rows(journal, "scores", 3))
        for word, community, account in read_rows(journal, "votes", 3).tolist():
            self.votes.add(community, account, word)

    def scores_known(self, at_ms: int) -> bool:
        """Return whether no score of the 14 days up to a time was lost."""
        known_from_ms = self.scores_known_from_ms
        begun = known_from_ms is None or at_ms - SCORES_KEPT_MS >= known_from_ms
        return begun and self.coverage.history_known(at_ms, SCORES_KEPT_MS)

    def _restore_posts(self, journal: Journal, saved_keys: Sequence[str]) -> None:
        rows = read_rows(journal, "posts", POST_FIELDS + 2 * len(saved_keys))
        columns: list[NDArray[np.uint64]] = []
        for fingerprint in self._key_started_ms:
            if fingerprint in saved_keys:
                first = POST_FIELDS + 2 * saved_keys.index(fingerprint)
                columns.append(rows[:, first : first + 2])
            else:
                columns.append(np.zeros((len(rows), 2), np.uint64))
        rows = np.concatenate([rows[:, :POST_FIELDS], *columns], axis=1)
        if list(self._key_started_ms) != list(saved_keys):
            journal.segments = [part for part in journal.segments if part.kind != "posts"]
            self._rows["posts"].frombytes(rows.tobytes())
        at_ms, account, post, text, age = rows[:, :POST_FIELDS].T
        addresses, devices, none = rows[:, POST_FIELDS::2], rows[:, POST_FIELDS + 1 :: 2], np.zeros_like(age)
        minute = at_ms // np.uint64(MINUTE_MS)
        self.accounts.load(account, np.column_stack([at_ms, post, text, addresses]))
        keys = addresses.shape[1]
        columns = [minute, age, none, account, post]
        many, ages, nones, accounts, posts = columns if keys == 1 else (np.tile(one, keys) for one in columns)
        self.addresses.load(addresses.T.ravel(), many, ages, accounts)
        self.address_posts.load(addresses.T.ravel(), many, nones, posts)
        self.devices.load(devices.T.ravel(), many, nones, accounts)

    def _resume_keys(self, started_ms: Mapping[str, int | None]) -> None:
        """Continue with the keys of a saved state; live keys that it lacks begin now."""
        live, now_ms = list(self._key_started_ms), self.coverage.watermark_ms
        self._key_started_ms = {key: started_ms.get(key, now_ms) for key in live}
        known = [number for number, key in enumerate(live) if key in started_ms]
        self.address_key = min(known, key=lambda number: self._key_started_ms[live[number]] or 0)


def has_saved(directory: Path | None) -> bool:
    """Return whether a directory has a saved state."""
    return directory is not None and (directory / MANIFEST).exists()
