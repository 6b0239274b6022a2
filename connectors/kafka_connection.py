"""The connection to a Kafka cluster: the common configuration of the clients, and the partitions that it has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, TopicAuthorizationFailedError

from connectors.kafka_certificates import CLIENT, certificate_config, require_complete
from connectors.kafka_diagnosis import require_tls, why_unreachable
from connectors.kafka_opening import open_client
from moderation.effects import Partition
from moderation.errors import ConnectionLost, SettingsError
from moderation.settings import KafkaSettings

TIMEOUT_MS = 10_000
LOGIN = ("sasl_mechanism", "sasl_username", "sasl_password")


def require_fitting_settings(settings: KafkaSettings) -> None:
    """Raise SettingsError where login or certificate are incomplete, or are set and not used."""
    protocol, login = settings.security_protocol, settings.security_protocol.startswith("SASL_")
    missing = [f"kafka.{name}" for name in LOGIN if not getattr(settings, name)]
    unused = [f"kafka.{name}" for name in LOGIN if getattr(settings, name)]
    if login and missing:
        raise SettingsError(f"kafka.security_protocol {protocol} needs {' and '.join(missing)}")
    if unused and not login:
        raise SettingsError(
            f"kafka.security_protocol {protocol} does not use {' and '.join(unused)}; set it to SASL_SSL, or "
            "remove the login"
        )
    files = [f"kafka.{name}" for name in ("ssl_cafile", *CLIENT) if getattr(settings, name)]
    if files and not protocol.endswith("SSL"):
        names = " and ".join(files)
        raise SettingsError(
            f"kafka.security_protocol {protocol} does not use {names}; set it to "
            f"{protocol.replace('PLAINTEXT', 'SSL')}, or remove {names}"
        )
    require_complete(settings)


def connection_config(settings: KafkaSettings) -> dict[str, Any]:
    """Return the common kafka-python configuration of consumer, producer and admin client."""
    if not settings.bootstrap_servers:
        raise SettingsError("kafka.bootstrap_servers is empty; name a broker, such as 127.0.0.1:9092")
    config: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in settings.bootstrap_servers.split(",")],
        "security_protocol": settings.security_protocol,
        "bootstrap_timeout_ms": TIMEOUT_MS,
    }
    require_fitting_settings(settings)
    config |= certificate_config(settings)
    if settings.sasl_mechanism is not None:
        password = settings.sasl_password
        config |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": password.get_secret_value() if password is not None else None,
        }
    return config


def describe_partitions(settings: KafkaSettings, topics: Iterable[str]) -> list[Partition]:
    """Return every partition of the topics, with cluster and topic id.

    Raises ConnectionLost when no broker answers, SettingsError when a topic does not exist.
    """
    wanted, connection = sorted(set(topics)), connection_config(settings)
    require_tls(settings)
    try:
        admin = open_client(KafkaAdminClient, **connection)
        try:
            cluster_id = str(admin.describe_cluster()["cluster_id"])
            described = admin.describe_topics(wanted)
        finally:
            admin.close()
    except (KafkaConnectionError, KafkaTimeoutError, OSError) as error:
        raise why_unreachable(settings, error) from None
    except KafkaError as error:
        raise ConnectionLost(f"the broker at {settings.bootstrap_servers} refused: {error}") from None
    found: list[Partition] = []
    for topic in described:
        if topic.get("error_code") == TopicAuthorizationFailedError.errno:
            raise SettingsError(
                f"the user {settings.sasl_username or 'of the sidecar'} may not read the topic {topic['name']} on "
                f"{settings.bootstrap_servers}; grant READ and DESCRIBE on it, and READ on the group "
                f"{settings.group_id}"
            )
        if topic.get("error_code"):
            raise SettingsError(
                f"the topic {topic['name']} does not exist on {settings.bootstrap_servers}; create it, or correct "
                "the name in the settings (kafka.posts, kafka.follows, kafka.deletions, kafka.labels)"
            )
        found.extend(
            Partition(cluster_id, str(topic["name"]), str(topic.get("topic_id") or ""), int(part["partition_index"]))
            for part in topic["partitions"]
        )
    return sorted(found)
