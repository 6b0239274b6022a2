"""The audit log: entries in a chain of digests, written in the transaction of what they record.

The digest of an entry covers the one before it and the digest of its details. The details carry a random salt, so that
they can be emptied, when an account is erased, without breaking the chain and without a guess being confirmed by it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from connectors.reviewdb.engine import at_edge, one_view
from connectors.reviewdb.identity import DIGEST_CHARS, digest
from connectors.reviewdb.models import AuditEntryRow, AuditHeadRow, ErasedAccountRow
from connectors.reviewdb.statements import insert_into, table_of

ENTRIES, HEAD, ERASED = table_of(AuditEntryRow), table_of(AuditHeadRow), table_of(ErasedAccountRow)
FIRST = "0" * DIGEST_CHARS
"""The digest before the first entry."""
HEAD_ID = 1
PAGE = 1_000


@dataclass(frozen=True)
class Entry:
    """What a person did: the name of the person, the action, the account that it concerns and the details."""

    at: datetime
    actor: str
    action: str
    account_key: str | None
    details: dict[str, Any]


@dataclass(frozen=True)
class Verified:
    """The result of `verify`: number of entries, of these with emptied details, last digest, and problems."""

    entries: int
    emptied: int
    last_digest: str
    problems: tuple[str, ...]


def lock(connection: Connection) -> tuple[int, str]:
    """Take the lock of the log until the commit; return id and digest of its last entry."""
    first = insert_into(connection, AuditHeadRow).values(id=HEAD_ID, last_id=0, digest=FIRST)
    connection.execute(first.on_conflict_do_nothing())
    head = select(HEAD.c.last_id, HEAD.c.digest).where(HEAD.c.id == HEAD_ID).with_for_update()
    last_id, last = connection.execute(head).one()
    return last_id, last


def append(connection: Connection, *entries: Entry) -> None:
    """Append entries. Call it last in a transaction, because it holds the lock of the log until the commit."""
    last_id, last = lock(connection)
    for number, entry in enumerate(entries, start=last_id + 1):
        salt = secrets.token_hex(DIGEST_CHARS // 2)
        row = {
            "id": number,
            "at": entry.at,
            "actor": entry.actor,
            "action": entry.action,
            "account_key": entry.account_key,
            "details": entry.details,
            "salt": salt,
            "details_digest": _details_digest(salt, entry.details),
        }
        last = row["digest"] = _entry_digest(last, row)
        connection.execute(insert(ENTRIES).values(row))
    connection.execute(update(HEAD).where(HEAD.c.id == HEAD_ID).values(last_id=last_id + len(entries), digest=last))


def empty_details(connection: Connection, account_key: str) -> int:
    """Empty the details of the entries about an account; return their number. The chain stays valid."""
    emptied = (ENTRIES.c.account_key == account_key) & ENTRIES.c.salt.is_not(None)
    return connection.execute(update(ENTRIES).where(emptied).values(details=None, salt=None)).rowcount


def verify(engine: Engine, expected: str | None = None) -> Verified:
    """Compute the chain again and compare it with the stored digests. Raises ConnectionLost.

    Only a digest from outside the database shows that entries at the end were removed: with *expected*, it is a
    problem when no entry has that digest.
    """
    count, emptied, last = 0, 0, FIRST
    problems: list[str] = []
    seen = expected in (None, FIRST)
    with at_edge(engine), one_view(engine) as connection:
        for row in _rows(connection):
            count += 1
            emptied += row["details"] is None
            problems += _problems(row, count, last)
            last = row["digest"]
            seen = seen or last == expected
        head = connection.execute(select(HEAD.c.last_id, HEAD.c.digest)).one_or_none()
    if (head is None and count) or (head is not None and tuple(head) != (count, last)):
        problems.append(f"the log ends with entry {count}, but audit_head names another end")
    if not seen:
        problems.append(f"no entry has the digest {expected}: entries were removed or written again")
    return Verified(count, emptied, last, tuple(problems))


def read_entries(engine: Engine, *, limit: int, before_id: int | None = None) -> list[dict[str, Any]]:
    """Return entries, newest first. Raises ConnectionLost."""
    query = select(ENTRIES).order_by(ENTRIES.c.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(ENTRIES.c.id < before_id)
    with at_edge(engine), engine.connect().execution_options(reading=True) as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _rows(connection: Connection) -> Iterator[dict[str, Any]]:
    last = -1
    while True:
        query = select(ENTRIES, ERASED.c.key.is_not(None).label("erased"))
        query = query.outerjoin(ERASED, ERASED.c.key == ENTRIES.c.account_key)
        query = query.where(ENTRIES.c.id > last).order_by(ENTRIES.c.id).limit(PAGE)
        page = [dict(row) for row in connection.execute(query).mappings()]
        if not page:
            return
        yield from page
        last = page[-1]["id"]


def _problems(row: dict[str, Any], number: int, last: str) -> Iterator[str]:
    if row["id"] != number:
        yield f"entry {number} is missing; the next one has the number {row['id']}"
    if row["digest"] != _entry_digest(last, row):
        yield f"entry {row['id']} does not have the digest of its values and of the entry before"
    if row["details"] is None and row["salt"] is None:
        if not row["erased"]:
            yield f"the details of entry {row['id']} were emptied, but its account was not erased"
    elif row["salt"] is None or row["details_digest"] != _details_digest(row["salt"], row["details"]):
        yield f"the details of entry {row['id']} were changed"


def _details_digest(salt: str, details: Any) -> str:
    return digest("audit details", salt, json.dumps(details, sort_keys=True))


def _entry_digest(previous: str, row: dict[str, Any]) -> str:
    at = row["at"].astimezone(UTC).isoformat(timespec="microseconds")
    values = (row["actor"], row["action"], row["account_key"] or "", row["details_digest"])
    return digest("audit", previous, row["id"], at, *values)
