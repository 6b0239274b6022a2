"""The note that people keep on an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.review_models import NoteRow
from connectors.reviewdb.statements import insert_into, table_of
from moderation.review.claims import locked_account
from moderation.review.permissions import Actor
from moderation.review.refusals import InvalidValue

NOTES = table_of(NoteRow)
MAX_NOTE_CHARS = 2_000


@dataclass(frozen=True)
class Note:
    """The note of an account, and who wrote it last."""

    text: str
    by: str
    written_at: datetime


def write_note(engine: Engine, actor: Actor, key: str, text: str, now: datetime) -> None:
    """Replace the note of an account; an empty text removes it. Raises UnknownAccount and InvalidValue."""
    words = text.strip()
    if len(words) > MAX_NOTE_CHARS:
        raise InvalidValue(f"the note must have at most {MAX_NOTE_CHARS:,} characters, got {len(words):,}; shorten it")
    with at_edge(engine), engine.begin() as connection:
        locked_account(connection, key)
        if words:
            values = {"text": words, "person_id": actor.id, "written_at": now}
            statement = insert_into(connection, NoteRow).values(account_key=key, **values)
            connection.execute(statement.on_conflict_do_update(index_elements=[NOTES.c.account_key], set_=values))
        else:
            connection.execute(delete(NOTES).where(NOTES.c.account_key == key))
        append(connection, Entry(now, actor.name, "note_written", key, {"note": words}))
