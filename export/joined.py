"""From a detector bundle, a companion and labelled data to a joined bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from export.joined_fit import Progress, Texts, fit_joined, read_texts
from export.place import room_beside
from moderation.checksum import sha256_of
from moderation.detector import load_detector
from moderation.detector.bundle_files import MANIFEST_FILE
from moderation.detector.companion import load_companion
from moderation.detector.companion.manifest import read_companion_manifest
from moderation.detector.joined.manifest import (
    COMPANION_PART,
    DETECTOR_PART,
    FORMAT_VERSION,
    KIND,
    DataFile,
    JoinedManifest,
    PartHash,
    is_joined,
)
from moderation.detector.joined.rule import JoiningRule, ZeroShotRule
from moderation.detector.loading import load_alone
from moderation.detector.manifest import read_manifest
from moderation.directories import check_replaceable, replace_directory
from moderation.errors import InputError
from moderation.training.detector.kept_features import KeptFeatures

_DATA_FILE = "text_train.jsonl.zst"


@dataclass(frozen=True)
class JoinOrder:
    """What is joined, and with which data; *work* is the folder that keeps the companion's figures."""

    detector: Path
    companion: Path
    data: Path
    work: Path
    threads: int | None = None
    data_manifest: Path | None = None


def write_joined(out: Path, order: JoinOrder, progress: Progress) -> Path:
    """Write the joined bundle into *out* and load it once as the sidecar will. Returns *out*.

    Raises InputError for data or a place that cannot be used, BundleError for a part that cannot. *out* is replaced
    only by a bundle that is whole. The companion's figures stay in the work folder, so an interrupted run continues.
    """
    check_replaceable(out)
    if out.exists() and not is_joined(out) and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"{out} is there and is no joined bundle; name a new directory.")
    if is_joined(order.detector):
        raise InputError(
            f"{order.detector} is itself a joined bundle; to join its detector anew, name "
            f"{order.detector / DETECTOR_PART}."
        )
    detector, detector_hash = read_manifest(order.detector)
    companion, companion_hash = read_companion_manifest(order.companion)
    texts = read_texts(order.data, order.data_manifest)
    with room_beside(out) as name:
        stage = Path(name) / "bundle"
        _copy(order.detector, stage / DETECTOR_PART, detector.files)
        _copy(order.companion, stage / COMPANION_PART, companion.files)
        zero_shot, joining = _fit(stage, texts, order, progress)
        manifest = JoinedManifest(
            format_version=FORMAT_VERSION,
            kind=KIND,
            name=out.resolve().name,
            detector=PartHash(name=detector.name, manifest_sha256=detector_hash),
            companion=PartHash(name=companion.name, manifest_sha256=companion_hash),
            zero_shot=zero_shot,
            joining=joining,
            data=DataFile(name=_DATA_FILE, sha256=sha256_of(order.data / _DATA_FILE)),
            licence=f"{detector.licence} (detector), {companion.licence} (companion)",
        )
        written = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False)
        (stage / MANIFEST_FILE).write_text(written + "\n", encoding="utf-8")
        load_detector(stage, threads=1)
        replace_directory(stage, out)
    return out


def _fit(stage: Path, texts: Texts, order: JoinOrder, progress: Progress) -> tuple[ZeroShotRule, JoiningRule]:
    """Fit with the parts as they were copied, so that what is measured is what will run."""
    detector = load_alone(stage / DETECTOR_PART, threads=order.threads)
    companion = load_companion(stage / COMPANION_PART, order.threads)
    return fit_joined(detector, KeptFeatures(companion, order.work), texts, progress)


def _copy(bundle: Path, part: Path, files: Iterable[str]) -> None:
    """Copy what the manifest names and nothing else that lies there."""
    part.mkdir(parents=True)
    for name in (MANIFEST_FILE, *files):
        shutil.copyfile(bundle / name, part / name)
