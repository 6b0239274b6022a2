"""A risk model on trial: who decides, what is recorded, and how models are exchanged while the sidecar runs."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from pydantic import SecretStr

from moderation.app import run_sidecar
from moderation.effects import Effects
from moderation.errors import BundleError, ConnectionLost
from moderation.models_in_use import Models, ModelsInUse, load_trial
from moderation.risk import load_risk
from moderation.risk.bundle import MANIFEST, SHIPPED
from moderation.risk.judgement import Judgements
from moderation.settings import Settings
from moderation.settings.sections import TrialSettings
from moderation.stream.audit import AuditSampling
from moderation.stream.pipeline import Outcome
from moderation.stream.scoring_policy import ScoreSelected
from moderation.stream.trial import TrialModel
from tests.unit.core.doubles import ContentRisk, WordDetector, new_pipeline, new_state
from tests.unit.core.test_pipeline import item, robot

SECRET = b"k" * 32


class FlagsEverything(ContentRisk):
    """Flags every post."""

    manifest_hash = "t" * 64
    threshold = 0.05

    def judge(self, scores: object) -> Judgements:
        found = super().judge(scores)  # type: ignore[arg-type]
        return Judgements([True] * len(found), found.judgement)


class FlagsNothing(ContentRisk):
    """Flags no post."""

    manifest_hash = "n" * 64

    def judge(self, scores: object) -> Judgements:
        found = super().judge(scores)  # type: ignore[arg-type]
        return Judgements([False] * len(found), found.judgement)


def judged(risk: ContentRisk, share: float, *events: object) -> Outcome:
    trial = TrialModel(risk, share, SECRET)  # type: ignore[arg-type]
    pipeline = new_pipeline(new_state(), trial=trial)
    return pipeline.process([item(number, event) for number, event in enumerate(events)])


def compared(effects: Effects) -> list[tuple[str, bool, str]]:
    return [(one.post_id, one.flagged, one.risk_version[0]) for one in effects.compared]


def person(post_id: str, account: str = "a") -> dict[str, object]:
    return robot(post_id, text="Tea and toast.", account_id=account)


def test_without_a_share_the_model_on_trial_decides_nothing_and_what_it_flags_is_recorded() -> None:
    effects = judged(FlagsEverything(), 0.0, robot("p1"), person("p2", "b")).effects
    assert [flag.assessment.post_id for flag in effects.flags] == ["p1"]
    assert {flag.assessment.risk_version for flag in effects.flags} == {ContentRisk.manifest_hash}
    assert compared(effects) == [("p1", True, "t"), ("p2", True, "t"), ("p2", False, "r")]
    assert (effects.counters["flagged_by_both"], effects.counters["flagged_by_trial"]) == (1, 1)


def test_what_only_the_live_model_flags_is_recorded_too() -> None:
    effects = judged(FlagsNothing(), 0.0, robot("p1"), person("p2", "b")).effects
    assert [flag.assessment.post_id for flag in effects.flags] == ["p1"]
    assert compared(effects) == [("p1", False, "n")]
    assert effects.counters["flagged_by_live"] == 1


def test_the_model_on_trial_decides_about_its_share_with_its_own_threshold() -> None:
    effects = judged(FlagsEverything(), 1.0, person("p1"), robot("p2", account_id="b")).effects
    assert [flag.assessment.post_id for flag in effects.flags] == ["p1", "p2"]
    assert {(flag.assessment.risk_version[0], flag.assessment.threshold) for flag in effects.flags} == {("t", 0.05)}
    assert compared(effects) == [("p1", False, "r"), ("p2", True, "r")]
    assert (effects.counters["flagged_by_trial"], effects.counters["flagged_by_both"]) == (1, 1)


def test_each_account_is_compared_once_for_each_answer() -> None:
    posts = [person("p1"), person("p2"), robot("p3", account_id="c"), robot("p4", account_id="c"), person("p5", "b")]
    effects = judged(FlagsEverything(), 0.0, *posts).effects
    assert {one.post_id for one in effects.compared} == {"p1", "p3", "p5"}
    assert (effects.counters["flagged_by_trial"], effects.counters["flagged_by_both"]) == (3, 2)


def test_a_text_that_only_the_model_on_trial_finds_decisive_is_scored() -> None:
    class Decisive(ContentRisk):
        def text_decides(self, scores: np.ndarray) -> np.ndarray:
            return np.ones(len(scores), dtype=np.bool_)

    state, detector = new_state(), WordDetector()
    audit = AuditSampling(SECRET, 0.0, 0.0)
    trial = TrialModel(Decisive(), 0.0, SECRET)  # type: ignore[arg-type]
    policy = ScoreSelected("p", state, audit)
    new_pipeline(state, detector=detector, policy=policy, trial=trial).process([item(0, robot("p1"))])
    assert detector.texts == ["I am a robot."]


def test_without_a_trial_nothing_is_recorded_beside() -> None:
    assert new_pipeline(new_state()).process([item(0, robot("p1"))]).effects.compared == []


def test_a_larger_share_keeps_the_accounts_of_a_smaller_one() -> None:
    def drawn(share: float) -> set[int]:
        trial = TrialModel(ContentRisk(), share, SECRET)  # type: ignore[arg-type]
        return {number for number in range(2000) if trial.decides("p", f"account-{number}")}

    few, more = drawn(0.05), drawn(0.2)
    assert few < more
    assert (drawn(0.0), len(drawn(1.0))) == (set(), 2000)
    assert 60 <= len(few) <= 150
    assert 330 <= len(more) <= 470


@pytest.fixture
def detector() -> WordDetector:
    found = WordDetector()
    found.manifest_hash = load_detector_hash()
    return found


def load_detector_hash() -> str:
    return str(json.loads((SHIPPED / MANIFEST).read_text(encoding="utf-8"))["detector_hash"])


def another_bundle(folder: Path) -> Path:
    """A copy of the shipped bundle with another threshold."""
    shutil.copytree(SHIPPED, folder)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest["policies"]["all"]["threshold"] = 0.999
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


ASKED = threading.Event()


def in_use(detector: WordDetector, settings: list[Settings]) -> ModelsInUse:
    first = settings[0]
    risk = load_risk(first.risk, detector_hash=detector.manifest_hash)
    models = Models(detector, risk, load_trial(first, detector, SECRET))  # type: ignore[arg-type]
    return ModelsInUse(first, models, SECRET, ASKED, lambda: settings[-1])


def test_a_reload_takes_the_bundle_that_the_settings_name_now_and_back(tmp_path: Path, detector: WordDetector) -> None:
    other = another_bundle(tmp_path / "other")
    settings = [Settings()]
    models, changes = in_use(detector, settings), list[Models]()
    models.on_change = changes.append
    before = models.models.risk.manifest_hash
    assert not models.refreshed()
    settings.append(Settings(risk=other, trial=TrialSettings(risk=SHIPPED, share=0.5)))
    ASKED.set()
    assert models.refreshed()
    assert not models.refreshed()
    assert models.models.risk.threshold == 0.999
    assert models.models.trial is not None
    assert (models.models.trial.risk.manifest_hash, models.models.trial.share) == (before, 0.5)
    settings.append(Settings())
    ASKED.set()
    assert models.refreshed()
    assert (models.models.risk.manifest_hash, models.models.trial) == (before, None)
    assert changes == [changes[0], models.models]


def test_a_bundle_that_cannot_be_used_changes_nothing_and_is_reported(
    tmp_path: Path, detector: WordDetector, caplog: pytest.LogCaptureFixture
) -> None:
    broken = another_bundle(tmp_path / "broken")
    (broken / MANIFEST).write_text("{}", encoding="utf-8")
    settings = [Settings()]
    models = in_use(detector, settings)
    before = models.models
    settings.append(Settings(risk=broken))
    ASKED.set()
    assert not models.refreshed()
    assert models.models is before
    assert "the models stay as they are" in caplog.text
    assert str(broken) in caplog.text


def test_a_raised_threshold_outlasts_a_reload_during_an_outage(detector: WordDetector) -> None:
    settings = [Settings()]
    models = in_use(detector, settings)
    version = models.models.risk.manifest_hash
    models.raised = lambda: {(version, "all"): 0.9999999}
    assert models.refreshed()
    assert models.models.risk.threshold == 0.9999999

    def outage() -> dict[tuple[str, str], float]:
        raise ConnectionLost("no answer")

    models.raised = outage
    ASKED.set()
    assert models.refreshed()
    assert models.models.risk.threshold == 0.9999999
    models.raised = lambda: {(version, "selective"): 0.9999999}
    ASKED.set()
    assert models.refreshed()
    assert models.models.risk.threshold < 0.9999999, "a raise of another policy, and none of this one any more"


def test_a_reload_says_that_other_settings_need_a_restart(
    detector: WordDetector, caplog: pytest.LogCaptureFixture
) -> None:
    settings = [Settings()]
    models = in_use(detector, settings)
    settings.append(Settings(evidence_days=7))
    ASKED.set()
    assert models.refreshed()
    assert "the other changes need a restart" in caplog.text


def test_a_signal_to_reload_while_the_models_are_loaded_does_not_end_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handlers = []

    def load(_settings: Settings) -> NoReturn:
        handlers.append(signal.getsignal(signal.SIGHUP))
        raise BundleError("enough")

    monkeypatch.setattr("moderation.app.load_models", load)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with pytest.raises(BundleError, match="enough"):
            run_sidecar(Settings(address_key=SecretStr("k" * 64)))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert handlers != [signal.SIG_DFL]
