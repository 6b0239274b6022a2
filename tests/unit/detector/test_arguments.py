"""A seed or a device that no run can have is refused with a sentence and exit code 2, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from moderation.cli import companion, detector
from moderation.errors import SettingsError

_OUT = ["--data", "no data", "--out", "run"]
_TRAINING = {
    "detector train": (detector.app, ["train", *_OUT]),
    "detector pretrain": (detector.app, ["pretrain", *_OUT]),
    "companion train": (companion.app, ["train", *_OUT]),
    "companion distil": (companion.app, ["distil", "no checkpoint", *_OUT]),
}
_WITH_A_DEVICE = _TRAINING | {"compare": (detector.app, ["compare", *_OUT])}
_WITH_A_SEED = _TRAINING | {"generate": (companion.app, ["generate", "no checkpoint", *_OUT])}


@pytest.fixture(autouse=True)
def _in_an_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("device", ["gpu", "cuda:x"])
@pytest.mark.parametrize(("app", "command"), _WITH_A_DEVICE.values(), ids=_WITH_A_DEVICE)
def test_a_device_that_nothing_is_called_is_refused(app: typer.Typer, command: list[str], device: str) -> None:
    with pytest.raises(SettingsError, match=f"--device takes cpu or cuda, not '{device}'") as refused:
        CliRunner().invoke(app, [*command, "--device", device], catch_exceptions=False)
    assert refused.value.exit_code == 2
    assert not list(Path().iterdir())


@pytest.mark.parametrize(("seed", "bound"), [(-1, "greater than or equal to 0"), (2**64, "less than or equal to")])
@pytest.mark.parametrize(("app", "command"), _WITH_A_SEED.values(), ids=_WITH_A_SEED)
def test_a_seed_that_no_generator_takes_is_refused(app: typer.Typer, command: list[str], seed: int, bound: str) -> None:
    done = CliRunner().invoke(app, [*command, "--seed", str(seed)])
    assert done.exit_code == 2
    assert bound in done.output


def test_a_teacher_is_not_loaded_for_a_device_that_is_refused() -> None:
    with pytest.raises(SettingsError, match="--device takes"):
        CliRunner().invoke(
            detector.app, ["train", *_OUT, "--teacher", "none", "--device", "gpu"], catch_exceptions=False
        )
