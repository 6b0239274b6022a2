"""A simulated platform that produces its events to Kafka: `python -m moderation.demo.stream`, for the compose file."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kafka import KafkaProducer
from kafka.errors import KafkaError

from connectors.kafka_connection import connection_config
from connectors.kafka_opening import open_client
from moderation.demo.cast import cast
from moderation.demo.people_texts import default_cache, people_texts
from moderation.errors import ConnectionLost
from moderation.events import Deletion, Event, Follow, Post
from moderation.lab.simulation import SimulationConfig, build_platform
from moderation.lab.simulation.writing import as_line
from moderation.settings import KafkaSettings, load_settings
from moderation.telemetry.logs import set_up_logging

log = logging.getLogger(__name__)

DAYS = 14


def topic_and_key(event: Event, settings: KafkaSettings) -> tuple[str, str | None]:
    """Return where an event goes; the events of an account have its id as key."""
    if isinstance(event, Post):
        return settings.posts, event.account_id
    if isinstance(event, Follow):
        return settings.follows, event.account_id
    if isinstance(event, Deletion):
        return settings.deletions, event.account_id
    return settings.labels, None


def events(accounts: int, seed: int, cache: Path) -> Iterator[Event]:
    """Yield the events of a platform whose last posts are of today."""
    config = SimulationConfig(
        seed=seed,
        accounts=accounts,
        days=DAYS,
        campaign_share=0.12,
        unseen_share=0.2,
        parameters="held_out",
        start=datetime.now(UTC) - timedelta(days=DAYS),
        name="demo",
    )
    yield from build_platform(config, cast(people_texts(cache), seed)).events()


def produce(settings: KafkaSettings, found: Iterator[Event], rate: float) -> int:
    """Send events at a rate per second; return how many. Kinds without a topic are left out. Raises ConnectionLost."""
    try:
        producer = open_client(KafkaProducer, linger_ms=20, **connection_config(settings))
        began, sent = time.monotonic(), 0
        for event in found:
            topic, key = topic_and_key(event, settings)
            if topic:
                time.sleep(max(0.0, began + sent / rate - time.monotonic()))
                producer.send(topic, as_line(event).encode(), key=None if key is None else key.encode())
                sent += 1
        producer.flush()
        producer.close()
    except (KafkaError, OSError) as error:
        raise ConnectionLost(
            f"the demo cannot produce to {settings.bootstrap_servers} ({type(error).__name__}: {error}); check that "
            "the broker runs and that the topics exist"
        ) from None
    return sent


def main() -> None:
    """Produce one platform and end."""
    parser = argparse.ArgumentParser(prog="python -m moderation.demo.stream", description=__doc__)
    parser.add_argument("--config", type=Path, help="TOML file with settings; variables override it")
    parser.add_argument("--accounts", type=int, default=1500, help="number of accounts; one in eight is of a campaign")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=50.0, help="events a second")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="directory for the human texts")
    arguments = parser.parse_args()
    settings = load_settings(arguments.config)
    set_up_logging(settings.log_format)
    sent = produce(settings.kafka, events(arguments.accounts, arguments.seed, arguments.cache), arguments.rate)
    log.info("demo platform ended", extra={"fields": {"events": sent}})


if __name__ == "__main__":
    main()
