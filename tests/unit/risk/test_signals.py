"""`moderation signals` on invented key presses, profiles and edges in the shape of the real files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zstandard
from typer.testing import CliRunner

from moderation.cli import build_app
from moderation.errors import InputError
from moderation.features.catalogue import COLUMN
from moderation.lab.evaluation.signals import run as signals
from moderation.lab.evaluation.signals.accounts import friendships, profiles, trust_graph
from moderation.lab.evaluation.signals.keystrokes import real_typing
from moderation.lab.evaluation.signals.tables import read_table

RNG = np.random.default_rng(7)


def presses(user: int, keys: list[str], at: float = 0.0) -> dict[str, list[str]]:
    times = at + np.cumsum(RNG.lognormal(5.0, 0.5, len(keys)))
    same = [str(user)] * len(keys)
    return {"user": same, "session": ["0"] * len(keys), "keyname": keys, "timepress": [f"{t:.0f}" for t in times]}


def column(name: str, features: np.ndarray) -> list[float]:
    return features[:, COLUMN[name]].tolist()


def test_key_presses_become_posts_with_the_text_that_stayed() -> None:
    word = ["h", "e", "x", "backspace", "l", "l", "o", "space"]
    typing = real_typing(presses(3, word * 20))
    assert set(typing.people) == {"3"}
    assert all(40 / 33 <= one <= 8 / 5 for one in column("typing_keystrokes_per_char", typing.features))
    assert column("typing_deletion_share", typing.features) == pytest.approx([1 / 8] * len(typing.people), abs=0.02)
    assert len(typing.of(1).people) == len(typing.people)
    assert len(typing.of(0).people) == 0


def test_few_key_presses_are_no_post() -> None:
    assert len(real_typing(presses(1, ["a"] * 39)).people) == 0


def test_profiles_of_both_sides_are_seen_at_one_time_and_an_id_counts_once() -> None:
    def table(ids: list[str], created: str) -> dict[str, list[str]]:
        n = len(ids)
        counts = {"followers_count": ["99"] * n, "friends_count": ["9"] * n, "statuses_count": ["300"] * n}
        return {"id": ids, "created_at": [created] * n, **counts}

    genuine = table(["1", "2"], "Fri Apr 06 10:58:22 +0000 2012")
    found = profiles(genuine, table(["2", "3"], "4/6/2012 10:58"))
    assert found.positive.tolist() == [False, False, True]
    assert column("account_age_days", found.features) == pytest.approx([30.0] * 3, abs=0.001)
    assert column("account_posts_per_day", found.features) == pytest.approx([10.0] * 3, abs=0.01)
    assert column("account_follow_ratio", found.features) == pytest.approx([np.log(10)] * 3)


def test_rated_traders_are_fraudulent_below_a_mean_rating() -> None:
    edges = {"FROM_NODE": ["1", "2", "3", "1"], "TO_NODE": ["2", "1", "4", "4"], "TRUST_INDEX": ["5", "1", "-9", "-8"]}
    found = trust_graph(edges)
    assert found.positive.tolist() == [False, False, True]
    assert column("graph_in_degree", found.features) == [1.0, 1.0, 2.0]
    assert column("graph_reciprocity", found.features)[:2] == [0.5, 1.0]


def test_a_friendship_is_a_follow_in_one_direction_or_both() -> None:
    pairs = [[f"a{n}" for n in range(200)], [f"b{n}" for n in range(200)]]
    features = friendships(pairs)
    assert len(features) == 400
    follows = sum(column("graph_out_degree", features))
    assert follows == sum(column("graph_in_degree", features))
    assert 230 < follows < 310


def written(directory: Path, name: str, table: dict[str, list[str]]) -> None:
    rows = zip(*table.values(), strict=True)
    directory.joinpath(name).write_text("\n".join([",".join(table), *map(",".join, rows)]) + "\n", encoding="utf-8")


def test_the_command_prints_and_writes_how_many_real_people_are_unusual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [presses(user, ["o", "k", "space", "a", "y"] * 60) for user in range(4)]
    written(tmp_path, "keys.csv", {name: [value for one in keys for value in one[name]] for name in keys[0]})
    ids = [str(n) for n in range(6)]
    profile = {name: ["5"] * 6 for name in ("followers_count", "friends_count", "statuses_count")}
    for name, first in (("people.csv", "1"), ("bots.csv", "9")):
        created = {"id": [first + one for one in ids], "created_at": ["Fri Apr 06 10:58:22 +0000 2012"] * 6}
        written(tmp_path, name, {**created, **profile})
    ring = [str(1 + n % 9) for n in range(18)], [str(1 + (n + 1 + n // 9) % 9) for n in range(18)]
    rating = ["-9" if target == "5" else "3" for target in ring[1]]
    written(tmp_path, "trust.csv", {"FROM_NODE": ring[0], "TO_NODE": ring[1], "TRUST_INDEX": rating})
    written(tmp_path, "friends.csv", {"one": ring[0], "other": ring[1]})
    monkeypatch.setattr(signals, "KEYSTROKES", "keys.csv")
    monkeypatch.setattr(signals, "PROFILES", {"bots": ("people.csv", "bots.csv")})
    monkeypatch.setattr(signals, "GRAPHS", {"friends": ("friends.csv", ("one", "other"))})
    monkeypatch.setattr(signals, "TRUST", "trust.csv")
    out = tmp_path / "signals.json"
    shown = CliRunner().invoke(build_app(), ["signals", "--data", str(tmp_path), "--out", str(out)])
    assert shown.exit_code == 0, shown.output
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["typing"]["held-out people"]["people"] == 2
    assert found["account"]["bots"]["features"][0]["auroc"] == 0.5
    assert found["graph"]["rated traders"]["automated_or_fraudulent"] == 1
    assert set(found["files"]) == {"keys.csv", "people.csv", "bots.csv", "friends.csv", "trust.csv"}
    assert "typing: held-out people" in shown.output


def test_a_missing_file_and_a_missing_column_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Cannot read .*keys\.csv"):
        read_table(tmp_path / "keys.csv", ("user",))
    written(tmp_path, "keys.csv", {"person": ["1"]})
    with pytest.raises(InputError, match="has no column user; it needs user"):
        read_table(tmp_path / "keys.csv", ("user",))
    (tmp_path / "keys.csv.zst").write_bytes(b"not compressed")
    with pytest.raises(InputError, match="cannot be decompressed"):
        read_table(tmp_path / "keys.csv.zst", ("user",))


def test_a_compressed_table_is_read_to_its_end_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.csv.zst"
    begin, rest = zstandard.compress(b"user,key\n1,a\n"), zstandard.compress(b"2,b\n")
    path.write_bytes(begin + rest)
    assert read_table(path, ("user", "key")) == {"user": ["1", "2"], "key": ["a", "b"]}
    path.write_bytes(begin + rest[:-3])
    with pytest.raises(InputError, match="ends in the middle"):
        read_table(path, ("user",))
