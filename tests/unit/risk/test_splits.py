"""The steps of training, threshold, certificate and test share no data."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pytest

from moderation.errors import InputError
from moderation.lab.risk.recipe import Recipe
from moderation.lab.risk.texts import SHARES, RiskTexts, assign_roles, by_role, load_risk_texts, simulation_texts
from moderation.lab.simulation import build_platform
from moderation.lab.textdata.partition import load_partition
from moderation.lab.textdata.rows import TextRow
from tests.unit.detector.small_text_data import write_data
from tests.unit.risk.trained import tiny_recipe


def rows(groups: int, size: int) -> list[TextRow]:
    return [
        TextRow(f"{g}-{n}", "notes", g % 2, f"group{g}", f"text {n} of group {g}", "", "ours")
        for g in range(groups)
        for n in range(size)
    ]


def test_no_text_is_in_two_roles(trained_here: tuple[Path, RiskTexts]) -> None:
    pools = {role: set(pool.all_texts()) for role, pool in trained_here[1].pools.items()}
    assert set(pools) == set(SHARES)
    for one, other in combinations(pools, 2):
        assert pools[one]
        assert pools[one].isdisjoint(pools[other])


def test_group_is_never_split() -> None:
    texts = by_role(rows(200, 4), None)
    role_of_group: dict[str, set[str]] = {}
    for role, pool in texts.pools.items():
        for text in pool.all_texts():
            role_of_group.setdefault(text.split("group ")[1], set()).add(role)
    assert len(role_of_group) == 200
    assert all(len(roles) == 1 for roles in role_of_group.values())
    leaky = {group: {"train", "test"} for group in role_of_group}
    assert not all(len(roles) == 1 for roles in leaky.values())


def test_every_role_gets_its_share() -> None:
    roles = list(assign_roles(rows(400, 2)).values())
    for role, share in SHARES.items():
        assert roles.count(role) / len(roles) == pytest.approx(share, abs=0.03)


def test_the_steps_share_no_account_and_no_seed() -> None:
    for recipe in (Recipe(), tiny_recipe()):
        configs = [config for some in recipe.platforms().values() for config in some]
        assert len({config.seed for config in configs}) == len(configs)
        assert len({config.name for config in configs}) == len(configs)
    platforms = {f"{role} {config.seed}": config for role, some in tiny_recipe().platforms().items() for config in some}
    pool = by_role(rows(200, 4), None).pools["train"]
    ids = {
        name: {truth.account_id for truth in build_platform(config, pool).truth} for name, config in platforms.items()
    }
    for one, other in combinations(ids, 2):
        assert ids[one].isdisjoint(ids[other])


def test_summary_has_texts_and_licences(trained_here: tuple[Path, RiskTexts]) -> None:
    summary = json.loads((trained_here[0] / "manifest.json").read_text(encoding="utf-8"))["training"]["texts"]
    assert summary["licences"] == {"notes": ["ours"], "replies": ["ours"]}
    assert sum(summary["texts"].values()) == 600


def test_own_data_use_part_b_of_sources_with_both_labels(tmp_path: Path) -> None:
    manifest = write_data(tmp_path, "forum", humans=600, machines=600, alone=400)
    read = load_risk_texts(tmp_path, None, manifest)
    assert read.summary["licences"] == {"forum": ["permissive"]}
    part_b = {row.text for row in load_partition(tmp_path, "B", manifest) if row.source == "forum"}
    assert {text for pool in read.pools.values() for text in pool.all_texts()} == part_b
    with pytest.raises(InputError, match="name your own with --data-manifest"):
        load_risk_texts(tmp_path, None)


def test_manifest_with_texts_is_refused(tmp_path: Path) -> None:
    for read in (load_risk_texts, simulation_texts):
        with pytest.raises(InputError, match="remove it when you use --texts"):
            read(None, tmp_path / "texts.jsonl", tmp_path / "manifest.json")


def test_data_without_both_labels_are_refused(tmp_path: Path) -> None:
    manifest = write_data(tmp_path, "forum", humans=60, machines=0)
    with pytest.raises(InputError, match="No source of part B has both human and machine texts"):
        load_risk_texts(tmp_path, None, manifest)


def test_texts_option_errors_are_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="either --data DIR"):
        load_risk_texts(None, None)
    with pytest.raises(InputError, match="Cannot read the texts"):
        load_risk_texts(None, tmp_path / "none.jsonl")
    (tmp_path / "bad.jsonl").write_text('{"id": 1}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"Line 1 of .* is not a valid text"):
        load_risk_texts(None, tmp_path / "bad.jsonl")
    (tmp_path / "few.jsonl").write_text('{"id": 1, "source": "a", "label": 0, "text": "x"}\n', encoding="utf-8")
    with pytest.raises(InputError, match="No group of texts is left"):
        load_risk_texts(None, tmp_path / "few.jsonl")
