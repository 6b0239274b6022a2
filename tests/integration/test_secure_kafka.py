"""TLS, logins and rights of Kafka: posts go through, and each fault is one sentence of `moderation check`."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from connectors.deadletters import KafkaRelay
from connectors.decision_relay import DecisionRelay, Relays
from connectors.kafka_connection import connection_config, describe_partitions
from connectors.reviewdb.engine import open_engine
from connectors.reviewdb.identity import account_key
from connectors.reviewdb.schema import upgrade
from connectors.reviewdb.store import ReviewStore
from moderation.app import run_sidecar
from moderation.cli.check_topics import describe_topic
from moderation.effects import Effects
from moderation.errors import ConnectionLost, ModerationError, SettingsError
from moderation.review.account_decisions import AccountDecision, decide_account
from moderation.review.accounts import read_account
from moderation.settings import Settings
from moderation.stream.pipeline import Outcome
from moderation.stream.sidecar import Sidecar
from tests.contract.samples import PLATFORM, flag, partition
from tests.integration.test_deadletters import read_all
from tests.integration.test_decision_relay import ANA, NOW
from tests.services.certificates import Certificates, divided, encrypted, make_certificates
from tests.services.secure_broker import PASSWORD, STRANGER, USER, SecureBroker

TOPIC, HIDDEN, MIXED, DECISIONS, GROUP = "posts", "hidden", "mixed", "decisions", "group"
UNREADABLE = b"no JSON"
LOGIN = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_username": USER, "sasl_password": PASSWORD}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secure(certificates: Certificates) -> Iterator[SecureBroker]:
    """A broker with a topic that USER may read and one that USER may not."""
    broker = SecureBroker(certificates)
    admin = KafkaAdminClient(bootstrap_servers=[broker.broker.address])
    for name in (TOPIC, HIDDEN, MIXED, DECISIONS):
        admin.create_topics({name: {"num_partitions": 2, "replication_factor": 1}}, wait_for_metadata=True)
    admin.close()
    broker.allow([TOPIC, f"{TOPIC}-dlt", MIXED, f"{MIXED}-dlt", DECISIONS], GROUP)
    post = {"post_id": "p1", "account_id": "a1", "created_at": "2026-01-05T10:00:00Z", "text": "Where is my bus?"}
    producer = KafkaProducer(bootstrap_servers=[broker.broker.address])
    for topic in (TOPIC, MIXED):
        producer.send(topic, json.dumps(post).encode(), partition=0)
    producer.send(MIXED, UNREADABLE, partition=0)
    producer.flush()
    producer.close()
    yield broker
    broker.close()


def settings_of(secure: SecureBroker, listener: str, certificates: Certificates, **changes: Any) -> Settings:
    kafka: dict[str, Any] = {"bootstrap_servers": secure.addresses[listener], "posts": TOPIC, "group_id": GROUP}
    if listener in ("TLS", "LOGIN", "EXPIRED", "ELSEWHERE", "MUTUAL"):
        kafka |= {"security_protocol": "SASL_SSL" if listener == "LOGIN" else "SSL"}
        kafka |= {"ssl_cafile": certificates.authority}
    if listener == "PLAINLOGIN":
        kafka["security_protocol"] = "SASL_PLAINTEXT"
    if "LOGIN" in listener:
        kafka |= LOGIN
    return Settings(kafka=kafka | changes, address_key="k" * 64)  # type: ignore[arg-type]


def run_until_judged(settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, float]:
    """Run a sidecar on a new database until it has judged a post; return its totals."""
    url = f"sqlite:///{folder / 'reviews.sqlite'}"
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    settings = settings.model_copy(update={"database_url": Settings(database_url=url).database_url})  # type: ignore[arg-type]
    built: list[Sidecar] = []
    begin = Sidecar.run
    monkeypatch.setattr(Sidecar, "run", lambda self: (built.append(self), begin(self))[1])
    judged = threading.Event()

    def on_batch(outcome: Outcome) -> None:
        if outcome.effects.counters.get("posts"):
            judged.set()
            built[0].stop()

    stop_late = threading.Timer(120.0, lambda: [sidecar.stop() for sidecar in built])
    stop_late.start()
    totals = run_sidecar(settings, on_batch=on_batch)
    stop_late.cancel()
    assert judged.is_set()
    return totals


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_posts_are_judged_over_tls_with_each_mechanism(
    secure: SecureBroker, certificates: Certificates, tmp_path: Path, mechanism: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(secure, "LOGIN", certificates, sasl_mechanism=mechanism)
    assert run_until_judged(settings, tmp_path, monkeypatch)["posts"] == 1


def test_posts_are_judged_and_dead_letters_and_decisions_sent_with_a_client_certificate(
    secure: SecureBroker, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is encrypted; consumer, producers and admin clients connect with it."""
    chain, key = divided(certificates.client)
    client = {"ssl_certfile": chain, "ssl_keyfile": encrypted(key, PASSWORD), "ssl_password": PASSWORD}
    settings = settings_of(secure, "MUTUAL", certificates, posts=MIXED, **client)
    assert run_until_judged(settings, tmp_path, monkeypatch)["posts"] == 1
    store = ReviewStore(f"sqlite:///{tmp_path / 'reviews.sqlite'}")
    store.commit(store.claim("other", "one", [partition()]), Effects(flags=[flag("p1")]))
    account = account_key(PLATFORM, "a1")
    state = read_account(store.engine, ANA, account, NOW).state
    decide_account(store.engine, ANA, AccountDecision(account, state, "confirmed", "words of a person"), NOW)
    connection = connection_config(settings.kafka)
    letters = KafkaRelay(store, connection, partitions=describe_partitions(settings.kafka, [MIXED]))
    with closing(Relays(letters, DecisionRelay(store.engine, connection, DECISIONS, PLATFORM))) as relays:
        relays.run_once()
    store.close()
    assert [record.value for record in read_all(secure.broker.address, f"{MIXED}-dlt")] == [UNREADABLE]
    assert len(read_all(secure.broker.address, DECISIONS)) == 1


UNTRUSTED = "is signed by an authority that is not trusted .* set kafka.ssl_cafile to the file of its authority"
FAULTS: dict[str, tuple[str, dict[str, Any], type[ModerationError], str]] = {
    "wrong authority": ("TLS", {"ssl_cafile": "other_authority"}, SettingsError, UNTRUSTED),
    "no authority": ("TLS", {"ssl_cafile": None}, SettingsError, UNTRUSTED),
    "expired certificate": ("EXPIRED", {}, ConnectionLost, r"is not valid now \(certificate has expired\); renew it"),
    "certificate of another host": ("ELSEWHERE", {}, SettingsError, "is not for 127.0.0.1; name the host"),
    "no client certificate": (
        "MUTUAL",
        {},
        SettingsError,
        r"requires a client certificate \(.*\); set kafka.ssl_certfile and kafka.ssl_keyfile",
    ),
    "a client certificate of another authority": (
        "MUTUAL",
        {"ssl_certfile": "foreign_client"},
        SettingsError,
        r"refuses the client certificate in .*foreign-client.pem \(.*\); set kafka.ssl_certfile to one that is valid",
    ),
    "no TLS on a TLS port": (
        "TLS",
        {"security_protocol": "PLAINTEXT", "ssl_cafile": None},
        SettingsError,
        "expects TLS; set kafka.security_protocol to SSL or SASL_SSL",
    ),
    "TLS on a port without": (
        "PLAINTEXT",
        {"security_protocol": "SSL"},
        SettingsError,
        "does not answer with TLS .* set kafka.security_protocol to PLAINTEXT",
    ),
    "wrong password": (
        "LOGIN",
        {"sasl_password": "wrong"},
        ConnectionLost,
        "not the login of 'moderation' by SCRAM-SHA-512; correct kafka.sasl_username, kafka.sasl_password",
    ),
    "no login where one is expected": (
        "PLAINLOGIN",
        {"security_protocol": "PLAINTEXT"} | dict.fromkeys(LOGIN),
        ConnectionLost,
        "if the port expects a login, set kafka.security_protocol to SASL_PLAINTEXT",
    ),
    "a user without rights": (
        "LOGIN",
        {"sasl_username": STRANGER},
        SettingsError,
        "the user stranger may not read the topic posts .* grant READ and DESCRIBE",
    ),
    "an unknown topic": ("TLS", {"posts": "no-such-topic"}, SettingsError, "the topic no-such-topic does not exist"),
    "a topic without rights": ("LOGIN", {"posts": HIDDEN}, SettingsError, "may not read the topic hidden"),
    "a host that is unknown": (
        "TLS",
        {"bootstrap_servers": "no-such-host.invalid:9092"},
        ConnectionLost,
        "the host no-such-host.invalid of kafka.bootstrap_servers is unknown",
    ),
}


ENDED_BY_TIME = ("no TLS on a TLS port", "wrong password", "no login where one is expected")
"""Faults that the client never reports: the cause is found after its time limit, which may be short therefore."""


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_sentence_that_says_what_to_change(
    secure: SecureBroker, certificates: Certificates, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener, changes, error, message = FAULTS[name]
    if name in ENDED_BY_TIME:
        monkeypatch.setattr("connectors.kafka_connection.TIMEOUT_MS", 1_000)
    files = {name: getattr(certificates, file) for name, file in changes.items() if name.startswith("ssl_") and file}
    settings = settings_of(secure, listener, certificates, **changes | files)
    with pytest.raises(error, match=message) as raised:
        describe_topic(settings, settings.kafka.posts)
    assert "\n" not in str(raised.value)
    assert PASSWORD not in str(raised.value)


def test_a_frozen_broker_is_no_fault_of_the_settings(
    secure: SecureBroker, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.kafka_connection.TIMEOUT_MS", 1_000)
    monkeypatch.setattr("connectors.kafka_diagnosis.TIMEOUT_S", 0.5)
    process = secure.broker.process
    process.freeze()
    try:
        for listener in ("TLS", "PLAINTEXT"):
            settings = settings_of(secure, listener, certificates)
            with pytest.raises(ConnectionLost, match="no Kafka broker answers"):
                describe_topic(settings, TOPIC)
    finally:
        process.thaw()


def test_the_check_prints_the_sentence_without_messages_of_the_client(
    secure: SecureBroker, certificates: Certificates, tmp_path: Path
) -> None:
    config = tmp_path / "sidecar.toml"
    config.write_text(
        f'address_key = "{"k" * 64}"\ndatabase_url = "sqlite:///{tmp_path}/none.sqlite"\n[kafka]\n'
        f'bootstrap_servers = "{secure.addresses["TLS"]}"\nsecurity_protocol = "SSL"\n'
        f'ssl_cafile = "{certificates.other_authority}"\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "moderation", "check", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, env={"COLUMNS": "400"})
    assert done.returncode == 1, done.stderr
    assert "is signed by an authority that is not trusted" in done.stdout
    assert done.stderr == ""
