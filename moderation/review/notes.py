"""The note that people keep on an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, select

from connectors.reviewdb.audit_log import Entry, append
from connectors.reviewdb.engine import at_edge
from connectors.reviewdb.identity import digest
from connectors.reviewdb.review_models import NoteRow
from connectors.reviewdb.statements import insert_into, table_of
from moderation.review.claims import locked_account
from moderation.review.decisions import StaleDecision
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


def note_state(note: Note | None) -> str:
    """Return the state of a note. It changes with the text."""
    return _state(None if note is None else note.text)


def write_note(engine: Engine, actor: Actor, key: str, text: str, now: datetime, *, seen: str | None = None) -> None:
    """Replace the note of an account; an empty text removes it.

    *seen* is the state of the note that the person saw; None replaces any note. Raises UnknownAccount, InvalidValue,
    and StaleDecision where the note has another state now.
    """
    words = text.strip()
    if len(words) > MAX_NOTE_CHARS:
        raise InvalidValue(f"the note must have at most {MAX_NOTE_CHARS:,} characters, got {len(words):,}; shorten it")
    with at_edge(engine), engine.begin() as connection:
        locked_account(connection, key)
        present = connection.scalar(select(NOTES.c.text).where(NOTES.c.account_key == key))
        if seen not in (None, _state(present)):
            raise StaleDecision("another person changed the note since you opened it; add your words to the new note")
        if words:
            values = {"text": words, "person_id": actor.id, "written_at": now}
            statement = insert_into(connection, NoteRow).values(account_key=key, **values)
            connection.execute(statement.on_conflict_do_update(index_elements=[NOTES.c.account_key], set_=values))
        else:
            connection.execute(delete(NOTES).where(NOTES.c.account_key == key))
        append(connection, Entry(now, actor.name, "note_written", key, {"note": words}))


def _state(text: str | None) -> str:
    return digest("note", text or "")
