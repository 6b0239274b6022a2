"""What the state keeps by key: account histories, shared windows and the watchlist, in memory or in a backend."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from moderation.effects import Partition
from moderation.state.account_history import AccountHistory
from moderation.state.backend import DEGRADED, WATERMARK, RowKind, StateBackend, as_marks, positions_in
from moderation.state.community_votes import VOTES_KEPT_MS, CommunityVotes
from moderation.state.coverage import HOUR_MS, KEPT_MS, MINUTE_MS, Coverage
from moderation.state.keyring import Keyring
from moderation.state.members import HOUR_MINUTES
from moderation.state.partners import PARTNERS_KEPT_MS, PartnerHistory
from moderation.state.score_history import SCORES_KEPT_MS, ScoreHistory
from moderation.state.shared_windows import SHIFT, SharedWindows
from moderation.state.watchlist import WATCHED_MS, Watchlist
from moderation.state.working_set import Container, WorkingSet

log = logging.getLogger(__name__)

KEPT_MINUTES = KEPT_MS // MINUTE_MS
HOURLY_MS = 2 * HOUR_MS
SCORES_KNOWN = "scores-known:"
"""Mark of each kind of scores: the event time from which they are complete; 0: all are."""
FORMAT = 3
"""Version of the rows in a backend."""


class PostSeen(NamedTuple):
    """A post as the state keeps it: numbers of its account, identity, text, and per live key of address and device."""

    at_ms: int
    account: int
    post: int
    text: int
    age: int
    """Kind of account: of unknown age, new or settled."""
    senders: tuple[int, ...]
    """Address and device under each live key, 0 where not sent."""
    community: int = 0
    texts: tuple[int, ...] = ()
    """Keys of the text, of which a nearly equal text has one too."""
    links: tuple[int, ...] = ()
    names: tuple[int, ...] = ()
    """Its mentions and hashtags."""

    @property
    def items(self) -> tuple[int, ...]:
        """What other posts can have too."""
        return (*self.texts, *self.links, *self.names)


class Storage(NamedTuple):
    """The backend of a state, and how many keys of each kind stay in memory."""

    backend: StateBackend
    most_keys: int


class Keyed:
    """The containers of everything that is kept by key."""

    def __init__(self, keys: int, *, evicts: bool) -> None:
        self.accounts = AccountHistory(keys, KEPT_MS, evicts=evicts)
        self.addresses = SharedWindows(KEPT_MINUTES, evicts=evicts)
        """Accounts by address."""
        self.address_posts = SharedWindows(HOURLY_MS // MINUTE_MS, HOUR_MINUTES, evicts=evicts)
        """Posts by address, for windows of an hour."""
        self.devices = SharedWindows(KEPT_MINUTES, evicts=evicts)
        """Accounts by device."""
        self.items = SharedWindows(HOURLY_MS // MINUTE_MS, HOUR_MINUTES, evicts=evicts)
        """Accounts by what they posted: a text, link, mention or hashtag."""
        self.partners = PartnerHistory(evicts=evicts)
        self.watchlist = Watchlist(evicts=evicts)
        self.scores = ScoreHistory(evicts=evicts)
        """Scores of the texts of each account."""
        self.votes = CommunityVotes(evicts=evicts)
        """Sampled scores of the texts of each community."""

    def containers(self, keys: int, scored_with: str) -> list[Container]:
        """Return the containers with their kinds of rows; another kind of value by key is another line here."""
        accounts, watchlist, scores, votes = self.accounts, self.watchlist, self.scores, self.votes
        return [
            Container(
                RowKind("posts", 3 + keys, KEPT_MS, shared=False), accounts.add_stored_posts, accounts.forget_posts
            ),
            Container(
                RowKind("deletions", 2, KEPT_MS, shared=False), accounts.add_stored_deletions, accounts.forget_deletions
            ),
            Container(RowKind("watched", 1, WATCHED_MS, shared=False), watchlist.add_stored, watchlist.forget),
            Container(
                RowKind(f"scores-{scored_with}", 2, SCORES_KEPT_MS, shared=False), scores.add_stored, scores.forget
            ),
            Container(RowKind(f"votes-{scored_with}", 2, VOTES_KEPT_MS, shared=True), votes.add_stored, votes.forget),
            _windows("addresses", KEPT_MS, self.addresses),
            _windows("address_posts", HOURLY_MS, self.address_posts),
            _windows("devices", KEPT_MS, self.devices),
            _windows("items", HOURLY_MS, self.items),
            Container(
                RowKind("partners", 2, PARTNERS_KEPT_MS, shared=False),
                self.partners.add_stored,
                self.partners.forget,
            ),
        ]


def _windows(name: str, kept_ms: int, windows: SharedWindows) -> Container:
    return Container(RowKind(name, 2, kept_ms, shared=True), windows.add_stored, windows.forget)


class StoredKeyed:
    """Reads and writes the containers in a backend, once per batch."""

    def __init__(self, keyed: Keyed, storage: Storage, keyring: Keyring, names: tuple[str, str]) -> None:
        """*names* are those of the platform, and of what the scores were made with."""
        platform_id, scored_with = names
        self._scores, self._votes = f"scores-{scored_with}", f"votes-{scored_with}"
        containers = keyed.containers(len(keyring.live), scored_with)
        self._scores_known_ms = 0
        self._keyed = keyed
        self.backend = storage.backend
        self.working = WorkingSet(storage.backend, containers, storage.most_keys)
        identity = " ".join([str(FORMAT), platform_id, *(key.fingerprint for key in keyring.live)])
        storage.backend.open([container.kind for container in containers], identity)

    def load(self, posts: Iterable[PostSeen], deletions: Iterable[tuple[int, int]], *, watched: bool) -> None:
        """Load what is stored for posts, and for deletions of an account at a time."""
        own: set[tuple[int, int]] = set()
        addresses: set[tuple[int, int]] = set()
        devices: set[tuple[int, int]] = set()
        communities: set[tuple[int, int]] = set()
        items: set[tuple[int, int]] = set()
        for seen in posts:
            at_ms = seen.at_ms
            own.add((seen.account, at_ms))
            communities.add((seen.community, at_ms))
            items.update((item, at_ms) for item in seen.items)
            addresses.update((address, at_ms) for address in seen.senders[0::2] if address)
            devices.update((device, at_ms) for device in seen.senders[1::2] if device)
        wanted = {
            "posts": own,
            "deletions": own | set(deletions),
            self._scores: own,
            self._votes: communities,
            "addresses": addresses,
            "address_posts": addresses,
            "devices": devices,
            "items": items,
            "partners": own,
        }
        self.working.load({**wanted, "watched": own} if watched else wanted)

    def add_post(self, seen: PostSeen) -> None:
        """Record a post that was added to the containers."""
        at_ms, account, post, text, age, senders = seen[:6]
        minute, keyed = at_ms // MINUTE_MS, self._keyed
        self.working.add("posts", account, at_ms, (at_ms, post, text, *senders[0::2]))
        for address in senders[0::2]:
            if address:
                self._add_member("addresses", keyed.addresses.shift(address), address, at_ms, (minute, age, account))
                self._add_member("address_posts", keyed.address_posts.shift(address), address, at_ms, (minute, 0, post))
        for device in senders[1::2]:
            if device:
                self._add_member("devices", keyed.devices.shift(device), device, at_ms, (minute, 0, account))
        for item in seen.items:
            self._add_member("items", keyed.items.shift(item), item, at_ms, (minute, age, account))

    def add_score(self, account: int, at_ms: int, word: int, post: int) -> None:
        """Record a score that was added to the containers."""
        self.working.add(self._scores, account, at_ms, (word, post))

    def add_partner(self, account: int, at_ms: int, occasion: int, other: int) -> None:
        """Record an occasion that was added to the containers."""
        self.working.add("partners", account, at_ms, (occasion, other))

    def add_vote(self, community: int, at_ms: int, word: int, account: int) -> None:
        """Record a score that was added to those of a community."""
        self.working.add(self._votes, community, at_ms, (word, account))

    def _add_member(self, name: str, shift: int, key: int, at_ms: int, entry: tuple[int, int, int]) -> None:
        """Record a member, unless the sample of a large key lacks it; the shift is stored with it."""
        minute, kind, member = entry
        if member & ((1 << shift) - 1):
            return
        if self.working.add(name, key, at_ms, (minute << 2 | kind, member)) and shift:
            self.working.add(name, key, at_ms, (minute << 2 | SHIFT, shift))

    def write(
        self, positions: Mapping[Partition, int] | None, coverage: Coverage, others: Mapping[str, int] | None = None
    ) -> None:
        """Write what was added since the last call, with the positions that it stands for and other marks.

        Without positions no mark is written, so that the next start reads the same events again.
        """
        if positions is None:
            self.working.write({})
            return
        marks = {**as_marks(positions), **(others or {}), SCORES_KNOWN + self._scores: self._scores_known_ms}
        if coverage.watermark_ms is not None:
            marks[WATERMARK] = coverage.watermark_ms
        if coverage.degraded_since_ms is not None:
            marks[DEGRADED] = coverage.degraded_since_ms
        self.working.write(marks)

    def positions(self) -> dict[Partition, int]:
        """Return the positions in the backend."""
        self.working.load({})
        return positions_in(self.working.marks)

    @property
    def last_ms(self) -> int | None:
        """The latest event time of what is in the backend."""
        return self.working.marks.get(WATERMARK)

    def scores_known_from_ms(self) -> int | None:
        """Return from when on no score is missing, by the marks of the last read; None where all are there.

        After a change of the detector or the scoring policy, also of one back, this is the time of the last event.
        """
        own, marks = SCORES_KNOWN + self._scores, self.working.marks
        others = [at for name, at in marks.items() if name.startswith(SCORES_KNOWN) and name != own]
        known_ms = marks.get(own, 0 if not marks else -1)
        if known_ms <= max(others, default=-1):
            log.warning(
                "the scores in %s are of another detector or scoring policy and are not used; evidence begins again",
                self.backend.describe(),
            )
            known_ms = max(self.last_ms or 0, 1 + max(others, default=0))
        self._scores_known_ms = known_ms
        return known_ms or None

    def follow(self, coverage: Coverage) -> None:
        """Take over from the marks of the last read what is missing, and how far events were read."""
        marks = self.working.marks
        if self.backend.several:
            coverage.others_ms = self.last_ms
        if DEGRADED in marks:
            coverage.degraded_since_ms = max(marks[DEGRADED], coverage.degraded_since_ms or 0)
