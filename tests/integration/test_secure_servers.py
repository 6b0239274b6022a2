"""TLS and passwords of PostgreSQL and Redis: they are used, and each fault is one sentence that says what to change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.reviewdb.schema import upgrade
from connectors.reviewdb.store import ReviewStore
from connectors.state_redis import RedisState
from moderation.errors import ConnectionLost, ModerationError, SettingsError
from tests.services.certificates import Certificates, divided, make_certificates
from tests.services.postgresql import PostgresServer
from tests.services.redis import RedisServer

PASSWORD = "secret-of-the-test"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@dataclass(frozen=True)
class Database:
    """A server with TLS and a database of a user with a password."""

    server: PostgresServer
    name: str

    def url(
        self, authority: Path, *, password: str = PASSWORD, host: str = "127.0.0.1", mode: str = "verify-full"
    ) -> str:
        """A URL for the user."""
        port = self.server.address.rpartition(":")[2]
        return f"postgresql://moderation:{password}@{host}:{port}/{self.name}?sslmode={mode}&sslrootcert={authority}"


def database(certificate: Path) -> Database:
    server = PostgresServer(divided(certificate))
    name = server.create_database().rpartition("/")[2]
    server.add_user("moderation", PASSWORD, name)
    return Database(server, name)


@pytest.fixture(scope="module")
def secure(certificates: Certificates) -> Iterator[Database]:
    found = database(certificates.server)
    yield found
    found.server.close()


@pytest.fixture(scope="module")
def secure_redis(certificates: Certificates) -> Iterator[RedisServer]:
    server = RedisServer(divided(certificates.server), PASSWORD)
    yield server
    server.close()


def fault(url: str) -> str:
    """What is wrong with a database, in one line without the password."""
    store = ReviewStore(url)
    try:
        with pytest.raises(ConnectionLost) as raised:
            store.flag_counts()
    finally:
        store.close()
    assert "\n" not in str(raised.value)
    assert PASSWORD not in str(raised.value)
    return str(raised.value)


def test_the_database_is_used_over_tls_with_a_verified_certificate(
    secure: Database, certificates: Certificates
) -> None:
    store = ReviewStore(secure.url(certificates.authority))
    upgrade(store.engine)
    assert store.acquire_lease("main", "one", 10.0)
    with store.engine.connect() as connection:
        used = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ((encrypted, version),) = connection.exec_driver_sql(used)
    store.close()
    assert encrypted
    assert version in ("TLSv1.2", "TLSv1.3")


def test_faults_of_the_database_say_what_to_change(secure: Database, certificates: Certificates) -> None:
    authority = certificates.authority
    for url, wanted in {
        secure.url(
            certificates.other_authority
        ): "certificate verify failed); its certificate is expired, or not signed",
        secure.url(Path("/none.pem")): "name the file of the certificate authority in sslrootcert",
        secure.url(authority, host="localhost"): "name the host in the URL as the certificate does",
        secure.url(authority, mode="disable"): "the server expects TLS: set sslmode=verify-full",
        secure.url(authority, password="wrong"): "correct user and password in MODERATION_DATABASE_URL",
    }.items():
        assert wanted in fault(url)


def test_an_expired_certificate_of_the_database_is_refused(certificates: Certificates) -> None:
    expired = database(certificates.expired)
    try:
        assert "its certificate is expired, or not signed" in fault(expired.url(certificates.authority))
    finally:
        expired.server.close()


def test_a_database_without_tls_is_refused_where_it_is_demanded(postgres_url: str, certificates: Certificates) -> None:
    url = postgres_url + f"?sslmode=verify-full&sslrootcert={certificates.authority}"
    assert "the server has no TLS: turn it on there" in fault(url)


def test_redis_is_used_over_tls(secure_redis: RedisServer, certificates: Certificates) -> None:
    state = RedisState(f"rediss://:{PASSWORD}@{secure_redis.address}/0?ssl_ca_certs={certificates.authority}", "p")
    state.open([], "identity")
    assert "uses" in state.check()
    state.close()


@pytest.mark.parametrize(
    ("url", "error", "wanted"),
    [
        ("rediss://:{password}@{server}/0?ssl_ca_certs={other}", ConnectionLost, "name its certificate authority with"),
        ("rediss://:{password}@{server}/0?ssl_ca_certs=/none.pem", ConnectionLost, "Name the file of its certificate"),
        ("redis://:{password}@{server}/0", ConnectionLost, "if it expects TLS, write rediss://"),
        ("rediss://:wrong@{server}/0?ssl_ca_certs={ca}", SettingsError, "refuses the sign-in of state.redis_url"),
        ("rediss://{server}/0?ssl_ca_certs={ca}", SettingsError, "refuses the sign-in of state.redis_url"),
    ],
)
def test_faults_of_redis_say_what_to_change(
    secure_redis: RedisServer, certificates: Certificates, url: str, error: type[ModerationError], wanted: str
) -> None:
    values = {"server": secure_redis.address, "password": PASSWORD}
    values |= {"ca": str(certificates.authority), "other": str(certificates.other_authority)}
    state = RedisState(url.format(**values), "p")
    with pytest.raises(error, match=wanted) as raised:
        state.check()
    state.close()
    assert PASSWORD not in str(raised.value)


def test_an_expired_certificate_of_redis_is_refused(certificates: Certificates) -> None:
    server = RedisServer(divided(certificates.expired))
    state = RedisState(f"rediss://{server.address}/0?ssl_ca_certs={certificates.authority}", "p")
    try:
        with pytest.raises(ConnectionLost, match=r"certificate has expired.*Renew its certificate"):
            state.check()
    finally:
        state.close()
        server.close()
