"""`moderation certify`: the rate of wrong flags of a finished bundle on other accounts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from moderation.checksum import sha256_of
from moderation.cli import build_app
from moderation.errors import BundleError, InputError
from moderation.lab.commands.certify import certify_command
from moderation.lab.risk.own_events import by_role, collect_events, horizon, read_events
from moderation.lab.risk.training import scored, train_bundle
from moderation.risk.bundle import MANIFEST, read_bundle
from moderation.state import Coverage
from tests.integration.test_flags_command import run
from tests.unit.risk.test_own_events import EPOCH_S, platform, reader, write
from tests.unit.risk.trained import MadeUpDetector, Silent, tiny_recipe

LAX = 0.05
"""A target that a few hundred accounts can certify."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    room = tmp_path_factory.mktemp("certify")
    items = read_events([write(room / "events.jsonl", platform(1))], reader())
    posts = collect_events(items, EPOCH_S, Coverage())
    recipe = replace(horizon(posts, tiny_recipe()), target=LAX, days=9)
    detector = MadeUpDetector()
    sources = {"sha256": [sha256_of(room / "events.jsonl")]}
    found = scored(by_role(posts), detector, Silent(), simulated=True, sources=sources)
    train_bundle(found, detector.manifest_hash, recipe, room / "bundle", Silent())
    return room / "bundle"


def certify(monkeypatch: pytest.MonkeyPatch, *options: str) -> Result:
    monkeypatch.setattr("moderation.detector.load_detector", lambda _bundle, **_options: MadeUpDetector())
    app = typer.Typer()
    app.command()(certify_command)
    return CliRunner().invoke(app, list(options), catch_exceptions=False, env={"COLUMNS": "400"})


def test_other_accounts_certify_a_bundle_and_the_copy_has_their_certificate(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, out = write(tmp_path / "events.jsonl", platform(2, 400, 30)), tmp_path / "certified"
    done = certify(monkeypatch, "--events", str(events), "--risk", str(bundle), "--out", str(out))
    assert done.exit_code == 0, done.output
    assert "Policy all: False-positive rate of 1 in 20 per account certified: 0 of 400 genuine accounts" in done.output
    before, after = read_bundle(bundle), read_bundle(out)
    for policy, entry in after.manifest.policies.items():
        assert entry.threshold == before.manifest.policies[policy].threshold
        assert (entry.certificate.accounts, entry.certificate.simulated) == (400, False)
    assert before.manifest.files == after.manifest.files


def test_accounts_that_are_flagged_without_a_verdict_count_as_errors(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreviewed = [event for event in platform(2, 400, 60) if event["type"] == "post"]
    events, out = write(tmp_path / "events.jsonl", unreviewed), tmp_path / "certified"
    errors = tmp_path / "errors.txt"
    done = certify(
        monkeypatch, "--events", str(events), "--risk", str(bundle), "--out", str(out), "--errors", str(errors)
    )
    assert done.exit_code == 1
    assert "NOT certified" in done.output
    assert not out.exists()
    listed = errors.read_text(encoding="utf-8").split()
    assert len(listed) > 20
    assert {account[0] for account in listed} == {"b"}


def test_the_bundles_of_the_settings_are_certified(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, config = write(tmp_path / "events.jsonl", platform(2, 40, 3)), tmp_path / "sidecar.toml"
    config.write_text(f'risk = "{bundle}"\n', encoding="utf-8")
    done = certify(monkeypatch, "--events", str(events), "--config", str(config))
    assert f"Risk model {read_bundle(bundle).manifest_hash[:12]} in {bundle}\n" in done.output


@pytest.mark.parametrize("command", [["certify"], ["train", "--out", "new"]])
def test_own_events_are_scored_with_the_detector_of_the_settings(command: list[str], tmp_path: Path) -> None:
    config = tmp_path / "sidecar.toml"
    config.write_text('detector = "/none"\n', encoding="utf-8")
    with pytest.raises(BundleError, match="/none does not exist"):
        run(build_app(), *command, "--events", str(tmp_path / "events.jsonl"), "--config", str(config))


def test_too_few_accounts_are_not_supported_and_the_missing_number_is_printed(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, out = write(tmp_path / "events.jsonl", platform(2, 40, 3)), tmp_path / "certified"
    done = certify(monkeypatch, "--events", str(events), "--risk", str(bundle), "--out", str(out))
    assert done.exit_code == 1
    assert "Not supported (n=40)" in done.output
    assert "needs at least 59 accounts" in done.output
    assert not (out / MANIFEST).exists()


def test_events_of_fewer_days_and_those_of_the_training_are_refused(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = read_bundle(bundle).manifest.horizon_days
    early = [event for event in platform(2, 40, 3) if event.get("created_at", "") < "2026-03-05"]
    short = write(tmp_path / "short.jsonl", [event for event in early if event["type"] == "post"])
    with pytest.raises(InputError, match=f"a certificate of this bundle is for {days}: give the events"):
        certify(monkeypatch, "--events", str(short), "--risk", str(bundle))
    same = write(tmp_path / "same.jsonl", platform(1))
    with pytest.raises(InputError, match="was trained on these events"):
        certify(monkeypatch, "--events", str(same), "--risk", str(bundle))
