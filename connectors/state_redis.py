"""The state in Redis or Valkey, which several sidecars share.

The rows of a place are one string, to which sidecars append; a reader continues after the bytes that it has read. A row
that is appended twice is removed by the reader. Strings expire when no window reaches them any more. Marks are the
members of one sorted set, whose scores only grow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.exceptions import AuthenticationError, RedisError

from moderation.errors import ConnectionLost, SettingsError
from moderation.state.backend import Marks, Place, RowKind

TIMEOUT_S = 10.0
SLACK_S = 10 * 3600
"""Rows stay this long after the last window that reads them, and marks after the last write. A sidecar that starts
later finds no marks, and rebuilds the state from the log."""
MOST_KNOWN = 200_000
"""Places that are known to expire; beyond these their expiry is set again."""


class RedisState:
    """`moderation.state.backend.StateBackend` on one Redis or Valkey server."""

    several = True

    def __init__(self, url: str, pipeline: str) -> None:
        try:
            self._client: Any = redis.Redis.from_url(
                url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, health_check_interval=30
            )
        except ValueError as error:
            raise SettingsError(f"state.redis_url is not a URL of a Redis server: {error}") from None
        self._server = urlsplit(url).netloc.rpartition("@")[2]
        self._pipeline = pipeline
        self._prefix = ""
        self._marks = ""
        self._kinds: dict[str, RowKind] = {}
        self._expiring: set[Place] = set()

    def open(self, kinds: Sequence[RowKind], identity: str) -> None:
        """Connect. Raises ConnectionLost, or SettingsError where the server would evict rows."""
        self._kinds = {kind.name: kind for kind in kinds}
        # The part in braces keeps all keys on one node of a cluster.
        name = hashlib.sha256(identity.encode()).hexdigest()[:8]
        self._prefix = f"moderation:{{{self._pipeline}}}:{name}:"
        self._marks = f"{self._prefix}marks"
        with self._at_edge():
            policy = self._client.info("memory").get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            raise SettingsError(
                f"the Redis server at {self._server} evicts keys when its memory is full (maxmemory-policy {policy}), "
                "which would make windows too small; set maxmemory-policy noeviction"
            )

    def read(self, places: Sequence[tuple[Place, int]]) -> tuple[list[bytes], Marks]:
        """Return the rows of each place beyond a number of bytes, and all marks."""
        asked = self._client.pipeline(transaction=False)
        asked.zrange(self._marks, 0, -1, withscores=True)
        for place, size in places:
            asked.getrange(self._key(place), size, -1)
        with self._at_edge():
            marks, *found = asked.execute()
        return found, {name.decode(): int(value) for name, value in marks}

    def write(self, rows: Mapping[Place, bytes], marks: Marks) -> list[int]:
        """Append rows, then raise the marks; return the sizes of the strings."""
        if len(self._expiring) > MOST_KNOWN:
            self._expiring.clear()
        asked, fresh = self._client.pipeline(transaction=False), set(rows) - self._expiring
        for place, raw in rows.items():
            asked.append(self._key(place), raw)
        for place in fresh:
            asked.expire(self._key(place), 2 * self._kinds[place.kind].kept_ms // 1000 + SLACK_S)
        if marks:
            asked.zadd(self._marks, dict(marks), gt=True)
            asked.expire(self._marks, SLACK_S)
        with self._at_edge():
            done = asked.execute()
        self._expiring |= fresh
        return [int(size) for size in done[: len(rows)]]

    def _key(self, place: Place) -> str:
        return f"{self._prefix}{place.kind}:{place.bucket}:{place.key:x}"

    def clear(self) -> None:
        """Remove all rows and marks of this pipeline."""
        with self._at_edge():
            for key in self._client.scan_iter(f"{self._prefix}*", count=1000):
                self._client.unlink(key)
        self._expiring.clear()

    def describe(self) -> str:
        """Return where the state is."""
        return f"the state on the Redis server {self._server}, keys {self._prefix}*"

    def close(self) -> None:
        """Close the connections. Safe to call twice."""
        self._client.close()

    @contextmanager
    def _at_edge(self) -> Iterator[None]:
        try:
            yield
        except AuthenticationError as error:
            raise SettingsError(
                f"the Redis server at {self._server} refuses the sign-in of state.redis_url: {error}"
            ) from None
        except RedisError as error:
            raise ConnectionLost(f"the Redis server at {self._server} does not answer: {error}") from None
