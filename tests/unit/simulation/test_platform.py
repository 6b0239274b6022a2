"""Simulated streams are deterministic, decode as events and do not contain the truth."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from statistics import median

import numpy as np
import pytest

from moderation.errors import InputError, SettingsError
from moderation.events import Deletion, Follow, Label, Post, decode
from moderation.lab.simulation import SimulationConfig, WriterPool, Written, build_platform, simulate
from moderation.lab.simulation.account_plan import AccountPlan
from moderation.lab.simulation.config import SIGNATURES
from moderation.lab.simulation.ranges import UNSEEN
from moderation.lab.simulation.writing import as_line, write_events, write_truth

ARRIVAL_MS = 1_900_000_000_000


def pool() -> WriterPool:
    words = ["river", "bridge", "morning", "quiet", "train", "letter", "window", "garden", "winter", "copper"]
    texts = []
    for number in range(60):
        text = " ".join(words[(number * step) % len(words)] for step in range(1, 12))
        texts.append(("notes", "model" if number % 2 == 1 else None, f"{text} {number}, she said."))
    return WriterPool(texts)


def config(**changed: object) -> SimulationConfig:
    values: dict[str, object] = {"seed": 5, "accounts": 300, "campaign_share": 0.3, "unseen_share": 0.2} | changed
    return SimulationConfig(**values)  # type: ignore[arg-type]  # the tests name the fields


def lines(of: SimulationConfig) -> list[str]:
    return [as_line(event) for event in simulate(of, pool())]


def test_same_seed_same_stream_and_another_seed_another() -> None:
    assert lines(config()) == lines(config())
    assert lines(config()) != lines(config(seed=6))


def test_every_event_decodes_unchanged() -> None:
    kinds = set()
    for event in simulate(config(accounts=900), pool()):
        read = decode(as_line(event), arrival_ms=ARRIVAL_MS)
        assert read == event
        assert read.invalid == ()
        kinds.add(type(read))
    assert kinds == {Post, Follow, Deletion, Label}


def test_events_come_in_event_time_order() -> None:
    times = [event.at_ms for event in simulate(config(), pool())]
    assert all(at is not None for at in times)
    assert times == sorted(times)  # type: ignore[type-var]  # no time is None, as asserted


def test_truth_is_never_in_the_events() -> None:
    platform = build_platform(config(), pool())
    words = {truth.kind for truth in platform.truth} | {"weak", "medium", "strong", *UNSEEN}
    words |= {truth.campaign for truth in platform.truth if truth.campaign}
    allowed = {
        "mobile",
        "campus",
        "ime",
        "dictation",
        "assistive",
    }  # kinds of network and input, which any client can send
    for event in platform.events():
        if isinstance(event, Post):
            sent = event.model_dump(mode="json", exclude={"text"})
            values = {str(value) for part in (sent, *_parts(sent)) for value in part.values()}
            assert not values & (words - allowed)
    ids = sorted(truth.account_id for truth in platform.truth if not truth.genuine)
    everyone = sorted(truth.account_id for truth in platform.truth)
    assert ids != everyone[: len(ids)]
    assert ids != everyone[-len(ids) :]


def _parts(sent: dict[str, object]) -> list[dict[str, object]]:
    return [value for value in sent.values() if isinstance(value, dict)]


def test_people_and_scripts_paste_complete_texts() -> None:
    platform = build_platform(config(accounts=900), pool())
    genuine = {truth.account_id: truth.genuine for truth in platform.truth}
    whole = {True: 0, False: 0}
    for event in platform.events():
        if (
            isinstance(event, Post)
            and event.account_id
            and event.typing
            and event.typing.pasted_chars == len(event.text)
        ):
            whole[genuine[event.account_id]] += 1
    assert whole[True] > 20
    assert whole[False] > 20


def test_truth_is_in_a_separate_file() -> None:
    platform = build_platform(config(accounts=2000), pool())
    events, truth = io.StringIO(), io.StringIO()
    write_events(platform.events(), events)
    write_truth(platform.truth, truth)
    rows = [json.loads(line) for line in truth.getvalue().splitlines()]
    assert {row["account_id"] for row in rows} == {plan.account_id for plan in platform.plans}
    assert {row["strength"] for row in rows} == {None, "weak", "medium", "strong", *UNSEEN}
    assert '"strength"' not in events.getvalue()


def test_labels_have_the_same_source_distribution() -> None:
    texts = [(source, by, f"{source} {by} {n}") for source in "ab" for by in (None, "model") for n in range(9)]
    platform = build_platform(config(accounts=4000, campaign_share=0.5), WriterPool(texts))
    shares = []
    for genuine in (True, False):
        plans = [plan for plan in platform.plans if plan.truth.genuine is genuine]
        shares.append(sum(plan.texts[0].startswith("a ") for plan in plans) / len(plans))
    assert abs(shares[0] - shares[1]) < 0.05


def test_people_write_no_machine_texts_and_a_campaigns_account_those_of_one_generator() -> None:
    texts = [("s", by, f"by {by} {n}") for by in (None, "m1", "m2") for n in range(50)]
    for plan in build_platform(config(), WriterPool(texts)).plans:
        writers = {text.split()[1] for text in plan.texts}
        assert len(plan.texts) == len(plan.times_ms)
        assert writers == {"None"} if plan.truth.genuine else len(writers - {"None"}) <= 1


def test_each_person_keeps_the_order_of_the_texts_and_is_used_once() -> None:
    people = [[Written(f"{number}-{n}", f"c{n}") for n in range(1 + number % 5)] for number in range(400)]
    learner = [Written("l2", "class")]
    writers = WriterPool(
        [("s", None, "a"), ("s", "m", "b")], {"general": people, "second_language": [learner, learner, learner]}
    )
    plans = [plan for plan in build_platform(config(accounts=300), writers).plans if plan.truth.genuine]
    general = [plan.texts for plan in plans if plan.truth.writing == "general"]
    assert len(general) > 100
    assert len({texts[0] for texts in general}) == len(general)
    assert all(texts == [f"{texts[0].split('-')[0]}-{n}" for n in range(len(texts))] for texts in general)
    assert all(plan.communities == [f"c{n}" for n in range(len(plan.texts))] for plan in plans if "-" in plan.texts[0])
    learners = [plan for plan in plans if plan.truth.writing == "second_language"]
    assert {plan.truth.kind for plan in learners} == {"non_native", "classroom"}
    assert all(plan.texts == ["l2"] for plan in learners)


def test_a_classroom_shares_an_address_and_posts_in_one_lesson() -> None:
    classes: dict[str, list[int]] = {}
    for plan in build_platform(config(accounts=3000), pool()).plans:
        if plan.truth.kind == "classroom":
            assert plan.figures.age_days < 7
            classes.setdefault(plan.places[0].ip, []).extend(plan.times_ms)
    assert len(classes) > 1
    day_ms = 86_400_000
    assert all(
        max(times) - min(times) <= 3 * 3_600_000 or max(times) - min(times) > 13 * day_ms for times in classes.values()
    )


@pytest.mark.parametrize("signature", SIGNATURES)
def test_signature_can_be_removed(signature: str) -> None:
    bare = build_platform(config(planted=frozenset(SIGNATURES) - {signature}), pool())
    campaign = [plan for plan in bare.plans if plan.truth.strength in ("weak", "medium")]
    assert campaign
    if signature == "addresses":
        assert {place.network for plan in campaign for place in plan.places} == {"residential"}
    elif signature == "ring":
        assert all(plan.ring is None for plan in campaign)
    elif signature == "coordination":
        assert not any(any(plan.joint) for plan in campaign)
        assert any(any(plan.joint) for plan in bare.plans if plan.truth.genuine)
    else:
        assert {plan.manner.pattern for plan in campaign} == {"human"}


def test_source_with_one_label_is_excluded() -> None:
    mixed = WriterPool([("both", None, "a"), ("both", "model", "b"), ("people", None, "c")])
    assert list(mixed.sources()) == ["both"]
    with pytest.raises(InputError, match="No source of the texts has both labels"):
        WriterPool([("people", None, "c")])


def test_impossible_platforms_are_refused() -> None:
    with pytest.raises(SettingsError, match="at least 1 accounts"):
        SimulationConfig(seed=1, accounts=0)
    with pytest.raises(SettingsError, match="campaign share"):
        SimulationConfig(seed=1, accounts=5, campaign_share=1.5)


def test_strong_campaigns_have_ordinary_figures() -> None:
    platform = build_platform(config(accounts=4000, campaign_share=0.5, unseen_share=0.3), pool())
    followers = [0] * len(platform.plans)
    for _, followed in platform.edges:
        followers[followed] += 1

    def typical(strength: str | None) -> tuple[float, float]:
        own = [
            n for n, plan in enumerate(platform.plans) if plan.truth.strength == strength and plan.figures.age_days > 60
        ]
        return median(followers[n] for n in own), median(platform.plans[n].figures.followers for n in own)

    people = typical(None)
    for strength in ("strong", "hijacked"):
        audience, figures = typical(strength)
        assert abs(audience - people[0]) <= 2
        assert 0.7 < figures / people[1] < 1.4


def test_a_hijacked_account_has_earlier_posts_of_its_owner() -> None:
    people = [[Written(f"person {n}, text {k}", "place") for k in range(6)] for n in range(1500)]
    writers = pool().with_people({"general": people})
    platform = build_platform(config(accounts=1500, campaign_share=0.4, unseen_share=1.0), writers)
    plans = {plan.account_id: plan for plan in platform.plans}
    hijacked = [plan for plan in platform.plans if plan.truth.strength == "hijacked"]
    assert sum(plan.owned > 0 for plan in hijacked) > 0.6 * len(hijacked)
    assert not any(plan.truth.since_ms for plan in platform.plans if plan.truth.strength != "hijacked")
    begun = {plan.texts[0] for plan in platform.plans if plan.truth.genuine}
    devices: dict[tuple[str, bool], set[str | None]] = {}
    for event in platform.events():
        if isinstance(event, Post) and plans[str(event.account_id)] in hijacked and event.client is not None:
            plan = plans[str(event.account_id)]
            taken = (event.at_ms or 0) >= plan.truth.since_ms
            assert (event.text in plan.texts[plan.owned :]) if taken else (event.text in plan.texts[: plan.owned])
            devices.setdefault((plan.account_id, taken), set()).add(event.client.device_id)
    for plan in hijacked:
        assert devices[plan.account_id, True].isdisjoint(devices.get((plan.account_id, False), set()))
        assert plan.times_ms == sorted(plan.times_ms)
        assert not (plan.texts[0] in begun and plan.texts[0].startswith("person"))


def test_a_persona_writes_the_texts_of_personas_where_a_source_has_some() -> None:
    machine = [("a", "model", f"plain {number}") for number in range(9)] + [("b", "model", "plain of b")]
    human = [(source, None, f"human of {source}") for source in ("a", "b")]
    writers = WriterPool([*human, *machine], personas=[("a", "casual"), ("c", "of a source without people")])
    assert writers.sources(persona=True) == {"a": 1.0}
    rng = np.random.default_rng(3)
    assert {one.text for one in writers.campaign(rng, "a", 20, 1.0, persona=True)} == {"casual"}
    assert "casual" not in {one.text for one in writers.campaign(rng, "a", 20, 1.0)}
    assert WriterPool([*human, *machine]).sources(persona=True).keys() == {"a", "b"}


DIGEST = """
import hashlib
from tests.unit.simulation.test_platform import config, pool
from moderation.lab.simulation import simulate
from moderation.lab.simulation.writing import as_line
lines = "\\n".join(map(as_line, simulate(config(accounts=500, max_posts=3), pool())))
print(hashlib.sha256(lines.encode()).hexdigest())
"""


def test_a_seed_gives_the_same_events_in_every_process() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(digests) == 1


def test_campaigns_take_addresses_from_the_networks_of_people_or_spread_over_one_of_their_own() -> None:
    plans = build_platform(config(accounts=2000), pool()).plans

    def networks(plan: AccountPlan) -> set[str]:
        return {
            place.ip.rsplit(".", 1)[0] if "." in place.ip else place.ip.split("::")[0].rsplit(":", 1)[0]
            for place in plan.places
        }

    people = set[str]().union(*(networks(plan) for plan in plans if plan.truth.genuine))
    campaigns: dict[str, list[AccountPlan]] = {}
    for plan in plans:
        if plan.truth.strength in ("weak", "medium"):
            campaigns.setdefault(plan.truth.campaign or "", []).append(plan)
    rotating = [own for own in campaigns.values() if all(len(plan.places) == 3 for plan in own)]
    assert 0.1 < len(rotating) / len(campaigns) < 0.6
    for own in rotating:
        assert not set[str]().union(*map(networks, own)) & people
    others = [plan for own in campaigns.values() if own not in rotating for plan in own]
    assert sum(bool(networks(plan) & people) for plan in others) > 0.2 * len(others)


def test_a_household_shares_an_address_its_hours_and_its_follows() -> None:
    platform = build_platform(config(accounts=3000), pool())
    homes: dict[str, list[AccountPlan]] = {}
    for plan in platform.plans:
        if plan.truth.kind == "household":
            homes.setdefault(plan.places[0].ip, []).append(plan)
    assert len(homes) > 20
    assert all(len(own) <= 5 for own in homes.values())
    assert any(len({plan.device for plan in own}) < len(own) for own in homes.values())
    assert all(len({(plan.ring, plan.circle) for plan in own}) == 1 for own in homes.values())


def test_no_follow_begins_before_its_accounts_exist() -> None:
    platform = build_platform(config(accounts=900), pool())
    created = {plan.account_id: plan.created_ms for plan in platform.plans}
    follows = [event for event in platform.events() if isinstance(event, Follow)]
    assert follows
    assert all(max(created[one.account_id], created[one.target_account_id]) <= (one.at_ms or 0) for one in follows)
