"""An export replaces only older bundles of its kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import moderation
from export.bundle import BundleOrder, write_bundle
from export.place import check_place
from moderation.detector.manifest import DETECTOR
from moderation.detector.shipped import SHIPPED
from moderation.errors import InputError

_BUNDLES = Path(moderation.__file__).parent / "bundles"
_OTHER = {
    "risk": (_BUNDLES / "risk-simulated" / "manifest.json").read_text(encoding="utf-8"),
    "a game's": json.dumps({"format_version": 2, "header": {}, "modules": []}),
    "a list": "[]",
    "nested": "[" * 200_000,
    "no JSON": "mine",
}


def _with_manifest(folder: Path, content: str) -> Path:
    folder.mkdir()
    (folder / "manifest.json").write_text(content, encoding="utf-8")
    return folder


@pytest.mark.parametrize("content", _OTHER.values(), ids=_OTHER)
def test_directory_with_another_manifest_is_not_replaced(content: str, tmp_path: Path) -> None:
    place = _with_manifest(tmp_path / "out", content)
    with pytest.raises(InputError, match=r"out is not empty and not only a detector bundle, .* name a new directory"):
        check_place(place, DETECTOR)


@pytest.mark.parametrize("version", [1, 99])
def test_bundle_of_any_version_is_replaced(version: int, tmp_path: Path) -> None:
    manifest = json.loads((SHIPPED / "manifest.json").read_text(encoding="utf-8"))
    check_place(_with_manifest(tmp_path / "old", json.dumps(manifest | {"format_version": version})), DETECTOR)
    (tmp_path / "old" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not only a detector bundle"):
        check_place(tmp_path / "old", DETECTOR)
    (tmp_path / "empty").mkdir()
    check_place(tmp_path / "empty", DETECTOR)
    check_place(tmp_path / "nothing", DETECTOR)


def test_output_is_checked_before_the_checkpoint(tmp_path: Path) -> None:
    place = _with_manifest(tmp_path / "out", _OTHER["risk"])
    with pytest.raises(InputError, match="not only a detector bundle"):
        write_bundle(tmp_path / "no checkpoint", place, BundleOrder("none", ("fp32",)))
    assert (place / "manifest.json").read_text(encoding="utf-8") == _OTHER["risk"]


def test_missing_notice_is_refused_first(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"The notice .*missing does not exist"):
        write_bundle(
            tmp_path / "no checkpoint", tmp_path / "out", BundleOrder("none", ("fp32",), notice=tmp_path / "missing")
        )
