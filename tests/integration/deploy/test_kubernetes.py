"""Manifests and values of Kubernetes, as far as they can be checked without helm; `make charts` renders the chart."""

from __future__ import annotations

import copy
import json
import tomllib
from typing import Any, get_args

import jsonschema
import kubernetes_validate
import pytest
import yaml
from pydantic import BaseModel, SecretStr

from moderation.settings import Settings
from tests.charts.rendering import CHART, VALUES, manifests, merged, validate
from tests.unit.project.pages import ROOT

NATIVE = ROOT / "deploy" / "kubernetes" / "native-sidecar.yaml"
DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))


def test_the_native_sidecar_has_the_form_of_kubernetes_and_settings_that_exist() -> None:
    (pod,) = manifests(NATIVE)
    validate(pod)
    (sidecar,) = pod["spec"]["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    assert "readinessProbe" not in sidecar, "a sidecar that is not ready would take the platform out of service"
    assert "startupProbe" not in sidecar, "a sidecar that cannot start would keep the platform from starting"
    values: dict[str, Any] = {}
    for variable in sidecar["env"]:
        path = variable["name"].removeprefix("MODERATION_").lower().split("__")
        (values if len(path) == 1 else values.setdefault(path[0], {}))[path[-1]] = variable["value"]
    assert Settings(**values).standby


def test_a_manifest_with_a_wrong_name_is_found() -> None:
    (pod,) = manifests(NATIVE)
    wrong = copy.deepcopy(pod)
    wrong["spec"]["initContainers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(wrong)


def test_every_value_of_the_chart_is_in_its_schema_and_the_other_way_round() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(merged(DEFAULTS, VALUES), SCHEMA)
    assert DEFAULTS.keys() == SCHEMA["properties"].keys() - {"global"}
    for name, part in SCHEMA["properties"].items():
        if name not in ("global", "settings") and part.get("properties"):
            assert DEFAULTS[name].keys() == part["properties"].keys(), name


def test_default_settings_of_the_chart_do_not_override_those_of_a_file() -> None:
    kafka = {name: value for name, value in DEFAULTS["settings"]["kafka"].items() if value}
    assert DEFAULTS["settings"] | {"kafka": kafka} == {"kafka": {}, "state": {"backend": "memory"}}
    Settings(**DEFAULTS["settings"] | {"kafka": kafka})


def secrets(model: type[BaseModel] = Settings) -> list[dict[str, Any]]:
    """The settings that are secrets, each with a value."""
    found: list[dict[str, Any]] = []
    for name, field in model.model_fields.items():
        kinds = {field.annotation, *get_args(field.annotation)}
        if SecretStr in kinds:
            found.append({name: "x"})
        found += [
            {name: one}
            for kind in kinds
            if isinstance(kind, type) and issubclass(kind, BaseModel)
            for one in secrets(kind)
        ]
    return found


def test_the_secrets_of_every_section_are_found() -> None:
    assert {"oidc": {"client_secret": "x"}} in secrets()
    assert {"database_url": "x"} in secrets()


@pytest.mark.parametrize(
    "settings",
    [
        *secrets(),
        {"telemetry": {"port": 1}},
        {"state": {"backend": "etcd"}},
    ],
    ids=str,
)
def test_secrets_and_values_that_the_chart_sets_are_refused_among_the_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(merged(merged(DEFAULTS, VALUES), {"settings": settings}), SCHEMA)


def test_the_chart_has_the_version_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert (chart["version"], chart["appVersion"]) == (package, package)
