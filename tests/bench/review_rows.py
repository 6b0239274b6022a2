"""Rows of a large review database: accounts with open flags, written by the server from one sample."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, text

from connectors.reviewdb import rows
from connectors.reviewdb.identity import account_key
from connectors.reviewdb.models import AccountInReviewRow, AssessmentRow, EvidenceRow
from connectors.reviewdb.statements import table_of
from tests.browser.cast import PLATFORM, raised

FLAGS_PER_ACCOUNT = 4
LARGEST_ACCOUNT = 2_000
ON_ONE_ADDRESS = 100
ALIKE = 10
FOLLOWED = 4
"""Accounts that each account follows."""
TEXT = "Honestly the new delivery service changed how we plan our weeks, and the prices are more than fair. " * 4


def fill(engine: Engine, flags: int) -> list[str]:
    """Write accounts with open flags and return their keys; one has LARGEST_ACCOUNT flags.

    Of ON_ONE_ADDRESS accounts one is on a shared address; ALIKE accounts post one text.
    """
    accounts = max(1, (flags - LARGEST_ACCOUNT) // FLAGS_PER_ACCOUNT)
    keys = [account_key(PLATFORM, f"account-{number}") for number in range(accounts)]
    now = datetime.now(UTC)
    sample = raised("sample", "sample", TEXT, 0.9999)
    with engine.begin() as connection:
        for table, row in (
            (AssessmentRow, rows.assessment_row(sample.assessment, now)),
            (EvidenceRow, rows.evidence_row(sample.assessment, sample.evidence, now)),
        ):
            connection.execute(insert(table_of(table)).values(row))
        for start in range(0, accounts, 5_000):
            chunk = [
                {"key": key, "platform_id": PLATFORM, "account_id": f"account-{start + n}", "opened_at": now}
                | {"number": start + n}
                for n, key in enumerate(keys[start : start + 5_000])
            ]
            connection.execute(insert(table_of(AccountInReviewRow)), chunk)
        _copies(connection, accounts)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # The number of texts grows with the flags; without this, the statistics keep it as an absolute number.
        for table, column in (("flags", "content_hash"), *(("evidence", f"band_{band}") for band in range(4))):
            share = -1 / (ALIKE * FLAGS_PER_ACCOUNT)
            connection.execute(text(f"ALTER TABLE {table} ALTER COLUMN {column} SET (n_distinct = {share})"))
        connection.execute(text("VACUUM ANALYZE"))
    return keys


def _copies(connection: Connection, accounts: int) -> None:
    """Copy the sample row for each flag, with its own keys, account, risk and time; then compute the queue columns."""
    connection.execute(text("SELECT setseed(0.5)"))
    connection.execute(
        text(
            "CREATE TEMP TABLE made AS SELECT row_number() OVER () AS n, key AS account, account_id, "
            "substr(account_id, 9)::bigint AS number, 0.9995 + 0.0005 * random() AS risk, "
            "now() - random() * interval '14 days' AS at "
            "FROM accounts_in_review, generate_series(1, CASE account_id WHEN 'account-0' THEN "
            f"{LARGEST_ACCOUNT} ELSE {FLAGS_PER_ACCOUNT} END)"
        )
    )
    key = "encode(sha256(convert_to('{}' || made.n, 'UTF8')), 'hex')"
    address = f"CASE WHEN made.number % {ON_ONE_ADDRESS} = 0 THEN 'shared' ELSE 'home-' || made.account END"
    changes = {
        "assessments": {"key": key.format("a"), "flag_key": key.format("f"), "post_id_key": key.format("i")}
        | {"account_id": "made.account_id", "post_id": "'p' || made.n", "risk": "made.risk", "event_time": "made.at"},
        "evidence": {"assessment_key": key.format("a"), "post_key": key.format("p"), "account_key": "made.account"}
        | {"address_hash": address}
        | {f"band_{band}": f"made.number / {ALIKE} * 4 + {band}" for band in range(4)},
    }
    for table, changed in changes.items():
        names = [column.name for column in table_of({"assessments": AssessmentRow, "evidence": EvidenceRow}[table]).c]
        values = ", ".join(changed.get(name, f"old.{name}") for name in names)
        connection.execute(text(f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} old, made"))
    connection.execute(
        text(
            "INSERT INTO flags (key, post_key, account_key, assessment_key, platform_id, post_id, content_hash, "
            f"account_id, risk, event_time, raised_at) SELECT {key.format('f')}, {key.format('p')}, account, "
            f"{key.format('a')}, '{PLATFORM}', 'p' || n, 'text-' || number / {ALIKE}, account_id, risk, at, at "
            "FROM made"
        )
    )
    connection.execute(
        text(
            "INSERT INTO followed (account_key, number, mutual, flagged_before, expires_at) "
            "SELECT key, number + step, step = 1, true, now() + interval '30 days' "
            f"FROM accounts_in_review, generate_series(1, {FOLLOWED}) AS step"
        )
    )
    connection.execute(
        text(
            "UPDATE accounts_in_review SET open_flags = c, risk = r, waiting_since = w, "
            'families = \'["content","typing","network","account"]\', top_assessment = t FROM '
            "(SELECT account, count(*) c, max(risk) r, min(at) w, "
            f"(array_agg({key.format('a')} ORDER BY risk DESC))[1] t FROM made GROUP BY account) found "
            "WHERE found.account = accounts_in_review.key"
        )
    )
