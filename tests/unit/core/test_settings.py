"""Every wrong setting is named in one sentence; variables win over the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.kafka_connection import connection_config
from moderation.app import keyring_of
from moderation.errors import SettingsError
from moderation.settings import Settings, load_settings


def toml(folder: Path, text: str) -> Path:
    file = folder / "sidecar.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_and_variables_are_joined_and_the_variable_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = toml(
        tmp_path, 'platform_id = "forum"\n[kafka]\nposts = "a"\nfollows = "f"\n[mapping.post]\ntext = "d.body"\n'
    )
    monkeypatch.setenv("MODERATION_KAFKA__POSTS", "b")
    settings = load_settings(file)
    assert (settings.platform_id, settings.kafka.posts, settings.kafka.follows) == ("forum", "b", "f")
    assert settings.mapping.post["text"].path == "d.body"
    assert settings.kafka.topics() == {"post": "b", "follow": "f"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("platfrom_id = 1", "platfrom_id is no setting"),
        ("[kafka]\ntopic = 'x'", "kafka.topic is no setting"),
        ("lease_ttl_s = -1", "lease_ttl_s"),
        ("[state]\nallowed_lateness_s = 900", "less than or equal to 240"),
        ("[state]\nbackend = 'disk'", "needs state.directory"),
        ("[state]\nbackend = 'redis'", "needs state.redis_url, such as redis://"),
        ("previous_address_key = 'x'", "belong together"),
        ("previous_address_key_file = 'x'", "belong together"),
        ("[mapping.comment]\ntext = 'x'", "mapping"),
        ("[mapping.post]\ntexxt = 'x'", "mapping.post: 'texxt' is no field of a post"),
        ("[mapping.post]\n'client.adress' = 'x'", "'client.adress' is no field of a post"),
        ("[mapping.follow]\n'client.ip' = 'x'", "'client.ip' is no field of a follow"),
        ("[mapping.post]\ninvalid = 'x'", "'invalid' is no field of a post"),
        ("[mapping.post]\ntext = { path = 'x', unit = 's' }", "'text' takes no unit 's'"),
        ("[mapping.post]\ncreated_at = { path = 'x', unit = 'ms' }", "'created_at' takes no unit 'ms'"),
        ("[mapping.post]\ntext = 'a..b'", "mapping.post.text.path: 'a..b' is not a JMESPath expression"),
        ("[mapping.post]\ntext = 'upper(a)'", "calls upper"),
        ("[mapping]\nignore = ['!data.id']", r"write the path in parentheses, as in !\(a\.b\)"),
        ("[mapping]\nignore = ['a ==']", "mapping.ignore: 'a ==' is not a JMESPath expression"),
        ("[mapping]\ntime_zone = 'Middle/Earth'", "'Middle/Earth' is not a time zone"),
        ("[mapping]\ntrusted_proxies = ['10.0.0.0/33']", "mapping.trusted_proxies"),
        ("[mapping]\ntrusted_proxies = '10.0.0.0/8'", r'mapping.trusted_proxies: must be a list, such as \["a", "b"\]'),
        ("[mapping.post]\nclient.ip = 'x'", "mapping.post: 'client' is a part of a post; .* as \"client.ip\" = …"),
        ("[mapping.post]\npost_id = 5", "'post_id' must be an expression in quotes, or a table with `path`; got 5"),
        (
            "[mapping.post]\ncreated_at = { path = 'x', unit = 'seconds' }",
            "unit: 'seconds' is no unit; times take auto, ",
        ),
        ("[console]\npolicies = ['spam', ' ']", "console.policies.1: must not be empty"),
        ("[console]\npolicies = ['spam', ' spam ']", "console.policies: lists 'spam' twice"),
        ("= 3", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load_settings(toml(tmp_path, text))


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    assert load_settings(toml(tmp_path, '\ufeffplatform_id = "x"')).platform_id == "x"


def test_policies_are_read_without_blanks_around_them() -> None:
    assert Settings.model_validate({"console": {"policies": [" spam ", "scam\n"]}}).console.policies == ("spam", "scam")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load_settings(tmp_path / "none.toml")


def test_a_misspelt_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODERATION_PLATFROM_ID", "x")
    with pytest.raises(SettingsError, match="MODERATION_PLATFROM_ID is no setting"):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("MODERATION_MAPPING", "x", "MODERATION_MAPPING stands for a whole section"),
        ("MODERATION_KAFKA", "x", "MODERATION_KAFKA__NAME"),
        ("MODERATION_KAFKA", "[1]", "kafka"),
        ("MODERATION_MAPPING__POST", "x", "MODERATION_MAPPING__POST must hold JSON, .* for a table"),
        ("MODERATION_MAPPING__TRUSTED_PROXIES", "10.0.0.0/8", "MODERATION_MAPPING__TRUSTED_PROXIES must hold JSON"),
        ("MODERATION_KAFKA__POSTZ", "x", "kafka.postz is no setting"),
    ],
)
def test_a_variable_that_cannot_be_read_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, named: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=named):
        load_settings()


def test_the_key_before_is_as_strong_and_can_come_from_a_file(tmp_path: Path) -> None:
    short = toml(tmp_path, 'previous_address_key = "short"\nprevious_address_key_id = "k0"')
    with pytest.raises(SettingsError, match="previous_address_key is 5 bytes long"):
        keyring_of(load_settings(short), b"n" * 32)
    (tmp_path / "key").write_text("k" * 40 + "\n")
    named = toml(tmp_path, f'previous_address_key_file = "{tmp_path}/key"\nprevious_address_key_id = "k0"')
    assert keyring_of(load_settings(named), b"n" * 32).known_key_ids == {"k0", "k1"}


def test_a_short_address_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="32 or more"):
        load_settings(toml(tmp_path, 'address_key = "short"')).address_secret()


def test_the_address_key_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 40 + "\n")
    assert load_settings(toml(tmp_path, f'address_key_file = "{tmp_path}/key"')).address_secret() == b"k" * 40
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(toml(tmp_path, 'address_key_file = "/nowhere/key"')).address_secret()


def test_secrets_are_not_printed(tmp_path: Path) -> None:
    settings = load_settings(toml(tmp_path, f'address_key = "{"s" * 40}"\ndatabase_url = "postgresql://u:pw@h/d"'))
    assert "sss" not in repr(settings)
    assert "pw" not in repr(settings)


def test_follows_without_the_time_from_which_they_are_complete_give_a_warning() -> None:
    def warnings(**state: Any) -> list[str]:
        return Settings.model_validate({"kafka": {"posts": "posts", "follows": "follows"}, "state": state}).warnings()

    (warning,) = warnings()
    assert "state.follows_complete_from" in warning
    assert warnings(follows_complete_from="2026-01-01T00:00:00Z") == []
    assert Settings.model_validate({"kafka": {"posts": "posts"}}).warnings() == []


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("postgresql://u:pw@db.example/reviews", True),
        ("postgresql://u:pw@db.example/reviews?sslmode=require", True),
        ("postgresql://u:pw@db.example/reviews?sslmode=verify-full", False),
        ("postgresql+psycopg://u:pw@/reviews?host=db.example", True),
        ("postgresql://u:pw@/reviews?host=/var/run/postgresql", False),
        ("postgresql://u:pw@127.0.0.1:5432/reviews", False),
        ("sqlite:///reviews.sqlite", False),
    ],
)
def test_a_remote_database_that_is_not_verified_gives_a_warning(
    url: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)
    warnings = Settings.model_validate({"database_url": url}).warnings()
    assert (len(warnings), "pw" in str(warnings)) == (warned, False)
    assert all("sslmode=verify-full" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("redis://:pw@redis.example:6379/0", True),
        ("rediss://:pw@redis.example:6379/0?ssl_cert_reqs=none", True),
        ("rediss://:pw@redis.example:6379/0?ssl_ca_certs=/ca.pem", False),
        ("redis://:pw@localhost:6379/0", False),
        ("unix:///run/redis.sock", False),
        ("", False),
    ],
)
def test_a_remote_redis_that_is_not_verified_gives_a_warning(url: str, warned: bool) -> None:
    warnings = Settings.model_validate({"state": {"redis_url": url}}).warnings()
    assert (len(warnings), "pw" in str(warnings)) == (warned, False)


def test_a_login_without_encryption_gives_a_warning() -> None:
    (warning,) = Settings.model_validate({"kafka": {"security_protocol": "SASL_PLAINTEXT"}}).warnings()
    assert "SASL_SSL" in warning


@pytest.mark.parametrize(
    ("kafka", "message"),
    [
        ({"ssl_cafile": "/ca.pem"}, r"PLAINTEXT does not use kafka.ssl_cafile; set it to SSL"),
        ({"ssl_certfile": "/c.pem"}, r"PLAINTEXT does not use kafka.ssl_certfile; set it to SSL"),
        ({"security_protocol": "SSL", "ssl_keyfile": "/k.pem"}, r"ssl_certfile is not set, but kafka.ssl_keyfile;"),
        (
            {"security_protocol": "SSL", "sasl_username": "u", "sasl_password": "pw"},
            r"SSL does not use kafka.sasl_username and kafka.sasl_password; set it to SASL_SSL",
        ),
    ],
)
def test_kafka_settings_that_the_protocol_does_not_use_are_refused(kafka: dict[str, str], message: str) -> None:
    settings = Settings.model_validate({"kafka": {"bootstrap_servers": "127.0.0.1:1", **kafka}})
    with pytest.raises(SettingsError, match=message):
        connection_config(settings.kafka)
