"""The texts of each step, split by group: no two steps share a group."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

import numpy as np

from moderation.errors import InputError
from moderation.lab.simulation import WriterPool, Writing, Written
from moderation.lab.textdata.manifest import read_data_manifest
from moderation.lab.textdata.near_duplicates import near_duplicate_clusters
from moderation.lab.textdata.partition import keyed_fraction, load_partition
from moderation.lab.textdata.rows import TextRow, read_people
from moderation.lab.textdata.slices import sources_with_both_labels
from moderation.text.bands import band_keys

Role = Literal["train", "tune", "threshold", "certify", "test"]
SHARES: Mapping[Role, float] = {"train": 0.30, "tune": 0.12, "threshold": 0.20, "certify": 0.20, "test": 0.18}
PEOPLE_SHARES: Mapping[Role, float] = {
    "train": 0.08, "tune": 0.06, "threshold": 0.398, "certify": 0.398, "test": 0.064
}  # fmt: skip
"""Most complete people set the threshold and certify it, because a rate of 1 in 10 000 needs 30 000 of them."""
PERSONA = "persona"
"""Kind of prompt of machine texts that are written as a casual user."""
MOST_PER_SIDE = 4000
"""Maximum number of texts of one label and source; scoring more only takes longer."""
LEAST_GROUPS = 25
"""A source with fewer groups is split by near-duplicate cluster instead; the manifest lists it."""


@dataclass(frozen=True)
class RiskTexts:
    """Texts by role, and the summary of them in the manifest of the bundle."""

    pools: Mapping[Role, WriterPool]
    summary: Mapping[str, object]


def load_risk_texts(data_dir: Path | None, texts: Path | None, data_manifest: Path | None = None) -> RiskTexts:
    """Return part B of the data in *data_dir*, or the JSON lines in *texts* (id, label, source, group, text).

    Of part B, only sources with both labels and a licence that permits published weights are used. *data_manifest*
    replaces the manifest of the package. Raises InputError when neither or both are given, or when the texts cannot
    be read.
    """
    if (data_dir is None) == (texts is None):
        raise InputError("Give either --data DIR (the text data) or --texts FILE (JSON lines), not both.")
    if texts is not None:
        _refuse_without_data(data_manifest)
        return by_role(_read_lines(texts), grouped_sources=None)
    assert data_dir is not None  # nosec B101  # narrows a type; checked before
    rows = load_partition(data_dir, "B", data_manifest)
    both = sources_with_both_labels(rows)
    if not both:
        raise InputError("No source of part B has both human and machine texts; use data of more sources.")
    paired = by_role([row for row in rows if row.source in both], grouped_sources=None)
    people = _people(data_dir, data_manifest)
    for writing, some in (
        ("second_language", [row for row in rows if row.label == 0 and row.second_language]),
        ("formal", [row for row in rows if row.label == 0 and row.formal and not row.second_language]),
    ):
        for role, writers in writers_by_role(some).items():
            people[role][cast(Writing, writing)] = writers
    return RiskTexts(
        {role: pool.with_people(people[role]) for role, pool in paired.pools.items()},
        {
            **paired.summary,
            "people": {role: {name: len(some) for name, some in people[role].items()} for role in SHARES},
        },
    )


def _people(data_dir: Path, data_manifest: Path | None) -> dict[Role, dict[Writing, list[list[Written]]]]:
    """Return the texts of the complete people of each step; each person is in one."""
    found: dict[Role, dict[Writing, list[list[Written]]]] = {role: {} for role in SHARES}
    bounds = np.cumsum(list(PEOPLE_SHARES.values()))
    roles = list(PEOPLE_SHARES)
    for author, posts in read_people(data_dir, read_data_manifest(data_manifest)):
        place = int(np.searchsorted(bounds, keyed_fraction(author, "person") * bounds[-1], side="right"))
        found[roles[place]].setdefault("general", []).append([Written(*post) for post in posts])
    return found


def writers_by_role(rows: Sequence[TextRow]) -> dict[Role, list[list[Written]]]:
    """Return the texts of each writer by step; texts without an author are joined, one to eight of a source."""
    role_of = assign_roles(rows)
    own: dict[tuple[Role, str, str], list[Written]] = defaultdict(list)
    for row in rows:
        own[role_of[row.group], row.source, row.author].append(Written(row.text, row.community or row.source))
    found: dict[Role, list[list[Written]]] = {role: [] for role in SHARES}
    for (role, source, author), texts in own.items():
        if author:
            found[role].append(texts)
            continue
        begin = 0
        while begin < len(texts):
            size = 1 + int(8 * keyed_fraction(f"{source}/{role}/{begin}", "writer"))
            found[role].append(texts[begin : begin + size])
            begin += size
    return found


def simulation_texts(data_dir: Path | None, texts: Path | None, data_manifest: Path | None = None) -> WriterPool:
    """Return the texts for a simulated platform: those of the evaluation step, or all texts of a file.

    Raises InputError under the conditions of load_risk_texts.
    """
    if texts is None or data_dir is not None:
        return load_risk_texts(data_dir, texts, data_manifest).pools["test"]
    _refuse_without_data(data_manifest)
    return WriterPool(_labelled(_read_lines(texts)))


def _refuse_without_data(data_manifest: Path | None) -> None:
    if data_manifest is not None:
        raise InputError("--data-manifest applies to --data only; remove it when you use --texts.")


def by_role(rows: Sequence[TextRow], grouped_sources: frozenset[str] | None) -> RiskTexts:
    """Split *rows* by group; *grouped_sources* keep their groups even with fewer than LEAST_GROUPS.

    Raises InputError when a step would get no text.
    """
    rows, recut = _with_enough_groups(_capped(rows), grouped_sources or frozenset())
    role_of = assign_roles(rows)
    parts: dict[Role, list[TextRow]] = defaultdict(list)
    for row in rows:
        parts[role_of[row.group]].append(row)
    for role in SHARES:
        if not parts[role]:
            raise InputError(f"No group of texts is left for the step {role!r}: add texts of more groups.")
    licences: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        licences[row.source].add(row.licence or "none-stated")
    summary: dict[str, object] = {
        "licences": {source: sorted(names) for source, names in sorted(licences.items())},
        "texts": {role: len(parts[role]) for role in SHARES},
        "groups": {role: len({row.group for row in parts[role]}) for role in SHARES},
        "cut_by_near_duplicates_for_want_of_groups": sorted(recut),
    }
    pools = {role: WriterPool(_labelled(parts[role]), personas=_personas(parts[role])) for role in SHARES}
    return RiskTexts(pools, summary)


def _labelled(rows: Iterable[TextRow]) -> Iterable[tuple[str, str | None, str]]:
    return ((row.source, (row.generator or "machine") if row.label == 1 else None, row.text) for row in rows)


def assign_roles(rows: Iterable[TextRow]) -> dict[str, Role]:
    """Return the role of each group.

    Groups are assigned from the largest to the smallest, each to the role that lacks most of its source and label.
    """
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


def _personas(rows: Iterable[TextRow]) -> Iterable[tuple[str, str]]:
    return ((row.source, row.text) for row in rows if row.label == 1 and row.prompt_kind == PERSONA)


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
            fields = json.loads(line)
            rows.append(
                TextRow(
                    id=str(fields["id"]),
                    source=str(fields["source"]),
                    label=int(fields["label"]),
                    group=str(fields.get("group") or f"row/{fields['id']}"),
                    text=str(fields["text"]),
                    generator=str(fields.get("generator", "")),
                    licence=str(fields.get("licence", fields.get("lic", ""))),
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"Line {number} of {path} is not a valid text ({error!r}): give id, label (0 or 1), source and text."
            ) from None
    return rows
