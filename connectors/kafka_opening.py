"""Opens kafka-python clients so that a failed attempt leaves no thread and no socket open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from kafka.net.compat import KafkaNetClient

Client = TypeVar("Client")


def open_client(make: Callable[..., Client], **config: Any) -> Client:
    """Return `make(**config)` for KafkaProducer, KafkaConsumer or KafkaAdminClient.

    Their constructors (3.0.12) start a network thread and sockets and close neither when no broker answers, so that
    retries during an outage would accumulate them; here they are closed before the error is raised.
    """
    networks: list[KafkaNetClient] = []

    def remember(**settings: Any) -> KafkaNetClient:
        networks.append(KafkaNetClient(**settings))
        return networks[-1]

    try:
        return make(kafka_client=remember, **config)
    except BaseException:
        for network in networks:
            network.close()
        raise
