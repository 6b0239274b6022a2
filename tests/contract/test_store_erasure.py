"""Erasure reaches every place that holds evidence, and nothing brings it back."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from connectors.reviewdb import places
from connectors.reviewdb.models import Base
from connectors.reviewdb.retention import Erased, erase_account, expire
from connectors.reviewdb.store import ReviewStore
from moderation.effects import AccountRef, AuditSample, DeadLetter, Effects, Evidence, FlagRaised
from moderation.ports import Claim
from moderation.state import Keyring, PlatformState
from moderation.state.journal import MANIFEST
from tests.contract.samples import PLATFORM, assessment, letter, partition

ACCOUNT = "did:plc:anna/17"
WORDS = "my private words"
ADDRESS, DEVICE = "k1:addressaddress", "k1:devicedevice"
VECTOR = 424242.125
SECRETS = (WORDS, ADDRESS, DEVICE, str(VECTOR))
KEEP = timedelta(days=30)


@pytest.fixture
def store(migrated_url: str) -> Iterator[ReviewStore]:
    """A store that keeps evidence for 30 days."""
    store = ReviewStore(migrated_url, evidence_days=30)
    yield store
    store.close()


@pytest.fixture
def claim(store: ReviewStore) -> Claim:
    """The right to write for one partition."""
    return store.claim("main", "one", [partition()])


def flagged(post_id: str = "p1", account_id: str = ACCOUNT, **changes: Any) -> FlagRaised:
    """A flag of the account with evidence that can be recognised."""
    values: dict[str, Any] = {"account_id": account_id, "features": (VECTOR, None), "event_time": datetime.now(UTC)}
    return FlagRaised(assessment(post_id, **(values | changes)), Evidence(WORDS, ADDRESS, DEVICE, "k1"))


def record(offset: int, value: bytes | None, *, known: bool = False, **changes: Any) -> DeadLetter:
    """A dead letter, of the account where *known*."""
    found = letter(offset, **({"value": value, "key": None, "headers": ()} | changes))
    return dataclasses.replace(found, reason="r", account=AccountRef(PLATFORM, ACCOUNT) if known else None)


def evidence_found(store: ReviewStore) -> dict[str, int]:
    """How many rows of each table contain one of the secrets, whatever the column and its type."""
    found: dict[str, int] = {}
    with store.engine.connect().execution_options(reading=True) as connection:
        for table in Base.metadata.tables:
            for row in connection.execute(text(f"SELECT * FROM {table}")):
                content = " ".join(
                    bytes(value).decode("latin-1") if isinstance(value, (bytes, memoryview)) else str(value)
                    for value in row
                )
                if any(secret in content for secret in SECRETS):
                    found[table] = found.get(table, 0) + 1
    return found


def test_erase_account_leaves_its_evidence_in_no_table(store: ReviewStore, claim: Claim) -> None:
    quoted = json.dumps({"account": ACCOUNT, "text": WORDS})
    headers = (("author", ACCOUNT.encode()), ("text", WORDS.encode()))
    letters = [
        record(1, json.dumps({"account_id": "unreadable", "text": WORDS}).encode(), known=True),
        record(2, quoted.encode()),
        record(3, quoted.replace("/", r"\/").encode()),
        record(4, quoted.replace("did", r"\u0064id").encode()),
        record(5, f'{{"account": "{ACCOUNT}", "text": "{WORDS}'.encode()),
        record(6, WORDS.encode(), key=ACCOUNT.encode()),
        record(7, WORDS.encode(), headers=headers),
    ]
    sample = AuditSample(flagged("p2").assessment, flagged("p2").evidence, 0.1, "s")
    store.commit(claim, Effects(flags=[flagged()], audit_samples=[sample], dead_letters=letters))
    first, second, *_ = store.outbox(10)
    store.refuse([first.id, second.id], "too large")
    assert evidence_found(store) == {"evidence": 2, "outbox": 7}

    assert erase_account(store.engine, PLATFORM, ACCOUNT) == Erased(assessments=2, letters=7)

    assert evidence_found(store) == {}
    assert store.retry_refused({(partition().cluster_id, partition().topic)}) == 0
    assert store.outbox(10) == []
    assert store.unsent_letters() == (0, {})
    assert store.flag_counts()["flags"] == 1


def test_erase_account_of_another_account_leaves_the_evidence(store: ReviewStore, claim: Claim) -> None:
    other = record(2, b'{"account": "did:plc:anna/171", "text": "my private words"}')
    store.commit(claim, Effects(flags=[flagged()], dead_letters=[record(1, WORDS.encode(), known=True), other]))
    assert erase_account(store.engine, PLATFORM, "did:plc:ann") == Erased(0, 0)
    assert erase_account(store.engine, "other platform", ACCOUNT) == Erased(0, 0)
    assert evidence_found(store) == {"evidence": 1, "outbox": 2}
    assert erase_account(store.engine, PLATFORM, ACCOUNT) == Erased(1, 1)
    assert evidence_found(store) == {"outbox": 1}


def test_commit_after_an_erasure_does_not_store_evidence_of_earlier_posts(store: ReviewStore, claim: Claim) -> None:
    effects = Effects(flags=[flagged()], dead_letters=[record(1, WORDS.encode(), known=True)])
    store.commit(claim, effects)
    erase_account(store.engine, PLATFORM, ACCOUNT)
    store.commit(claim, effects)
    another_model = flagged(risk_version="r2", event_time=effects.flags[0].assessment.event_time)
    without_time = flagged("p2", event_time=None)
    sample = AuditSample(another_model.assessment, another_model.evidence, 0.1, "s")
    again = Effects(flags=[another_model, without_time], audit_samples=[sample])
    again.dead_letters.append(record(2, WORDS.encode(), known=True, timestamp_ms=1_700_000_000_000))
    again.dead_letters.append(record(3, WORDS.encode(), known=True, timestamp_ms=None))
    store.claim("other", "two", [partition()])
    store.commit(store.claim("other", "two", [partition()]), again)
    assert evidence_found(store) == {}
    assert store.outbox(10) == []


def test_commit_after_an_erasure_stores_evidence_of_later_posts(store: ReviewStore, claim: Claim) -> None:
    erase_account(store.engine, PLATFORM, ACCOUNT)
    later = datetime.now(UTC) + timedelta(minutes=4)
    letters = [record(1, WORDS.encode(), known=True, timestamp_ms=int(later.timestamp() * 1000))]
    store.commit(claim, Effects(flags=[flagged(event_time=later)], dead_letters=letters))
    assert evidence_found(store) == {"evidence": 1, "outbox": 1}
    assert len(store.outbox(10)) == 1


def test_commit_of_a_flag_whose_evidence_has_expired_does_not_bring_it_back(store: ReviewStore, claim: Claim) -> None:
    effects = Effects(flags=[flagged()], dead_letters=[record(1, WORDS.encode())])
    store.commit(claim, effects)
    assert expire(store.engine, datetime.now(UTC) + KEEP + timedelta(hours=1), KEEP) == 2
    store.commit(claim, effects)
    assert evidence_found(store) == {}


def test_expire_erases_letters_that_were_never_relayed(
    store: ReviewStore, claim: Claim, caplog: pytest.LogCaptureFixture
) -> None:
    quoting = dataclasses.replace(record(3, b"{}"), reason=f"type: '{WORDS}'")
    store.commit(claim, Effects(dead_letters=[record(1, WORDS.encode()), record(2, WORDS.encode()), quoting]))
    waiting, refused, sent = store.outbox(10)
    store.refuse([refused.id], "too large")
    store.relayed([sent.id])
    assert expire(store.engine, datetime.now(UTC) + KEEP - timedelta(hours=1), KEEP) == 0
    assert store.outbox(10) == [waiting]
    assert expire(store.engine, datetime.now(UTC) + KEEP + timedelta(hours=1), KEEP) == 3
    assert evidence_found(store) == {}
    assert store.unsent_letters() == (0, {})
    assert "2 dead letters were not relayed within 30 days" in caplog.text


def test_erase_account_during_a_commit_waits_and_erases_what_was_committed(store: ReviewStore, claim: Claim) -> None:
    inside, erased = threading.Event(), []

    def erase_meanwhile() -> None:
        inside.wait(60)
        erased.append(erase_account(store.engine, PLATFORM, ACCOUNT))

    def on_execute(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("INSERT INTO evidence"):
            inside.set()
            other.join(0.5)  # the erasure must not be over before this commit is

    other = threading.Thread(target=erase_meanwhile, daemon=True)
    other.start()
    event.listen(store.engine, "before_cursor_execute", on_execute)
    store.commit(claim, Effects(flags=[flagged()]))
    event.remove(store.engine, "before_cursor_execute", on_execute)
    other.join(60)
    assert erased == [Erased(1, 0)]
    assert evidence_found(store) == {}


def test_places_list_every_column_and_every_field_of_the_saved_state(tmp_path: Path) -> None:
    listed = {place.name: frozenset(place.columns) for place in places.EVIDENCE_TABLES}
    for name, table in Base.metadata.tables.items():
        evidence, others = listed.pop(name, frozenset()), places.NO_EVIDENCE[name]
        assert not evidence & others, name
        assert {column.name for column in table.columns} == evidence | others, (
            f"list the columns of {name} in connectors/reviewdb/places.py, and let erasure and expiry reach them"
        )
    assert not listed
    state = PlatformState(platform_id="p", keyring=Keyring.from_secrets(("k1", b"a" * 32), None))
    state.keep_journal(tmp_path)
    state.save({})
    assert state.finish_saving()
    assert set(json.loads((tmp_path / MANIFEST).read_text())) == {*places.STATE.columns, *places.STATE_WITHOUT_EVIDENCE}
