"""Invalid arguments of detector commands are refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from moderation.errors import SettingsError
from moderation.lab.commands.detector import app

_OUT = ["--data", "no data", "--out", "run"]


@pytest.fixture(autouse=True)
def _in_an_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("device", ["gpu", "cuda:x"])
@pytest.mark.parametrize("command", ["train", "compare"])
def test_an_unknown_device_is_refused(command: str, device: str) -> None:
    with pytest.raises(SettingsError, match=f"--device must be cpu or cuda, got '{device}'") as refused:
        CliRunner().invoke(app, [command, *_OUT, "--device", device], catch_exceptions=False)
    assert refused.value.exit_code == 2
    assert not list(Path().iterdir())


@pytest.mark.parametrize(("seed", "bound"), [(-1, "greater than or equal to 0"), (2**64, "less than or equal to")])
def test_a_seed_out_of_range_is_refused(seed: int, bound: str) -> None:
    done = CliRunner().invoke(app, ["train", *_OUT, "--seed", str(seed)])
    assert done.exit_code == 2
    assert bound in done.output


def test_an_option_of_the_encoder_is_refused_for_ngrams() -> None:
    with pytest.raises(SettingsError, match="--steps has no effect with --kind words"):
        CliRunner().invoke(app, ["train", *_OUT, "--kind", "words", "--steps", "3"], catch_exceptions=False)
