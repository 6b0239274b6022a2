"""Opens connections to the review database, and classifies its failures as transient or permanent."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from moderation.errors import ConnectionLost, DatabaseUnusable, SettingsError

BUSY_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 10
UNANSWERED_TIMEOUT_MS = 30_000
"""Time without acknowledgement after which a PostgreSQL connection ends (Linux TCP_USER_TIMEOUT)."""
IDLE_IN_TRANSACTION_MS = 60_000
"""Time after which PostgreSQL ends a session that is idle in a transaction, which releases its row locks.

The host of a sidecar can fail there; the keepalives of the server would detect this after two hours, and no other
sidecar could take over before."""

_SQLITE_TRANSIENT = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_SQLITE_UNUSABLE = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_READONLY})
_SHOWN_OPTIONS = frozenset(
    {"application_name", "channel_binding", "client_encoding", "connect_timeout", "dbname", "gssencmode", "host"}
    | {"hostaddr", "keepalives", "load_balance_hosts", "port", "requirepeer", "sslcert", "sslkey", "sslmode"}
    | {"sslrootcert", "target_session_attrs", "tcp_user_timeout", "uri", "user"}
)
"""Options of a database URL whose values are shown in messages; all others may be secrets."""
_HIDDEN = "***"
_POSTGRESQL_PERMANENT = ("54", "0A", "42", "22", "23")
"""SQLSTATE classes for which a retry fails too, although psycopg raises OperationalError for some."""
_CONNECT_FAULTS = (
    (
        "certificate verify failed",
        "its certificate is expired, or not signed by an authority in sslrootcert: renew it, or correct sslrootcert",
    ),
    ("root certificate file", "name the file of the certificate authority in sslrootcert"),
    ("does not match host name", "name the host in the URL as the certificate does"),
    ("no encryption", "the server expects TLS: set sslmode=verify-full and sslrootcert in the URL"),
    ("no pg_hba.conf entry", "the server does not permit this user from this address: see its pg_hba.conf"),
    ("server does not support SSL", "the server has no TLS: turn it on there, or set another sslmode"),
    ("password authentication failed", "correct user and password in MODERATION_DATABASE_URL"),
    ("no password supplied", "set a password in MODERATION_DATABASE_URL or ~/.pgpass"),
)
"""Parts of a message of PostgreSQL's client library, which has no code for them, and what to do."""
_NO_PRIVILEGE = "42501"
_READ_ONLY = "25006"


def parse_url(text: str) -> URL:
    """Return the URL with the supported driver. Raises SettingsError for an unsupported database."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise SettingsError(
            "the database URL cannot be read; write sqlite:///reviews.sqlite or "
            "postgresql+psycopg://user@host:5432/name (MODERATION_DATABASE_URL)"
        ) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    _refuse_unusable(url)
    return url


def _refuse_unusable(url: URL) -> None:
    """Raise SettingsError for an unusable URL. No message contains a value that may be a secret."""
    if url.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise SettingsError(
            f"the database {url.drivername} is not supported; use sqlite:///… or postgresql+psycopg://…"
        )
    if url.get_backend_name() == "sqlite" and url.query and "uri" not in url.query:
        raise SettingsError(
            f"the SQLite URL has the options {', '.join(sorted(url.query))}, which have no effect; remove them"
        )
    if url.get_backend_name() == "postgresql" and "@" in f"{url.host}{url.database}":
        raise SettingsError(
            "the database URL has more than one '@'; write '@' in a username or password as %40, '/' as %2F, ':' as %3A"
        )


def open_engine(text: str) -> Engine:
    """Return an engine for a database URL, not yet connected. Raises SettingsError for an unusable URL."""
    url = parse_url(text)
    if url.get_backend_name() == "postgresql":
        engine = create_engine(
            url,
            hide_parameters=True,  # an error message must not contain texts of posts
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_S,
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": UNANSWERED_TIMEOUT_MS,
                "prepare_threshold": None,  # PgBouncer may run the next transaction where the statement is not prepared
            },
        )
        event.listen(engine, "connect", _prepare_postgresql)
        return engine
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    """Set the timeout by a statement, because a connection pooler may refuse it as a connection parameter."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MS}")
    connection.commit()


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    """Configure SQLite: WAL, a sync at every commit, enforced foreign keys, waiting for writers."""
    connection.isolation_level = None  # transactions begin explicitly; the driver would begin them too late
    for pragma in (
        f"busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    """Acquire the write lock at once, because a transaction that reads first and writes later cannot be retried."""
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def one_view(engine: Engine) -> Connection:
    """Return a connection whose reads all see the database at one moment."""
    options: dict[str, Any] = {"reading": True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "REPEATABLE READ"
    return engine.connect().execution_options(**options)


@contextmanager
def at_edge(engine: Engine) -> Iterator[None]:
    """Convert database failures to errors of the sidecar.

    ConnectionLost: a retry can succeed. DatabaseUnusable: the file is not a writable database. SettingsError: the user
    lacks a permission. Any other failure is a defect and is raised unchanged.
    """
    try:
        yield
    except PoolTimeoutError:
        raise ConnectionLost(f"the database {describe(engine)} has no free connection; it may be overloaded") from None
    except DBAPIError as error:
        meaning = _meaning(engine, error)
        if meaning is None:
            raise
        raise meaning from None


def _meaning(engine: Engine, error: DBAPIError) -> ConnectionLost | DatabaseUnusable | SettingsError | None:
    cause = error.orig
    detail = _without_secrets(engine.url, _first_line(cause))
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code in _SQLITE_TRANSIENT:
            return ConnectionLost(
                f"the database {describe(engine)} does not answer ({detail}); check that its directory exists and is "
                "writable, that the disk is not full and that no other program locks it"
            )
        if code in _SQLITE_UNUSABLE:
            return DatabaseUnusable(
                f"the database {describe(engine)} cannot be used ({detail}); name a SQLite file that can be written"
            )
        return None
    state = getattr(cause, "sqlstate", None) or ""
    if state == _NO_PRIVILEGE:
        return SettingsError(
            f"the user of the database {describe(engine)} lacks a permission ({detail}); grant it, or name a user "
            "that may read and write the tables (to create them: CREATE on the schema)"
        )
    if state == _READ_ONLY:
        return ConnectionLost(
            f"the database {describe(engine)} is read-only ({detail}); after a failover this is the standby: "
            "name the primary, such as by several hosts and target_session_attrs=read-write in the URL"
        )
    if isinstance(error, ProgrammingError) and not state:
        return SettingsError(f"the database URL cannot be used: {detail} (MODERATION_DATABASE_URL)")
    for part, advice in _CONNECT_FAULTS:
        if not state and part in detail:
            return ConnectionLost(f"the database {describe(engine)} refuses the connection ({detail}); {advice}")
    transient = error.connection_invalidated or isinstance(error, (OperationalError, InterfaceError))
    if not transient or state.startswith(_POSTGRESQL_PERMANENT):
        return None
    return ConnectionLost(
        f"the database {describe(engine)} does not answer ({detail}); check the URL and that the server runs"
    )


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def describe(engine: Engine) -> str:
    """Return the URL for a message, with every value hidden that may be a secret."""
    url = engine.url
    hidden = {name: _HIDDEN for name in url.query if name not in _SHOWN_OPTIONS}
    shown = url.update_query_dict(hidden).render_as_string(hide_password=True)
    return shown.replace(quote(_HIDDEN), _HIDDEN)


def _without_secrets(url: URL, text: str) -> str:
    """Return a message of the driver without the values that `describe` hides."""
    secrets = [url.password] if url.password else []
    for name, value in url.query.items():
        if name not in _SHOWN_OPTIONS:
            secrets += [value] if isinstance(value, str) else value
    for secret in filter(None, secrets):
        text = text.replace(secret, _HIDDEN)
    return text
