"""The part of `moderation flags erase --state` that changes the saved state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moderation.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from moderation.settings import Settings


OWNER = "moderation flags erase"
"""Owner of the lease during an erasure; no sidecar starts meanwhile."""
LEASE_S = 600.0


@contextmanager
def no_sidecar(engine: Engine, settings: Settings, platform_id: str) -> Iterator[None]:
    """Keep sidecars of the pipeline from starting, because the memory of one has the account.

    Raises SettingsError for another platform, and while a sidecar runs. Nothing is erased then.
    """
    from connectors.reviewdb import leases
    from connectors.reviewdb.engine import at_edge

    pipeline = settings.pipeline
    if platform_id != settings.platform_id:
        raise SettingsError(
            f"the saved state is of the platform {settings.platform_id!r}; leave out --platform or --state"
        )
    with at_edge(engine), engine.begin() as connection:
        holders = leases.holders(connection, pipeline)
        taken = not holders and leases.acquire(connection, pipeline, OWNER, LEASE_S)
    if not taken:
        raise SettingsError(
            f"{', '.join(holders) or 'a sidecar'} runs the pipeline {pipeline}; stop all its sidecars before --state, "
            "and wait until their lease has expired (lease_ttl_s)"
        )
    try:
        yield
    finally:
        with at_edge(engine), engine.begin() as connection:
            leases.release(connection, pipeline, OWNER)


def erase_from_state(settings: Settings, account_id: str) -> int:
    """Remove an account from the saved state and from the backend; return how many rows were removed.

    Raises InputError while another process uses the directory, or where the state cannot be used.
    """
    from moderation.app import state_backend
    from moderation.directories import exclusive
    from moderation.state import has_saved
    from moderation.state.erasing import erase_from_journal
    from moderation.state.identifiers import account_number

    number, removed, directory = account_number(account_id), 0, settings.state.directory
    backend = None if settings.state.backend == "memory" else state_backend(settings)
    if directory is not None and directory.is_dir():
        with exclusive(directory):
            if has_saved(directory):
                removed += erase_from_journal(directory, number)
            if backend is not None and not backend.several:
                removed += backend.erase(number)
    if backend is not None and backend.several:
        removed += backend.erase(number)
        backend.close()
    return removed
