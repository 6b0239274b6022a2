"""Opens kafka-python's clients so that an attempt without a broker leaves no thread and no socket behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from kafka.net.compat import KafkaNetClient

Client = TypeVar("Client")


def open_client(make: Callable[..., Client], **config: Any) -> Client:
    """`make(**config)` for KafkaProducer, KafkaConsumer or KafkaAdminClient.

    Their constructors (3.0.12) start a network thread and sockets and let go of neither when no broker answers. An
    outage that is waited out by trying again would pile them up; here they are closed before the error goes on.
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
