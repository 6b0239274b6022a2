"""Every wrong setting is named in one sentence; variables win over the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from moderation.errors import SettingsError
from moderation.settings import load_settings


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
    assert settings.mapping["post"]["text"].path == "d.body"
    assert settings.kafka.topics() == {"post": "b", "follow": "f"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("platfrom_id = 1", "platfrom_id is no setting"),
        ("[kafka]\ntopic = 'x'", "kafka.topic is no setting"),
        ("lease_ttl_s = -1", "lease_ttl_s"),
        ("previous_address_key = 'x'", "belong together"),
        ("[mapping.comment]\ntext = 'x'", "mapping"),
        ("= 3", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load_settings(toml(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load_settings(tmp_path / "none.toml")


def test_a_misspelt_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODERATION_PLATFROM_ID", "x")
    with pytest.raises(SettingsError, match="MODERATION_PLATFROM_ID is no setting"):
        load_settings()


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
