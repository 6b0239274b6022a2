"""A post is identified within its account; deletions and labels without an account find the only one that matches."""

from __future__ import annotations

from itertools import permutations

import pytest

from connectors.reviewdb.store import ReviewStore
from moderation.effects import Effects
from moderation.ports import Claim
from moderation.review.queries import FlagDetail, FlagFilter, list_flags, show_flag
from tests.contract.samples import WRITTEN, deletion, flag, label, partition

DELETED, LABELLED = deletion(account_id=None), label(account_id=None)


@pytest.fixture
def claim(store: ReviewStore) -> Claim:
    """The right to write for one partition."""
    return store.claim("main", "one", [partition()])


def shown(store: ReviewStore) -> dict[str | None, FlagDetail]:
    """The flags by account."""
    found = [show_flag(store.engine, summary.id) for summary in list_flags(store.engine, FlagFilter())]
    return {detail.summary.account_id: detail for detail in found}


def test_flags_of_two_accounts_with_one_post_id_and_text_are_two(store: ReviewStore, claim: Claim) -> None:
    flags = [flag(account_id="a1"), flag(account_id="a2")]
    store.commit(claim, Effects(flags=flags, deletions=[deletion(account_id="a2")], labels=[label(account_id="a2")]))
    found = shown(store)
    assert {account: detail.summary.deleted_at for account, detail in found.items()} == {"a1": None, "a2": WRITTEN}
    assert [len(found[account].labels) for account in ("a1", "a2")] == [0, 1]
    assert store.flag_counts()["evidence"] == 2


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_deletion_and_label_without_account_reach_the_only_match_in_any_order(
    store: ReviewStore, claim: Claim, order: tuple[int, ...]
) -> None:
    batches = [Effects(flags=[flag(), flag("p2")]), Effects(deletions=[DELETED]), Effects(labels=[LABELLED])]
    for index in order:
        store.commit(claim, batches[index])
    found = {detail.summary.post_id: detail for detail in _details(store)}
    assert found["p1"].summary.deleted_at == WRITTEN
    assert [label.about for label in found["p1"].labels] == ["post"]
    assert found["p2"].summary.deleted_at is None
    assert found["p2"].labels == ()


def _details(store: ReviewStore) -> list[FlagDetail]:
    return [show_flag(store.engine, summary.id) for summary in list_flags(store.engine, FlagFilter())]


def test_deletion_and_label_without_account_that_match_two_accounts_are_counted(
    store: ReviewStore, claim: Claim
) -> None:
    store.commit(claim, Effects(flags=[flag(account_id="a1"), flag(account_id="a2")]))
    counted = store.commit(claim, Effects(deletions=[DELETED], labels=[LABELLED]))
    assert counted == {"deletions_ambiguous": 1, "labels_ambiguous": 1}
    for detail in _details(store):
        assert detail.summary.deleted_at is None
        assert detail.labels == ()


def test_deletion_and_label_without_account_that_match_none_are_counted_and_kept(
    store: ReviewStore, claim: Claim
) -> None:
    counted = store.commit(claim, Effects(deletions=[DELETED, deletion("p2")], labels=[LABELLED, label("e2", "p2")]))
    assert counted == {"deletions_unmatched": 1, "labels_unmatched": 1}
    assert store.commit(claim, Effects(flags=[flag()])) == {}
    (detail,) = _details(store)
    assert detail.summary.deleted_at == WRITTEN
    assert sorted(label.about for label in detail.labels) == ["account", "post"]


def test_deletion_without_account_applied_before_a_second_account_came_stays_applied(
    store: ReviewStore, claim: Claim
) -> None:
    store.commit(claim, Effects(flags=[flag(account_id="a1")], deletions=[DELETED], labels=[LABELLED]))
    store.commit(claim, Effects(flags=[flag(account_id="a2")]))
    found = shown(store)
    assert {account: detail.summary.deleted_at for account, detail in found.items()} == {"a1": WRITTEN, "a2": None}
    assert [len(found[account].labels) for account in ("a1", "a2")] == [1, 0]
