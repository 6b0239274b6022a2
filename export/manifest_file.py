"""Writes the manifest of a staged bundle."""

from __future__ import annotations

import json
from pathlib import Path

from moderation.checksum import sha256_of
from moderation.detector.bundle_files import MANIFEST_FILE
from moderation.detector.manifest import Manifest


def write_manifest(stage: Path, manifest: Manifest) -> None:
    """Write *manifest* into the directory *stage*, with the SHA-256 of every file in it."""
    names = sorted(path.name for path in stage.iterdir() if path.name != MANIFEST_FILE)
    complete = manifest.model_copy(update={"files": {name: sha256_of(stage / name) for name in names}})
    text = json.dumps(complete.model_dump(mode="json"), indent=2, ensure_ascii=False)
    (stage / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")
