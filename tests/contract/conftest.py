"""The review store that the contract tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.reviewdb.store import ReviewStore


@pytest.fixture
def store(migrated_url: str) -> Iterator[ReviewStore]:
    """A store on an empty database with this version's tables."""
    store = ReviewStore(migrated_url)
    yield store
    store.close()
