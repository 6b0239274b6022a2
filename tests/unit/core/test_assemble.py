"""How the settings become parts of the sidecar."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from moderation import app
from moderation.errors import InputError
from moderation.settings import Settings, StateSettings
from tests.unit.core.doubles import ContentRisk, WordDetector


@pytest.mark.parametrize(("deadline_s", "watchdog_s", "used_s"), [(240.0, 300.0, 240.0), (240.0, 100.0, 80.0)])
def test_load_models_keeps_the_deadline_below_the_watchdog(
    monkeypatch: pytest.MonkeyPatch, deadline_s: float, watchdog_s: float, used_s: float
) -> None:
    given: dict[str, Any] = {}

    def load_detector(*_arguments: object, **options: object) -> WordDetector:
        given.update(options)
        return WordDetector()

    monkeypatch.setattr(app, "load_detector", load_detector)
    monkeypatch.setattr(app, "load_risk", lambda *_, **__: ContentRisk())
    app.load_models(Settings(detector_deadline_s=deadline_s, watchdog_s=watchdog_s))
    assert given["deadline_s"] == pytest.approx(used_s)


@pytest.mark.parametrize("backend", ["memory", "redis"])
def test_sidecars_that_share_a_pipeline_need_state_directories_of_their_own(backend: str, tmp_path: Path) -> None:
    state = StateSettings(backend=backend, redis_url="redis://127.0.0.1:1/0", directory=tmp_path / "state")  # type: ignore[arg-type]
    settings = Settings(state=state)
    refused = pytest.raises(InputError, match="Another run is using") if backend == "redis" else nullcontext()
    with app._own_directory(settings), refused, app._own_directory(settings):
        pass
