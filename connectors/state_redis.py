"""The state in Redis or Valkey, which several sidecars share.

The rows of a place are one string, to which sidecars append; a reader continues after the bytes that it has read. A row
that is appended twice is removed by the reader. Strings expire when no window reaches them any more. Marks are the
members of one sorted set, whose scores only grow.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from moderation.errors import ConnectionLost, PositionError, SettingsError
from moderation.state.backend import Marks, Place, RowKind

TIMEOUT_S = 10.0
SLACK_S = 10 * 3600
"""Rows stay this long after the last window that reads them, and marks after the last write. A sidecar that starts
later finds no marks, and rebuilds the state from the log."""
OF_ONE_ACCOUNT = frozenset({"posts", "deletions", "watched"})
"""Kinds whose rows name no account beside that of their key."""
LARGEST_MARK = 2**53
LEAST_VERSION = (6, 2)
"""The first version with ZADD GT."""
PASSING = ("OOM", "READONLY", "LOADING", "MISCONF", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS")
"""Errors of a server that can end without a change of the settings; in a script they are within its message."""

READ = """
local names, sizes, parts = cjson.decode(ARGV[2]), {}, {}
for i = 1, #names, 2 do
  local part = redis.call('GETRANGE', ARGV[1] .. names[i], names[i + 1], -1)
  parts[#parts + 1] = part
  sizes[#sizes + 1] = #part
end
return {redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'), cjson.encode(sizes), table.concat(parts)}
"""
"""One script instead of a command for each place, which costs the client more than twice as much."""
WRITE = """
local names, marks, begin, sizes = cjson.decode(ARGV[2]), cjson.decode(ARGV[4]), 1, {}
local least = cjson.decode(ARGV[6])
for i = 1, #least, 2 do
  if tonumber(redis.call('ZSCORE', KEYS[1], least[i + 1]) or -1) < tonumber(least[i]) then return false end
end
if #marks > 0 then
  redis.call('ZADD', KEYS[1], 'XX', 'GT', 0, '')
  redis.call('EXPIRE', KEYS[1], ARGV[5])
end
for i = 1, #names, 3 do
  local key = ARGV[1] .. names[i]
  sizes[#sizes + 1] = redis.call('APPEND', key, string.sub(ARGV[3], begin, begin + names[i + 1] - 1))
  begin = begin + names[i + 1]
  redis.call('EXPIRE', key, names[i + 2])
end
for i = 1, #marks, 2 do redis.call('ZADD', KEYS[1], 'GT', marks[i], marks[i + 1]) end
if #marks > 0 then redis.call('EXPIRE', KEYS[1], ARGV[5]) end
return cjson.encode(sizes)
"""
"""The first ZADD and EXPIRE change no mark: they fail where marks cannot be written, before rows are appended."""


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
        self._encrypted = urlsplit(url).scheme == "rediss"
        self._pipeline = pipeline
        self._prefix = ""
        self._marks = ""
        self._kinds: dict[str, RowKind] = {}
        self._read, self._write = self._client.register_script(READ), self._client.register_script(WRITE)

    def open(self, kinds: Sequence[RowKind], identity: str) -> None:
        """Connect. Raises ConnectionLost, or SettingsError where the server cannot be used."""
        self._kinds = {kind.name: kind for kind in kinds}
        # The part in braces keeps all keys on one node of a cluster.
        name = hashlib.sha256(identity.encode()).hexdigest()[:8]
        self._prefix = f"moderation:{{{self._pipeline}}}:{name}:"
        self._marks = f"{self._prefix}marks"
        self.check()

    def check(self) -> str:
        """Return what the server uses. Raises ConnectionLost, or SettingsError where it cannot be used."""
        with self._at_edge():
            memory, version = self._client.info("memory"), str(self._client.info("server")["redis_version"])
        if tuple(int(part) for part in version.split(".")[:2]) < LEAST_VERSION:
            raise SettingsError(
                f"the Redis server at {self._server} has version {version}; state.redis_url needs Redis 6.2 or newer"
            )
        policy = memory.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            raise SettingsError(
                f"the Redis server at {self._server} evicts keys when its memory is full (maxmemory-policy {policy}), "
                "which would make windows too small; set maxmemory-policy noeviction"
            )
        return f"the Redis server at {self._server} uses {int(memory['used_memory']) >> 20} MiB"

    def read(self, places: Sequence[tuple[Place, int]]) -> tuple[list[bytes], Marks]:
        """Return the rows of each place beyond a number of bytes, and all marks."""
        asked = [value for place, size in places for value in (_name(place), size)]
        with self._at_edge():
            marks, sizes, raw = self._read(keys=[self._marks], args=[self._prefix, json.dumps(asked)])
        found, begin = [], 0
        for size in json.loads(sizes) or []:
            found.append(raw[begin : begin + size])
            begin += size
        named = iter(marks)
        return found, {name.decode(): int(value) for name, value in zip(named, named, strict=True)}

    def write(self, rows: Mapping[Place, bytes], marks: Marks, least: Marks) -> list[int] | None:
        """Append rows and raise the marks, all or nothing; return the sizes of the strings, None after a loss."""
        if large := {name: mark for name, mark in marks.items() if mark >= LARGEST_MARK}:
            raise PositionError(
                f"{large} cannot be kept on Redis, whose scores are exact below 2^53; use another backend"
            )
        asked: list[str | int] = []
        for place, raw in rows.items():
            seconds = 2 * self._kinds[place.kind].kept_ms // 1000 + SLACK_S
            asked.extend((_name(place), len(raw), seconds))
        packed = b"".join(rows.values())
        arguments: list[str | bytes | int] = [json.dumps(asked), packed, _scores(marks), SLACK_S, _scores(least)]
        with self._at_edge():
            sizes = self._write(keys=[self._marks], args=[self._prefix, *arguments])
        return None if sizes is None else json.loads(sizes) or []

    def clear(self) -> None:
        """Remove all rows and marks of this pipeline."""
        with self._at_edge():
            for key in self._client.scan_iter(f"{_literal(self._prefix)}*", count=1000):
                self._client.unlink(key)

    def erase(self, account: int) -> int:
        """Remove an account from the rows of the pipeline, which no sidecar uses now; return the number of rows.

        Rows under other keys have two numbers, of which the second one can be an account.
        """
        removed, sought = 0, account.to_bytes(8, "big")
        with self._at_edge():
            for key in self._client.scan_iter(f"{_literal(f'moderation:{{{self._pipeline}}}:')}*:*:*", count=1000):
                kind, _, number = key.decode().rsplit(":", 3)[-3:]
                if number == f"{account:x}":
                    removed += self._client.unlink(key)
                elif kind not in OF_ONE_ACCOUNT:
                    raw = self._client.get(key) or b""
                    rows = [raw[at : at + 16] for at in range(0, len(raw), 16)]
                    others = [row for row in rows if row[8:] != sought]
                    if len(others) < len(rows):
                        removed += len(rows) - len(others)
                        self._client.set(key, b"".join(others), keepttl=True)
        return removed

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
        except ResponseError as error:
            passing = isinstance(error, OutOfMemoryError | ReadOnlyError | ClusterDownError | TryAgainError)
            if passing or any(name in str(error) for name in PASSING):
                raise ConnectionLost(f"the Redis server at {self._server} accepts no commands now: {error}") from None
            raise SettingsError(
                f"the Redis server at {self._server} refuses a command of the state: {error}; correct the permissions "
                "of the user in state.redis_url, or the version of the server"
            ) from None
        except (RedisError, OSError) as error:
            advice = self._advice(str(error))
            raise ConnectionLost(f"the Redis server at {self._server} does not answer: {error}{advice}") from None

    def _advice(self, message: str) -> str:
        """Return what to do about a fault of TLS, for which Redis has no code; empty for other faults."""
        if "CERTIFICATE_VERIFY_FAILED" in message:
            return " Renew its certificate, or name its certificate authority with ssl_ca_certs in state.redis_url."
        if "No such file" in message:
            return " Name the file of its certificate authority with ssl_ca_certs in state.redis_url."
        if self._encrypted:
            return "; if it does not speak TLS on this port, write redis:// in state.redis_url"
        return "; if it expects TLS, write rediss:// in state.redis_url"


def _name(place: Place) -> str:
    return f"{place.kind}:{place.bucket}:{place.key:x}"


def _scores(marks: Marks) -> str:
    return json.dumps([value for name, mark in marks.items() for value in (str(mark), name)])


def _literal(text: str) -> str:
    """Return a pattern of Redis that matches a text only."""
    return re.sub(r"([*?\[\]\\^])", r"\\\1", text)
