"""The kind of network of an address, from a database of the operator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from moderation.cli.check import parts
from moderation.errors import SettingsError
from moderation.events import Post, decode
from moderation.settings import Settings

NETWORKS: dict[str, dict[str, Any]] = {
    "9.1.0.0/16": {"connection_type": "Cable/DSL"},
    "9.2.0.0/16": {"connection_type": "Cellular"},
    "9.3.0.0/16": {"connection_type": "Corporate"},
    "9.4.0.0/16": {"traits": {"user_type": "college"}},
    "2a00:1::/32": {"type": "hosting"},
}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test-Networks")
    for network, record in NETWORKS.items():
        writer.insert_network(IPSet([network]), record)
    file = tmp_path / "networks.mmdb"
    writer.to_db_file(str(file))
    return file


def settings(**mapping: Any) -> Settings:
    return Settings(mapping=mapping)


def kind(of: Settings, ip: str, **client: Any) -> str | None:
    record = {"post_id": "1", "account_id": "a", "text": "A walk.", "created_at": "2026-03-02T00:00:00Z"}
    raw = json.dumps({**record, "client": {"ip": ip, **client}}).encode()
    event = decode(raw, arrival_ms=1_772_500_000_000, kind="post", mapping=of.field_mapping())
    assert isinstance(event, Post)
    assert event.client is not None
    return event.client.network_kind


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("9.1.2.3", "residential"),
        ("9.2.2.3", "mobile"),
        ("9.3.2.3", None),
        ("9.4.2.3", "campus"),
        ("9.9.9.9", None),
        ("2a00:1::7", "hosting"),
    ],
)
def test_the_kind_that_an_event_lacks_is_looked_up(database: Path, ip: str, expected: str | None) -> None:
    assert kind(settings(network_database=database), ip) == expected


def test_what_the_event_says_and_carrier_nat_come_first(database: Path) -> None:
    with_database = settings(network_database=database)
    assert kind(with_database, "9.1.2.3", network_kind="campus") == "campus"
    assert kind(with_database, "100.64.0.1") == "mobile"


def test_values_can_be_named_in_any_case_and_mean_another_kind(database: Path) -> None:
    named = settings(network_database=database, network_kinds={"corporate": "campus", "CELLULAR": "unknown"})
    assert kind(named, "9.3.2.3") == "campus"
    assert kind(named, "9.2.2.3") == "unknown"


def test_check_describes_the_database(database: Path) -> None:
    (described,) = [verify() for name, verify in parts(settings(network_database=database)) if name == "networks"]
    assert described.startswith("networks.mmdb, Test-Networks of 20")


def test_a_file_that_is_missing_or_no_database_is_refused_in_one_sentence(tmp_path: Path) -> None:
    other = tmp_path / "text.mmdb"
    other.write_text("no database", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"text\.mmdb is not an MMDB file"):
        settings(network_database=other).field_mapping()
    with pytest.raises(SettingsError, match=r"none\.mmdb cannot be read: No such file"):
        settings(network_database=tmp_path / "none.mmdb").field_mapping()
    with pytest.raises(ValueError, match="is not a JMESPath expression"):
        settings(network_database=other, network_value="a b")


def test_a_database_that_names_no_kind_is_reported_once(database: Path, caplog: pytest.LogCaptureFixture) -> None:
    opened = settings(network_database=database).mapping.opened_database()
    assert opened is not None
    for number in range(250):
        opened.kind_of(f"9.3.0.{number}")
    (said,) = [record.getMessage() for record in caplog.records]
    assert "named the kind of network of none of 100 addresses (last value: Corporate)" in said
