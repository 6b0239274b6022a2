"""The graph figures from Spark are those that a sidecar computes, and a sidecar reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.cli import build_app
from moderation.errors import InputError, SettingsError
from moderation.events import Follow, Post
from moderation.features import FEATURES, FeatureExtractor, FeatureVector
from moderation.lab.simulation import simulate
from moderation.lab.simulation.writing import write_events
from moderation.settings.mapping import MappingSettings
from moderation.state import Keyring, PlatformState
from tests.integration.test_flags_command import run
from tests.unit.simulation.test_platform import config, pool

pytestmark = pytest.mark.slow

DAY_S = 86_400
GRAPH = [column for column, feature in enumerate(FEATURES) if feature.family == "graph"]
CLOSED = [column for column in GRAPH if "degree" not in FEATURES[column].name and "recip" not in FEATURES[column].name]


@pytest.fixture(scope="module")
def events() -> list[Any]:
    """The events of a simulated platform, and follows of a hub, which are taken back in part."""
    found: list[Any] = list(simulate(config(accounts=260, days=6), pool()))
    follows = [event for event in found if isinstance(event, Follow)]
    hub, first = follows[0].account_id, follows[0]
    names = {name for event in follows for name in (event.account_id, event.target_account_id)} - {hub}
    more = [first.model_copy(update={"account_id": name, "target_account_id": hub}) for name in sorted(names)]
    gone = [follow.model_copy(update={"action": "unfollow"}) for follow in more[:3]]
    return [*more, *gone, *found]


def vectors(state: PlatformState, events: list[Any], epoch: int) -> list[FeatureVector]:
    """The vectors of the posts of an epoch."""
    extractor, found = FeatureExtractor(state), []
    for event in (event for event in events if event.at_ms // (1000 * DAY_S) <= epoch):
        if isinstance(event, Post) and event.at_ms // (1000 * DAY_S) == epoch:
            found.append(extractor.extract(event))
        else:
            extractor.observe(event)
    state.close()
    return found


def new_state() -> PlatformState:
    return PlatformState(platform_id="p", keyring=Keyring.from_secrets(("k1", b"a" * 32), None))


def test_a_sidecar_reads_the_figures_that_it_would_compute(spark: Any, events: list[Any], tmp_path: Path) -> None:
    file, out, settings = tmp_path / "events.jsonl", tmp_path / "epochs", tmp_path / "sidecar.toml"
    with file.open("w", encoding="utf-8") as lines:
        write_events(events, lines)
        lines.write("\n{}\n")
    settings.write_text('platform_id = "p"\n', encoding="utf-8")
    last = max(event.at_ms for event in events if isinstance(event, Post)) // (1000 * DAY_S)
    words = ["--follows", str(file), "--out", str(out), "--epoch", str(last - 2), "--config", str(settings)]
    shown = run(build_app(), "spark", "graph", *words)
    assert shown.exit_code == 7
    assert "1 records could not be decoded" in shown.stderr
    assert [place.name for place in out.iterdir()] == [f"epoch-{last - 2}"]

    computing, reading = new_state(), new_state()
    reading.epochs.read_from(out, "p")
    computed, read = vectors(computing, events, last), vectors(reading, events, last)
    here, there = (state.epochs.read(last * DAY_S * 1000) for state in (computing, reading))
    assert here is not None
    assert there is not None
    np.testing.assert_array_equal(here.accounts, there.accounts)
    np.testing.assert_allclose(here.values, there.values, atol=1e-4)
    assert np.isnan(there.values[:, 0]).sum() == 1, "the clustering of the hub is missing, and of no other account"
    assert f"Written: {out}/epoch-{last - 2}, {len(here.accounts)} accounts" in shown.stdout
    assert len(here.accounts) > 200
    assert len(computed) == len(read) > 20
    assert {vector.graph_epoch for vector in computed} == {vector.graph_epoch for vector in read} == {last - 2}
    one, other = (np.array([vector.values for vector in found]) for found in (computed, read))
    assert np.isfinite(one[:, CLOSED]).mean() > 0.5
    np.testing.assert_allclose(one, other, atol=1e-4)
    assert not any("graph_epoch" in vector.degraded for vector in read)


def test_paths_that_cannot_be_read_are_one_line(spark: Any, tmp_path: Path) -> None:
    words = ["--follows", str(tmp_path / "none.jsonl"), "--out", str(tmp_path / "epochs"), "--epoch", "1"]
    with pytest.raises(InputError, match=r"Spark cannot read or write this: .*Path does not exist"):
        run(build_app(), "spark", "graph", *words)
    with pytest.raises(SettingsError, match="--conf takes KEY=VALUE, such as"):
        run(build_app(), "spark", "graph", *words, "--conf", "spark.executor.memory")


def test_an_epoch_before_all_follows_is_refused(spark: Any, events: list[Any], tmp_path: Path) -> None:
    from moderation.spark.graph_epochs import Epoch, write_epoch
    from moderation.spark.records import Records

    file = tmp_path / "events.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        write_events(events[:5], lines)
    records = Records(spark, str(file), "jsonl", MappingSettings(), None)
    with pytest.raises(InputError, match="there is no follow before the end of epoch 3"):
        write_epoch(records.follows(), Epoch("p", 3, DAY_S), tmp_path / "epochs")
    assert not list((tmp_path / "epochs").iterdir())
