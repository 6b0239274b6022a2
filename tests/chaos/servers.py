"""The servers of all runs of random faults, each reached through a proxy, and what is created on them for a run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import redis
from kafka import KafkaAdminClient

from tests.acceptance.deployment import PARTITIONS
from tests.acceptance.stream import Produced, Topics, produce
from tests.services.broker import KafkaBroker
from tests.services.pgbouncer import PgBouncer
from tests.services.postgresql import PostgresServer
from tests.services.process import free_ports
from tests.services.proxy import Proxy
from tests.services.redis import RedisServer


class Servers:
    """A broker, PostgreSQL with a pooler before it, and Redis.

    The sidecar reaches each through a proxy; the checks of a run reach the servers themselves.
    """

    def __init__(self) -> None:
        (inner,) = free_ports(1)
        self.broker_proxy = Proxy(inner)
        self.broker = KafkaBroker(
            f"listeners=NET://127.0.0.1:{inner}\nadvertised.listeners=NET://127.0.0.1:{self.broker_proxy.port}\n"
            "listener.security.protocol.map=NET:PLAINTEXT"
        )
        self.database, self.redis = PostgresServer(), RedisServer()
        database_port = port_of(self.database.address)
        self.pooler = PgBouncer(database_port)
        self.database_proxy = Proxy(database_port)
        self.redis_proxy = Proxy(port_of(self.redis.address))

    @property
    def proxies(self) -> dict[str, Proxy]:
        """The networks that can have faults, by server."""
        return {"broker": self.broker_proxy, "database": self.database_proxy, "redis": self.redis_proxy}

    def begin(self, name: str, lines: Sequence[bytes]) -> tuple[Topics, Produced, str]:
        """Put the records on topics of their own; return them with the URL of a new database, and empty Redis."""
        topics = Topics(*(f"{name}-{kind}" for kind in ("posts", "follows", "deletions", "labels")))
        admin = KafkaAdminClient(bootstrap_servers=[self.broker.address])
        partitions = {topics.posts: PARTITIONS, topics.follows: 2, topics.deletions: PARTITIONS, topics.labels: 1}
        for topic, count in {**partitions, f"{topics.posts}-dlt": 1}.items():
            admin.create_topics({topic: {"num_partitions": count, "replication_factor": 1}}, wait_for_metadata=True)
        admin.close()
        produced = produce(self.broker.address, topics, lines)
        url = self.database.create_database()
        subprocess.run([sys.executable, "-m", "moderation", "db", "upgrade", "--database", url], check=True)
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()
        return topics, produced, url

    def close(self) -> None:
        """End everything."""
        for proxy in self.proxies.values():
            proxy.close()
        self.pooler.close()
        for server in (self.redis, self.database, self.broker):
            server.close()


def port_of(address: str) -> int:
    """Port of host:port."""
    return int(address.rpartition(":")[2])
