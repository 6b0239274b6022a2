"""Proposes a mapping for records of an unknown format, by the names and values of their fields."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any

from pydantic_core import from_json

from moderation.events.survey import shown
from moderation.mapping import TIMES
from moderation.text.terminal import shortened
from moderation.values.addresses import parse_address
from moderation.values.identifiers import identifier
from moderation.values.times import read_time

MAX_DEPTH = 6
MAX_PATHS = 2_000
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)
_HTML = re.compile(r"</?(?:p|br|a|div|span|blockquote|ul|pre)\b[^<>]*>", re.IGNORECASE)
_KIND_NAMES = ("type", "event", "kind", "op", "t", "action", "operation", "collection", "subtype")
_OWNER = r"(author|user|account|owner|actor|member|poster|creator)"

# Field: patterns of paths with dots and without underscores, best first; a part in `owner` must match.
_NAMES: dict[str, tuple[str, ...]] = {
    "post_id": (r"(post|status|message|comment|tweet|note)id$", r"(^|\.)(idstr|uuid)$", r"(^|\.)id$", r"(rkey|\$oid)$"),
    "text": (r"(fulltext|textoriginal|raw)$", r"(^|\.)(text|body|content|selftext)$", r"(message|comment|caption)$"),
    "account_id": (
        rf"{_OWNER}id$",
        rf"{_OWNER}\.(id|uid|idstr)$",
        r"(^|\.)(did|uid)$",
        rf"(^|\.){_OWNER}(channelid\.value)?$",
        r"(^|\.)by$",
    ),
    "created_at": (
        r"(^|\.)created(at|utc|time|date)?$",
        r"(^|\.)(published(at)?|creationdate)$",
        r"(^|\.)(timestamp|time|ts|date)(ms|us)?$",
    ),
    "lang": (r"(^|\.)(lang|language|langs\[0\])$",),
    "reply_to_account": (r"inreplyto(account|user)id(str)?$",),
    "community": (r"(subreddit|channelid|forumid|categoryid|communityid)$",),
    "thread_id": (r"(threadid|topicid|linkid|conversationid|videoid|threadts)$",),
    "client.ip": (r"(ip|ipaddress|clientip|remoteaddr|peer)$",),
    "client.device_id": (r"(deviceid|device\.id|fingerprint)$",),
    "client.user_agent": (r"useragent$",),
    "account.created_at": (rf"{_OWNER}\.(created(at|utc)?|registered(at)?|joined(at)?)$",),
    "account.followers": (r"(followerscount|followers|followercount)$",),
    "account.following": (r"(followingcount|following|friendscount)$",),
    "account.posts": (r"(statusescount|postscount|postcount|tweetcount)$",),
    "account.has_bio": (rf"{_OWNER}\.(note|bio|description|about)$",),
    "account.has_avatar": (rf"{_OWNER}\.(avatar|avatarurl|picture)$",),
    "typing.duration_ms": (r"(typing|composer|compose)\.(durationms|ms|duration)$",),
    "typing.keystrokes": (r"(keystrokes|presses|keycount)$",),
}


@dataclass
class _Path:
    expression: str
    depth: int
    values: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Guess:
    """One proposed line: field, expression, share of records with a usable value, and an example."""

    name: str
    expression: str
    share: float
    example: str
    html: bool = False
    """Whether most of the values are HTML."""
    zoneless: bool = False
    """Whether some of the values are times without an offset."""

    def as_value(self) -> str:
        """Return the right-hand side of the line."""
        path = json.dumps(self.expression)
        return f'{{ path = {path}, text_format = "html" }}' if self.html else path


def records_of(lines: Iterable[bytes], limit: int) -> list[dict[str, Any]]:
    """Return the first JSON objects."""
    found: list[dict[str, Any]] = []
    for line in lines:
        with suppress(ValueError):
            record = from_json(line)
            if isinstance(record, dict):
                found.append(record)
        if len(found) >= limit:
            break
    return found


def guess_fields(records: list[dict[str, Any]]) -> list[Guess]:
    """Return the best expression for each field that the records seem to have."""
    paths: dict[str, _Path] = {}
    for record in records:
        for expression, depth, value in _walk(record, "", 0):
            if expression in paths or len(paths) < MAX_PATHS:
                paths.setdefault(expression, _Path(expression, depth)).values.append(value)
    taken: set[str] = set()
    guesses = []
    for name, patterns in _NAMES.items():
        best = _best(name, patterns, [path for path in paths.values() if path.expression not in taken], len(records))
        if best is not None:
            taken.add(best.expression)
            guesses.append(best)
    return guesses


def guess_kinds(records: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the values of each field that seems to contain the kind of a record, most frequent first."""
    found: dict[str, Counter[str]] = {}
    for record in records:
        for expression, _, value in _walk(record, "", 0):
            if _plain(expression).rpartition(".")[2] in _KIND_NAMES and isinstance(value, (str, int)):
                found.setdefault(expression, Counter())[shortened(str(value), 40)] += 1
    return {
        expression: [value for value, _ in counts.most_common(12)]
        for expression, counts in found.items()
        if 1 < len(counts) <= 40
    }


def as_toml(guesses: list[Guess], kinds: dict[str, list[str]]) -> str:
    """Return the guesses as a settings file with comments."""
    lines = ["# A proposal: check each line, then run `moderation events check FILE --config THIS`."]
    for expression, values in kinds.items():
        lines.append(f"# {expression} is one of: {', '.join(values)}")
    zoneless = [guess.name for guess in guesses if guess.zoneless]
    section = "[mapping]" if zoneless else "# [mapping]"
    if kinds:
        first = next(iter(kinds))
        lines += [
            "# Where only some of these are posts, set the condition, and ignore the others:",
            f"# [mapping.post]\n# when = \"{first} == '…'\"",
            f"{section}\n# ignore = [\"{first} == '…'\"]",
        ]
    elif zoneless:
        lines += ["", section]
    if zoneless:
        lines.append(f'time_zone = "UTC"  # write the zone of times without an offset, as in {", ".join(zoneless)}')
    lines += ["", "[mapping.post]"]
    for guess in guesses:
        key = guess.name if "." not in guess.name else json.dumps(guess.name)
        lines.append(f"{key} = {guess.as_value()}  # {guess.share:.0%}, such as {guess.example}")
    for name in ("post_id", "text"):
        if all(guess.name != name for guess in guesses):
            lines.append(f'# {name} = "…"  # required; nothing looks like it')
    return "\n".join(lines) + "\n"


def _best(name: str, patterns: tuple[str, ...], paths: list[_Path], records: int) -> Guess | None:
    scored: list[tuple[float, Guess]] = []
    usable = _USABLE.get(name, _identifies if name.endswith("_id") or name == "reply_to_account" else _any)
    for path in paths:
        rank = next((i for i, pattern in enumerate(patterns) if re.search(pattern, _plain(path.expression))), None)
        if rank is None:
            continue
        good = [value for value in path.values if usable(value)]
        share = len(good) / records
        if len(good) < max(1, len(path.values) / 2):
            continue
        distinct = len(set(map(str, good))) / len(good) if name == "post_id" else 1.0
        score = share + distinct - 0.15 * rank - 0.05 * path.depth
        if name == "text":
            score += min(1.0, sum(map(len, good)) / len(good) / 100)
        html = name == "text" and 2 * sum(bool(_HTML.search(text)) for text in good) > len(good)
        zoneless = name in TIMES and not all(_is_time(value, None) for value in good)
        scored.append((score, Guess(name, path.expression, share, shown(name, good[0]), html, zoneless)))
    return max(scored, key=lambda pair: pair[0])[1] if scored else None


def _walk(value: Any, expression: str, depth: int) -> Iterator[tuple[str, int, Any]]:
    """Yield every path of names and first items, with its depth and value; JSON inside a string is parsed."""
    if isinstance(value, str) and value[:1] == "{" and depth < MAX_DEPTH:
        with suppress(ValueError):
            yield from _walk(from_json(value), f"parse_json({expression})", depth + 1)
            return
    if isinstance(value, dict) and depth < MAX_DEPTH:
        for name, inner in value.items():
            step = name if _IDENTIFIER.match(name) else json.dumps(name)
            yield from _walk(inner, f"{expression}.{step}" if expression else step, depth + 1)
    elif isinstance(value, list) and value and depth < MAX_DEPTH:
        yield from _walk(value[0], f"{expression}[0]", depth + 1)
    elif value is not None and not isinstance(value, (dict, list)):
        yield expression, depth, value


def _plain(expression: str) -> str:
    """Return a path for comparison: in lower case, without underscores, hyphens and functions."""
    return re.sub(r"parse_json\(|[_\-\") ]", "", expression).lower()


def _any(value: Any) -> bool:
    return bool(value != "")


def _identifies(value: Any) -> bool:
    try:
        return len(identifier(value)) <= 128
    except ValueError:
        return False


def _is_time(value: Any, zone: tzinfo | None = UTC) -> bool:
    try:
        return bool(read_time(value, "auto", zone))
    except ValueError:
        return False


def _is_address(value: Any) -> bool:
    try:
        return bool(parse_address(value))
    except ValueError:
        return False


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and " " in value.strip()


_USABLE: dict[str, Callable[[Any], bool]] = {
    "text": _is_text,
    "client.ip": _is_address,
    "lang": lambda value: isinstance(value, str) and 2 <= len(value) <= 12,
    **dict.fromkeys(sorted(TIMES), _is_time),
}
