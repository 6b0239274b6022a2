"""What every store promises, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import dataclasses
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text, update
from sqlalchemy.exc import StatementError

from connectors.reviewdb.models import LeaseRow, OutboxRecord
from connectors.reviewdb.schema import SchemaOutdated, upgrade
from connectors.reviewdb.store import ReviewStore
from moderation.effects import DeadLetter, Effects, Partition
from moderation.errors import FencedError
from moderation.ports import Claim
from tests.contract.samples import HOSTILE, assessment, deletion, everything, flag, label, letter, partition, sample


@pytest.fixture
def claim(store: ReviewStore) -> Claim:
    """The right to write for two partitions."""
    return store.claim("main", "one", [partition(0), partition(1)])


def rows(store: ReviewStore, statement: str) -> list[tuple[Any, ...]]:
    """What a statement finds, past the models."""
    with store.engine.connect().execution_options(reading=True) as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


WRITTEN_BY_THE_CONSOLE = {"people", "sessions", "api_tokens", "skips", "visits", "audit_log", "audit_head"}
WRITTEN_BY_THE_CONSOLE |= {"idempotency_keys", "appeals", "notes", "first_verdicts", "bulk_decisions", "statements"}
WRITTEN_BY_THE_CONSOLE |= {"blind_verdicts", "golden_items", "threshold_raises"}


def contents(store: ReviewStore) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    return {table: sorted(rows(store, f"SELECT * FROM {table}"), key=repr) for table in store.flag_counts()}


def test_applying_the_same_effects_twice_changes_nothing(store: ReviewStore, claim: Claim) -> None:
    store.commit(claim, everything())
    once = contents(store)
    not_of_the_sidecar = {"decisions", "erased_accounts", "leases", *WRITTEN_BY_THE_CONSOLE}
    assert {name for name, found in once.items() if not found} == not_of_the_sidecar
    store.commit(claim, everything())
    assert contents(store) == once


def test_the_same_effect_twice_in_one_batch_counts_once(store: ReviewStore, claim: Claim) -> None:
    effects = everything()
    effects.flags.append(flag())
    effects.labels.append(label())
    effects.dead_letters.append(letter())
    effects.audit_samples.append(sample("p1", flagged=True))
    store.commit(claim, effects)
    counts = store.flag_counts()
    assert (counts["flags"], counts["labels"], counts["outbox"]) == (1, 1, 1)
    assert (counts["assessments"], counts["evidence"], counts["audit_samples"]) == (2, 2, 2)


def test_the_first_committed_assessment_of_a_flag_wins(store: ReviewStore, claim: Claim) -> None:
    store.commit(claim, Effects(flags=[flag(risk=0.91)]))
    store.commit(claim, Effects(flags=[flag(risk=0.99, risk_version="r2")]))
    assert rows(store, "SELECT a.risk FROM flags f JOIN assessments a ON a.key = f.assessment_key") == [(0.91,)]
    assert rows(store, "SELECT risk_version FROM assessments ORDER BY 1") == [("r1",), ("r2",)]


def test_a_revision_and_another_platform_are_flags_of_their_own(store: ReviewStore, claim: Claim) -> None:
    flags = [flag(), flag(content_hash="d" * 64), flag(platform_id="other")]
    store.commit(claim, Effects(flags=flags))
    assert store.flag_counts()["flags"] == 3
    assert store.flag_counts()["accounts_in_review"] == 2


def test_an_assessment_comes_back_as_it_went_in(store: ReviewStore, claim: Claim) -> None:
    store.commit(claim, Effects(flags=[flag()]))
    from moderation.review.queries import FlagFilter, list_flags, show_flag

    (summary,) = list_flags(store.engine, FlagFilter())
    found, wanted = show_flag(store.engine, summary.id), assessment()
    for name in ("families", "reasons", "sections", "threshold", "synthetic_logit", "degraded", "missing"):
        assert getattr(found, name) == getattr(wanted, name), name
    for name in ("event_time", "risk", "synthetic_score", "agreeing", "account_id", "post_id", "platform_id"):
        assert getattr(summary, name) == getattr(wanted, name), name
    assert found.evidence is not None
    assert found.evidence.features == wanted.features
    assert summary.event_time is not None
    assert summary.event_time.tzinfo is UTC
    assert abs(found.evidence.expires_at - datetime.now(UTC) - timedelta(days=90)) < timedelta(minutes=1)


def test_hostile_text_comes_back_as_it_went_in(store: ReviewStore, claim: Claim) -> None:
    from moderation.review.queries import FlagFilter, list_flags, show_flag

    hostile = flag(HOSTILE, text=HOSTILE, account_id=HOSTILE, missing=(HOSTILE,), platform_id=HOSTILE)
    dead = dataclasses.replace(letter(), reason=HOSTILE)
    store.commit(claim, Effects(flags=[hostile, flag("other")], labels=[label(HOSTILE)], dead_letters=[dead]))
    (summary,) = list_flags(store.engine, FlagFilter(account_id=HOSTILE, post_id=HOSTILE))
    assert (summary.post_id, summary.account_id, summary.platform_id) == (HOSTILE, HOSTILE, HOSTILE)
    detail = show_flag(store.engine, summary.id)
    assert detail.missing == (HOSTILE,)
    assert detail.evidence is not None
    assert detail.evidence.text == HOSTILE
    assert store.outbox(10)[0].letter == dead


@pytest.mark.parametrize("sign", ["\x00", "\ud83d", "\U0001f4ac", "\x1a"])
def test_the_longest_ids_are_kept(store: ReviewStore, claim: Claim, sign: str) -> None:
    import random

    source = random.Random(1)
    longest = "".join(chr(source.randrange(0x10000, 0x10FFFF)) if sign == "\U0001f4ac" else sign for _ in range(512))
    store.commit(claim, Effects(flags=[flag(longest, account_id=longest, platform_id=longest)]))
    assert store.flag_counts()["flags"] == 1


def test_a_stale_writer_is_fenced_and_nothing_of_its_batch_is_visible(store: ReviewStore, claim: Claim) -> None:
    store.commit(claim, Effects(positions={partition(0): 3, partition(1): 4}))
    newer = store.claim("main", "two", [partition(0)])
    assert newer.positions == {partition(0): 3}
    before = contents(store)
    with pytest.raises(FencedError, match="belongs to two"):
        store.commit(claim, everything({partition(0): 10, partition(1): 10}))
    with pytest.raises(FencedError):
        store.commit(claim, everything({}))
    assert contents(store) == before
    store.commit(claim, everything({partition(1): 10}))
    store.commit(newer, Effects(positions={partition(0): 5}))
    assert store.claim("main", "three", [partition(0), partition(1)]).positions == {partition(0): 5, partition(1): 10}


def test_a_claim_during_a_commit_comes_after_it(store: ReviewStore, claim: Claim) -> None:
    positions: list[Any] = []
    inside = threading.Event()

    def claim_meanwhile() -> None:
        inside.wait(30)
        positions.append(store.claim("main", "two", [partition(0)]).positions)

    other = threading.Thread(target=claim_meanwhile, daemon=True)
    other.start()

    def on_execute(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("INSERT INTO flags"):
            inside.set()
            time.sleep(0.2)

    event.listen(store.engine, "before_cursor_execute", on_execute)
    store.commit(claim, everything({partition(0): 10}))
    event.remove(store.engine, "before_cursor_execute", on_execute)
    other.join(60)
    assert positions == [{partition(0): 10}]
    with pytest.raises(FencedError):
        store.commit(claim, Effects(positions={partition(0): 11}))


TABLES = (
    "assessments",
    "evidence",
    "flags",
    "accounts_in_review",
    "audit_samples",
    "labels",
    "deleted_posts",
    "outbox",
)


@pytest.mark.parametrize("statement", [*(f"INSERT INTO {table}" for table in TABLES), "UPDATE ledger"])
@pytest.mark.parametrize("when", ["before_cursor_execute", "after_cursor_execute"])
def test_a_failure_between_the_statements_leaves_nothing(
    store: ReviewStore, claim: Claim, statement: str, when: str
) -> None:
    before = contents(store)

    class Injected(Exception):
        pass

    def fail(_connection: Any, _cursor: Any, executed: str, *_rest: Any) -> None:
        if executed.startswith(statement):
            raise Injected

    event.listen(store.engine, when, fail)
    with pytest.raises((Injected, StatementError)):
        store.commit(claim, everything())
    event.remove(store.engine, when, fail)
    assert contents(store) == before
    store.commit(claim, everything())
    assert store.flag_counts()["flags"] == 1


def test_a_position_never_moves_backwards(store: ReviewStore, claim: Claim) -> None:
    store.commit(claim, Effects(positions={partition(0): 10}))
    store.commit(claim, Effects(positions={partition(0): 7}))
    assert store.claim("main", "one", [partition(0)]).positions == {partition(0): 10}


def test_pipelines_and_recreated_topics_have_positions_of_their_own(store: ReviewStore, claim: Claim) -> None:
    store.commit(claim, Effects(positions={partition(0): 10}))
    assert store.claim("other", "one", [partition(0)]).positions == {partition(0): None}
    again = partition(0, topic_id="id-2")
    assert store.claim("main", "one", [again]).positions == {again: None}
    assert store.known_topic_ids("main", "cluster-1", "posts") == {"id-1"}
    assert store.known_topic_ids("other", "cluster-1", "posts") == set()
    assert store.known_topic_ids("main", "cluster-2", "posts") == set()


def test_a_partition_that_was_never_claimed_cannot_be_committed(store: ReviewStore, claim: Claim) -> None:
    with pytest.raises(FencedError, match="no owner"):
        store.commit(claim, everything({partition(9): 1}))
    assert store.flag_counts()["flags"] == 0


def test_the_lease_is_taken_renewed_refused_given_back_and_lapses(store: ReviewStore) -> None:
    assert store.acquire_lease("main", "one", 60)
    assert store.acquire_lease("main", "one", 60)
    assert not store.acquire_lease("main", "two", 60)
    assert store.acquire_lease("other", "two", 60)
    store.release_lease("main", "two")
    assert not store.acquire_lease("main", "two", 60)
    store.release_lease("main", "one")
    assert store.acquire_lease("main", "two", 600)
    assert not store.acquire_lease("main", "one", 60)
    with store.engine.begin() as connection:  # as if the 600 s had passed
        connection.execute(update(LeaseRow).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert store.acquire_lease("main", "one", 60)
    assert not store.acquire_lease("main", "two", 60)


def test_of_many_who_want_the_lease_one_gets_it(store: ReviewStore) -> None:
    got: list[str] = []

    def want(owner: str) -> None:
        if store.acquire_lease("main", owner, 60):
            got.append(owner)

    rivals = [threading.Thread(target=want, args=(f"owner-{number}",), daemon=True) for number in range(8)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join(60)
    assert len(got) == 1


def test_begin_sets_the_position_of_partitions_that_have_none_and_is_fenced(store: ReviewStore, claim: Claim) -> None:
    store.commit(claim, Effects(positions={partition(0): 9}))
    store.begin(claim, {partition(0): 2, partition(1): 5})
    store.begin(claim, {})
    after = store.claim("main", "two", [partition(0), partition(1)])
    assert after.positions == {partition(0): 9, partition(1): 5}
    with pytest.raises(FencedError):
        store.begin(claim, {partition(1): 7})


def test_the_outbox_holds_each_origin_once_until_it_is_relayed(store: ReviewStore, claim: Claim) -> None:
    letters = [letter(offset) for offset in (5, 6, 7)] + [letter(5, partition(1)), letter(5, key=None, headers=())]
    store.commit(claim, Effects(dead_letters=letters))
    found = store.outbox(10)
    assert [row.letter for row in found] == letters[:4]
    assert {row.topic for row in found} == {"posts-dlt"}
    assert [row.id for row in found] == sorted(row.id for row in found)
    assert store.outbox(2) == found[:2] == store.outbox(2)
    store.relayed([found[0].id, found[2].id])
    store.relayed([found[0].id])
    store.relayed([])
    assert store.outbox(10) == [found[1], found[3]]
    store.commit(claim, Effects(dead_letters=letters))
    assert store.outbox(10) == [found[1], found[3]]
    assert rows(store, "SELECT count(*) FROM outbox WHERE relayed_at IS NOT NULL AND record_value IS NULL") == [(2,)]


def test_the_outbox_gives_the_letters_of_the_logs_that_are_asked_for(store: ReviewStore, claim: Claim) -> None:
    odd = Partition("c\x1a1", "po'sts\x00", "id-9", 0)
    reborn = Partition(partition().cluster_id, partition().topic, "another life", 0)
    places = [partition(), odd, partition(1), reborn, Partition("elsewhere", partition().topic, "id-1", 0)]
    letters = [letter(offset, where) for offset, where in enumerate(places)]
    store.commit(claim, Effects(dead_letters=letters))

    def found(*logs: Partition, limit: int = 10) -> list[DeadLetter]:
        return [row.letter for row in store.outbox(limit, {(log.cluster_id, log.topic) for log in logs})]

    assert found(partition()) == [letters[0], letters[2], letters[3]]
    assert found(odd, partition()) == letters[:4]
    assert found(odd, limit=1) == [letters[1]], "letters of others in front do not count"
    assert found() == []


def test_store_deletion_without_account_is_accepted(store: ReviewStore, claim: Claim) -> None:
    store.commit(claim, Effects(deletions=[dataclasses.replace(deletion("p8"), account_id=None), deletion("p9")]))
    assert sorted(rows(store, "SELECT post_id, account_id FROM deleted_posts")) == [("p8", None), ("p9", "a1")]


def test_labels_count_once(store: ReviewStore, claim: Claim) -> None:
    store.commit(claim, Effects(labels=[label("e1"), label("e2", None), label("e1")]))
    store.commit(claim, Effects(labels=[label("e2", None)]))
    assert store.flag_counts()["labels"] == 2


def test_a_database_without_our_tables_says_what_to_run(database_url: str) -> None:
    store = ReviewStore(database_url)
    with pytest.raises(SchemaOutdated, match="moderation db upgrade"):
        store.outbox(1)
    (problem,) = store.check()
    assert "run `moderation db upgrade`" in problem
    upgrade(store.engine, "0001")
    assert "is at revision 0001" in store.check()[0]
    upgrade(store.engine)
    assert store.check() == []
    store.close()
    store.close()


def test_the_age_of_the_outbox_counts_refused_letters_of_the_own_logs(store: ReviewStore, claim: Claim) -> None:
    store.commit(claim, Effects(dead_letters=[letter(5)], positions={partition(0): 7}))
    (row,) = store.outbox(10)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    with store.engine.begin() as connection:
        connection.execute(update(OutboxRecord).values(recorded_at=an_hour_ago))
    store.refuse([row.id], "no rights")
    origin = partition(0)
    assert store.outbox_age_s([(origin.cluster_id, origin.topic)]) > 3590
    assert store.outbox_age_s([(origin.cluster_id, "of another pipeline")]) == 0.0


def test_the_age_of_the_outbox_is_that_of_its_oldest_waiting_letter(store: ReviewStore, claim: Claim) -> None:
    assert store.outbox_age_s() == 0.0
    store.commit(claim, Effects(dead_letters=[letter(5), letter(6)], positions={partition(0): 7}))
    first, second = store.outbox(10)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    with store.engine.begin() as connection:
        connection.execute(update(OutboxRecord).where(OutboxRecord.id == first.id).values(recorded_at=an_hour_ago))
    assert 3590 < store.outbox_age_s() < 3660
    store.relayed([first.id])
    assert store.outbox_age_s() < 60
    store.relayed([second.id])
    assert store.outbox_age_s() == 0.0
