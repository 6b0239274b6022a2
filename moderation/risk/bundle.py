"""Reads and writes risk bundles; the hash of every file is verified before use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from moderation.detector.bundle_files import check_bundle_place
from moderation.errors import BundleError
from moderation.features.catalogue import FEATURES, Feature
from moderation.risk.explanation import EVIDENCE
from moderation.risk.family_models import FamilyModel
from moderation.risk.fusion import Fusion
from moderation.risk.gate import CONTENT
from moderation.risk.manifest import FORMAT, Manifest, Policy, PolicyEntry
from moderation.risk.model import BundledRiskModel
from moderation.risk.p_values import Reference

_BUNDLES = Path(__file__).resolve().parent.parent / "bundles"
SHIPPED = _BUNDLES / "risk-simulated"
"""The risk bundle that comes with the shipped detector."""
MANIFEST = "manifest.json"
# Keys of every manifest of a risk bundle, of older formats too.
_ALWAYS_THERE = frozenset({"format", "detector_hash", "files"})


def load_risk(bundle: Path | None = None, *, detector_hash: str, policy: Policy | None = None) -> BundledRiskModel:
    """Return the risk model in the directory *bundle* (default: the shipped one) for a scoring policy.

    The default is `all`, or the only policy of the bundle.

    *detector_hash* is the manifest hash of the detector whose logits are the input. Raises BundleError when a file is
    missing, altered or of another format, when the model was trained with another detector, or when it uses a feature
    that is not computed or has another meaning version.
    """
    bundle = bundle or SHIPPED
    model = read_bundle(bundle, policy=policy)
    if model.detector_hash != detector_hash:
        raise BundleError(
            f"The risk bundle in {bundle} was trained on detector {model.detector_hash[:12]}, the loaded "
            f"one is {detector_hash[:12]}: use that detector, or train again with `moderation train --detector DIR`."
        )
    return model


def read_bundle(
    bundle: Path, features: Sequence[Feature] = FEATURES, *, policy: Policy | None = None
) -> BundledRiskModel:
    """Return the risk model in *bundle*, for any detector; *features* are those that are computed.

    The default of *policy* is that of `load_risk`. Raises BundleError under the conditions of `load_risk`.
    """
    raw = _read(bundle, MANIFEST)
    manifest = _manifest(bundle, raw)
    columns = _columns(bundle, manifest, features)
    default: Policy = "all" if "all" in manifest.policies else next(iter(manifest.policies))
    wanted = default if policy is None else policy
    policy_entry(bundle, manifest, wanted)
    contents = {name: _checked(bundle, name, digest) for name, digest in manifest.files.items()}
    try:
        return _model(manifest, hashlib.sha256(raw).hexdigest(), wanted, columns, features, contents)
    except (KeyError, ValueError, lgb.basic.LightGBMError) as error:
        raise BundleError(f"The risk bundle in {bundle} is inconsistent ({error}); train it again.") from None


def _model(
    manifest: Manifest,
    manifest_hash: str,
    policy: Policy,
    columns: NDArray[np.intp],
    features: Sequence[Feature],
    contents: Mapping[str, bytes],
) -> BundledRiskModel:
    references = json.loads(contents[manifest.reference_file])
    names = tuple(family.name for family in manifest.families)
    neutral = np.array([family.neutral for family in manifest.families], dtype=np.float64)
    metadata = [column for column, name in enumerate(names) if name != CONTENT]
    without_content = tuple(names[column] for column in metadata)
    return BundledRiskModel(
        manifest=manifest,
        manifest_hash=manifest_hash,
        policy=policy,
        columns=columns,
        width=len(features),
        evidence=next(column for column, feature in enumerate(features) if feature.name == EVIDENCE),
        family_models={
            family.name: _family_model(manifest, family.name, contents[family.file])
            for family in manifest.families
            if family.name != CONTENT
        },
        fusion=Fusion(names, neutral, _booster(contents[manifest.fusion_file])),
        metadata_only=Fusion(without_content, neutral[metadata], _booster(contents[manifest.metadata_only_file])),
        references={name: _groups(references[name]) for name in names},
    )


def read_manifest(bundle: Path | None) -> tuple[Manifest, str]:
    """Return the manifest in *bundle* (default: the shipped one) and its hash. Raises BundleError."""
    bundle = bundle or SHIPPED
    raw = _read(bundle, MANIFEST)
    return _manifest(bundle, raw), hashlib.sha256(raw).hexdigest()


def check_place(out: Path) -> None:
    """Raise InputError where *out* contains anything but an older risk bundle, which a new one replaces."""
    check_bundle_place(out, "risk bundle", lambda values: values.keys() >= _ALWAYS_THERE)


def policy_entry(bundle: Path | None, manifest: Manifest, policy: Policy) -> PolicyEntry:
    """Return threshold and certificate of a scoring policy in the *manifest* of *bundle* (default: the shipped one).

    Raises BundleError for a policy that the bundle has no threshold for.
    """
    if policy not in manifest.policies:
        raise BundleError(
            f'The risk bundle in {bundle or SHIPPED} has no threshold for scoring.policy = "{policy}": use one of '
            f"{', '.join(manifest.policies)}, or train again with `moderation train`."
        )
    return manifest.policies[policy]


def write_manifest(bundle: Path, manifest: Manifest) -> None:
    """Write *manifest* into *bundle* atomically, with its keys in a fixed order."""
    waiting = bundle / f"{MANIFEST}.part"
    waiting.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    waiting.replace(bundle / MANIFEST)


def _columns(bundle: Path, manifest: Manifest, features: Sequence[Feature]) -> NDArray[np.intp]:
    computed = {feature.name: (column, feature.version) for column, feature in enumerate(features)}
    columns = []
    for feature in manifest.features:
        column, version = computed.get(feature.name, (-1, None))
        if version != feature.version:
            found = "does not compute it" if version is None else f"computes version {version}"
            raise BundleError(
                f"The risk bundle in {bundle} reads version {feature.version} of the feature {feature.name}, this "
                f"program {found}: install the version it was trained with, or train again with `moderation train`."
            )
        columns.append(column)
    return np.array(columns, dtype=np.intp)


def _read(bundle: Path, name: str) -> bytes:
    try:
        return (bundle / name).read_bytes()
    except OSError as error:
        raise BundleError(
            f"Cannot read {name} of the risk bundle in {bundle} ({error.strerror}): "
            "name a directory that `moderation train` wrote, or leave the setting out to use the shipped bundle."
        ) from None


def _checked(bundle: Path, name: str, digest: str) -> bytes:
    if Path(name).name != name:
        raise BundleError(f"The risk bundle in {bundle} names the file {name!r} outside of it; fetch the bundle again.")
    contents = _read(bundle, name)
    found = hashlib.sha256(contents).hexdigest()
    if found != digest:
        raise BundleError(
            f"{name} of the risk bundle in {bundle} is not the file its manifest names (SHA-256 {found[:12]}, expected "
            f"{digest[:12]}): it was damaged or changed; fetch the bundle again."
        )
    return contents


def _manifest(bundle: Path, raw: bytes) -> Manifest:
    try:
        content = json.loads(raw)
        version = content.get("format") if isinstance(content, dict) else None
        if version != FORMAT:
            raise BundleError(
                f"The risk bundle in {bundle} has format {version!r}, this version reads {FORMAT}: "
                "install the version it was written with, or train again with `moderation train`."
            )
        return Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except ValueError as error:
        reason = str(error)
    raise BundleError(f"{MANIFEST} of the risk bundle in {bundle} is damaged ({reason}); fetch it again.")


def _groups(samples: Mapping[str, list[float]]) -> dict[str, Reference]:
    return {group: Reference(np.array(scores, dtype=np.float64)) for group, scores in samples.items()}


def _booster(contents: bytes) -> lgb.Booster:
    return lgb.Booster(model_str=contents.decode("utf-8"))


def _family_model(manifest: Manifest, name: str, contents: bytes) -> FamilyModel:
    columns = tuple(column for column, feature in enumerate(manifest.features) if feature.family == name)
    medians = [manifest.features[column].genuine_median for column in columns]
    filled = np.array([0.0 if median is None else median for median in medians], dtype=np.float64)
    return FamilyModel(name, columns, filled, _booster(contents))
