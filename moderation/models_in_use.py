"""The models of a running sidecar, which are loaded again between two batches when an operator asks for it."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from moderation.detector import Detector
from moderation.errors import ConnectionLost, ModerationError
from moderation.risk import load_risk
from moderation.risk.model import BundledRiskModel
from moderation.settings import Settings
from moderation.stream.every import Every
from moderation.stream.trial import TrialModel

log = logging.getLogger(__name__)
RaisedBundle = tuple[str, str]
"""The version of a risk bundle, and the scoring policy that a threshold belongs to."""
RAISES_EVERY_S = 60.0
RELOADED = ("risk", "trial")
"""Settings that a reload reads again."""


class Models(NamedTuple):
    """The detector, the live risk model, and the one on trial where there is one."""

    detector: Detector
    risk: BundledRiskModel
    trial: TrialModel | None = None

    def describe(self) -> list[str]:
        """Return a sentence or two about each."""
        found = [self.detector.describe(), self.risk.describe()]
        if self.trial is not None:
            role = f"judges {self.trial.share:.2%} of the accounts" if self.trial.share else "decides nothing"
            found.append(f"On trial, {role}: {self.trial.risk.describe()}")
        return found


def load_trial(settings: Settings, detector: Detector, secret: bytes) -> TrialModel | None:
    """Return the risk model on trial, None without one. Raises BundleError."""
    if settings.trial.risk is None:
        return None
    of = load_risk(settings.trial.risk, detector_hash=detector.manifest_hash, policy=settings.scoring.policy)
    return TrialModel(of, settings.trial.share, secret)


class ModelsInUse:
    """The models in use; the loop calls `refreshed` between two batches."""

    def __init__(
        self,
        settings: Settings,
        models: Models,
        secret: bytes,
        asked: threading.Event,
        reread: Callable[[], Settings] | None = None,
    ) -> None:
        """*asked* is set, also by a handler of signals, to ask for a reload.

        *reread* returns the settings as they are now; without it only the bundles are read again.
        """
        self.models = models
        self._settings = settings
        self._secret = secret
        self._reread = reread
        self._asked = asked
        self._look = Every(RAISES_EVERY_S, last=-math.inf)
        self._known: Mapping[RaisedBundle, float] = {}
        """The raised thresholds that were read last; a reload during an outage keeps them."""
        self.raised: Callable[[], Mapping[RaisedBundle, float]] = dict
        """Returns the raised threshold of each bundle and scoring policy that has one; may raise ConnectionLost."""
        self.on_change: Callable[[Models], None] = lambda _models: None

    def refreshed(self) -> bool:
        """Load the risk models again where that was asked for, and raise thresholds; return whether anything changed.

        Whatever cannot be used is logged, and the models stay as they are.
        """
        before = self.models
        if self._asked.is_set():
            self._asked.clear()
            self._reload()
            self._raise()
        else:
            self._look.run(self._raise)
        if self.models is before:
            return False
        for line in self.models.describe():
            log.info("in use from now on: %s", line)
        self.on_change(self.models)
        return True

    def _reload(self) -> None:
        try:
            settings = self._settings if self._reread is None else self._reread()
            detector, policy = self.models.detector, self._settings.scoring.policy
            risk = load_risk(settings.risk, detector_hash=detector.manifest_hash, policy=policy)
            trial = load_trial(settings, detector, self._secret)
        except ModerationError as error:
            log.error("the models stay as they are: %s", error)
            return
        if settings.model_copy(update=_parts(self._settings)) != self._settings:
            log.warning("only the settings risk and trial are read again; the other changes need a restart")
        self._settings = self._settings.model_copy(update=_parts(settings))
        self.models = Models(detector, risk, trial)

    def _raise(self) -> None:
        """Apply what the review database has about raised thresholds; an outage is retried a minute later."""
        try:
            self._known = self.raised()
        except ConnectionLost as lost:
            log.warning("raised thresholds could not be read, those of before stay: %s", lost)
        detector, risk, trial = self.models
        risk = _raised(risk, self._known)
        if trial is not None and (tried := _raised(trial.risk, self._known)) is not trial.risk:
            trial = replace(trial, risk=tried)
        if risk is not self.models.risk or trial is not self.models.trial:
            self.models = Models(detector, risk, trial)


def _raised(risk: BundledRiskModel, raised: Mapping[RaisedBundle, float]) -> BundledRiskModel:
    to = raised.get((risk.manifest_hash, risk.policy), 0.0)
    return risk if risk.raised == to else replace(risk, raised=to)


def _parts(settings: Settings) -> dict[str, object]:
    return {name: getattr(settings, name) for name in RELOADED}
