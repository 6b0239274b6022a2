"""Which texts each step may use: cut by group, so that none is shared between any two steps."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from moderation.errors import InputError
from moderation.lab.simulation import TextPool
from moderation.lab.textdata.near_duplicates import band_keys, near_duplicate_clusters
from moderation.lab.textdata.partition import keyed_fraction, load_partition
from moderation.lab.textdata.rows import TextRow
from moderation.lab.textdata.slices import sources_with_both_labels

Role = Literal["train", "tune", "threshold", "certify", "test"]
SHARES: Mapping[Role, float] = {"train": 0.30, "tune": 0.12, "threshold": 0.20, "certify": 0.20, "test": 0.18}
MOST_PER_SIDE = 4000
"""Texts taken of one side of one source; scoring more would only take longer."""
LEAST_GROUPS = 25
"""A source with fewer groups is cut by near-duplicate cluster instead, and the bundle says so."""


@dataclass(frozen=True)
class RiskTexts:
    """Texts by role, and what is to be said about them in the bundle."""

    pools: Mapping[Role, TextPool]
    said: Mapping[str, object]


def load_risk_texts(data_dir: Path | None, texts: Path | None, data_manifest: Path | None = None) -> RiskTexts:
    """Return part B of the data in *data_dir*, or the JSON lines in *texts* (id, label, source, group, text).

    Of part B, the sources with people and machines in them, whose licences let weights be published; *data_manifest*
    names other data than the package does. Raises InputError when neither or both are given, or either cannot be read
    as that.
    """
    if (data_dir is None) == (texts is None):
        raise InputError("Give either --data DIR (the text data) or --texts FILE (JSON lines), not both.")
    if texts is not None:
        _refuse_idle(data_manifest)
        return by_role(_read_lines(texts), grouped_sources=None)
    assert data_dir is not None
    rows = load_partition(data_dir, "B", data_manifest)
    both = sources_with_both_labels(rows)
    if not both:
        raise InputError(
            "No source of the data has texts of people and of machines in part B; use data of more sources."
        )
    return by_role([row for row in rows if row.source in both], grouped_sources=None)


def simulation_texts(data_dir: Path | None, texts: Path | None, data_manifest: Path | None = None) -> TextPool:
    """Return what a simulated platform may post: the texts of the evaluation step, or all of a file of texts.

    Raises InputError as load_risk_texts does.
    """
    if texts is None or data_dir is not None:
        return load_risk_texts(data_dir, texts, data_manifest).pools["test"]
    _refuse_idle(data_manifest)
    return TextPool((row.source, row.label == 1, row.text) for row in _read_lines(texts))


def _refuse_idle(data_manifest: Path | None) -> None:
    if data_manifest is not None:
        raise InputError("--data-manifest names the data of --data; with --texts leave it out.")


def by_role(rows: Sequence[TextRow], grouped_sources: frozenset[str] | None) -> RiskTexts:
    """Cut *rows* by group; *grouped_sources* keep their groups whatever their number (None: by LEAST_GROUPS)."""
    rows, recut = _with_enough_groups(_capped(rows), grouped_sources or frozenset())
    role_of = assign_roles(rows)
    parts: dict[Role, list[TextRow]] = defaultdict(list)
    for row in rows:
        parts[role_of[row.group]].append(row)
    for role in SHARES:
        if not parts[role]:
            raise InputError(f"There are too few groups of texts for the step {role!r}: give more groups of texts.")
    licences: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        licences[row.source].add(row.licence or "none-stated")
    said: dict[str, object] = {
        "licences": {source: sorted(names) for source, names in sorted(licences.items())},
        "texts": {role: len(parts[role]) for role in SHARES},
        "groups": {role: len({row.group for row in parts[role]}) for role in SHARES},
        "cut_by_near_duplicates_for_want_of_groups": sorted(recut),
    }
    pools = {role: TextPool((row.source, row.label == 1, row.text) for row in parts[role]) for role in SHARES}
    return RiskTexts(pools, said)


def assign_roles(rows: Iterable[TextRow]) -> dict[str, Role]:
    """Return the role of each group, filling every role to its share of every source and label, largest first."""
    strata: dict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
    totals: Counter[tuple[str, int]] = Counter()
    for row in rows:
        strata[row.group][row.source, row.label] += 1
        totals[row.source, row.label] += 1
    room = {stratum: {role: share * total for role, share in SHARES.items()} for stratum, total in totals.items()}
    quota = {stratum: dict(parts) for stratum, parts in room.items()}
    chosen: dict[str, Role] = {}
    for group in sorted(strata, key=lambda name: (-strata[name].total(), keyed_fraction(name, "role"))):
        pull = {
            role: sum(count * room[stratum][role] / quota[stratum][role] for stratum, count in strata[group].items())
            for role in SHARES
        }
        role = max(SHARES, key=lambda name: pull[name])
        for stratum, count in strata[group].items():
            room[stratum][role] -= count
        chosen[group] = role
    return chosen


def _capped(rows: Sequence[TextRow]) -> list[TextRow]:
    sides: dict[tuple[str, int], list[TextRow]] = defaultdict(list)
    for row in rows:
        sides[row.source, row.label].append(row)
    kept = []
    for side in sides.values():
        kept += sorted(side, key=lambda row: keyed_fraction(row.id, "cap"))[:MOST_PER_SIDE]
    return kept


def _with_enough_groups(rows: Sequence[TextRow], kept: frozenset[str]) -> tuple[list[TextRow], set[str]]:
    groups: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        groups[row.source].add(row.group)
    few = {source for source, names in groups.items() if len(names) < LEAST_GROUPS and source not in kept}
    affected = [row for row in rows if row.source in few]
    clusters = near_duplicate_clusters([row.id for row in affected], (band_keys(row.text) for row in affected))
    recut = [replace(r, group=f"near-duplicates/{clusters[r.id]}") if r.source in few else r for r in rows]
    return recut, few


def _read_lines(path: Path) -> list[TextRow]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read the texts in {path} ({error}): give a file of JSON lines in UTF-8.") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            said = json.loads(line)
            rows.append(
                TextRow(
                    id=str(said["id"]),
                    source=str(said["source"]),
                    label=int(said["label"]),
                    group=str(said.get("group") or f"row/{said['id']}"),
                    text=str(said["text"]),
                    generator=str(said.get("generator", "")),
                    licence=str(said.get("licence", said.get("lic", ""))),
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"Line {number} of {path} is no text ({error!r}): each needs id, label (0 or 1), source and text."
            ) from None
    return rows
