"""The peer of the pipeline bench: quix-streams counting the distinct accounts of each hour on one topic."""

from __future__ import annotations

import time
import uuid
from typing import Any

from moderation.errors import SettingsError


def distinct_accounts_per_s(bootstrap: str, topic: str, count: int) -> int:
    """Return the posts per second of quix-streams. Raises SettingsError where it is not installed."""
    try:
        from quixstreams import Application
    except ImportError:
        raise SettingsError("quix-streams is not installed: pip install quixstreams") from None
    application = Application(
        broker_address=bootstrap,
        consumer_group=f"peer-{uuid.uuid4().hex}",
        auto_offset_reset="earliest",
        state_dir=f"/tmp/quix-{uuid.uuid4().hex}",  # its own name
        loglevel="ERROR",
    )
    posts = application.topic(topic, value_deserializer="json")
    times: list[float] = []

    def collect(accounts: dict[str, int], post: dict[str, Any]) -> dict[str, int]:
        accounts[post["account_id"]] = 1
        return accounts

    def note(_window: object) -> None:
        times.append(time.perf_counter())

    frame = application.dataframe(posts)
    frame = frame.tumbling_window(3_600_000).reduce(collect, lambda post: {post["account_id"]: 1}).current()
    frame.update(note)
    application.run(count=count)
    return round((len(times) - 1) / (times[-1] - times[0]))
