"""Renders the chart with values, and holds the result against the schemas of Kubernetes."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

from tests.unit.project.pages import ROOT

CHART = ROOT / "deploy" / "helm" / "moderation"
KUBERNETES = "1.34"

VALUES: dict[str, Any] = {
    "existingSecret": "moderation-secrets",
    "settings": {"kafka": {"bootstrap_servers": "kafka.example:9092"}},
    "console": {"publicUrl": "https://reviews.example"},
}
"""The least that an installation needs."""


class Refused(Exception):
    """helm refused the values; the argument is its message."""


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Values with changes, section by section."""
    found = dict(values)
    for name, change in changes.items():
        both = isinstance(change, dict) and isinstance(found.get(name), dict)
        found[name] = merged(found[name], change) if both else change
    return found


def run_helm(helm: str, *arguments: str, values: Mapping[str, Any]) -> str:
    """Run helm with values. Raises Refused."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        done = subprocess.run(
            [helm, *arguments, "--values", file.name], capture_output=True, text=True, timeout=120, check=False
        )
    if done.returncode != 0:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


def render(helm: str, changes: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """The objects of the chart by kind and name. Raises Refused."""
    command = ["template", "test", str(CHART), "--kube-version", f"{KUBERNETES}.0"]
    text = run_helm(helm, *command, values=merged(VALUES, changes))
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text) if one}


def validate(manifest: Mapping[str, Any]) -> None:
    """Raise ValidationError where an object does not have the form that Kubernetes permits."""
    kubernetes_validate.validate(dict(manifest), KUBERNETES, strict=True)


def manifests(file: Path) -> list[dict[str, Any]]:
    """The objects of a file."""
    return [one for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if one]
