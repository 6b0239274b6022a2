"""The review database behind PgBouncer in transaction mode, which may run each transaction on another connection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.engine import make_url

from connectors.reviewdb.schema import upgrade
from connectors.reviewdb.store import ReviewStore
from moderation.effects import Effects
from tests.contract.samples import everything, partition
from tests.services.pgbouncer import PgBouncer


@pytest.fixture
def pooled_url(postgres_url: str) -> Iterator[str]:
    """An empty database, reached through a pooler."""
    url = make_url(postgres_url)
    assert url.port is not None
    pooler = PgBouncer(url.port)
    yield url.set(port=pooler.port).render_as_string(hide_password=False)
    pooler.close()


def test_sidecars_behind_a_pooler_of_transactions_repeat_every_statement(pooled_url: str) -> None:
    stores = [ReviewStore(pooled_url) for _ in range(2)]
    upgrade(stores[0].engine)
    claims = [store.claim(f"pipeline-{number}", "one", [partition()]) for number, store in enumerate(stores)]
    for offset in range(1, 20):
        for store, claim in zip(stores, claims, strict=True):
            store.commit(claim, Effects(positions={partition(): offset}))
            assert store.acquire_lease(claim.pipeline, "one", 5)
    for store, claim in zip(stores, claims, strict=True):
        store.commit(claim, everything())
        assert store.flag_counts()["flags"] == 1
        store.close()
