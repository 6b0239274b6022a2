"""Checks the chart with helm: `python -m tests.charts`. Ends with 1 and the reason where something is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import yaml

from moderation.settings import Settings
from tests.charts.custom_kinds import FORMS, validate_custom
from tests.charts.helm import helm
from tests.charts.rendering import CHART, VALUES, Refused, merged, render, run_helm, validate
from tests.services.process import ServiceError
from tests.unit.project.pages import ROOT

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
REDIS = {"settings": {"state": {"backend": "redis"}}}
OF_THE_SECRET = {"MODERATION_STATE__REDIS_URL": "redis://redis.example:6379/0"}
PROMETHEUS = {"podSelector": {"matchLabels": {"app": "prometheus"}}}
ACCEPTED: dict[str, Mapping[str, Any]] = {
    "one worker": {},
    "several workers": {**REDIS, "worker": {"replicas": 3}, "console": {"replicas": 2}},
    "scaled by lag": {**REDIS, "keda": {"enabled": True, "authenticationRef": "kafka"}},
    "files, peers and no console": {
        "configFile": "[mapping]\nignore = [\"type == 'x'\"]\n",
        "certificatesSecret": "certificates",
        "console": {"enabled": False},
        "networkPolicy": {"metricsFrom": [PROMETHEUS]},
        "settings": {
            "kafka": {
                "security_protocol": "SASL_SSL",
                "session_timeout_ms": 6000,
                "ssl_cafile": "/etc/moderation/certificates/ca.crt",
                "ssl_certfile": "/etc/moderation/certificates/tls.crt",
                "ssl_keyfile": "/etc/moderation/certificates/tls.key",
            },
            "audit": {"rate": 0.001},
        },
    },
    "monitored, with single sign-on and traces": {
        "monitoring": {"enabled": True, "labels": {"release": "prometheus"}, "consoleTokenSecret": "token"},
        "networkPolicy": {"metricsFrom": [PROMETHEUS], "egressPorts": [9093, 5432]},
        "settings": {
            "oidc": {"issuer": "https://id.example:8443/realms/x", "client_id": "m", "roles": {"leads": "senior"}},
            "telemetry": {"otlp_endpoint": "http://collector.example:4318/v1/traces"},
        },
    },
}
REFUSED: dict[str, tuple[Mapping[str, Any], str]] = {
    "several workers with a state in memory": ({"worker": {"replicas": 2}}, "whose state belongs to one worker"),
    "several workers with a state on disk": (
        {"worker": {"replicas": 2}, "settings": {"state": {"backend": "disk"}}},
        "whose state belongs to one worker",
    ),
    "scaling of a state in memory": ({"keda": {"enabled": True}}, "keda.enabled needs settings.state.backend redis"),
    "scaling by a group that is named in a file": (
        {**REDIS, "keda": {"enabled": True}, "configFile": "[kafka]\nposts = 'x'\n"},
        "needs settings.kafka.group_id and settings.kafka.posts",
    ),
    "no secret": ({"existingSecret": ""}, "existingSecret is empty"),
    "no broker": ({"settings": {"kafka": {"bootstrap_servers": ""}}}, "bootstrap_servers is empty"),
    "a console without TLS": ({"console": {"publicUrl": "http://reviews.example"}}, "console.publicUrl must be the"),
    "a password among the values": ({"settings": {"kafka": {"sasl_password": "x"}}}, "sasl_password"),
    "the secret of single sign-on among the values": ({"settings": {"oidc": {"client_secret": "x"}}}, "client_secret"),
    "the password of a key among the values": ({"settings": {"kafka": {"ssl_password": "x"}}}, "ssl_password"),
    "monitoring that no pod may do": ({"monitoring": {"enabled": True}}, "monitoring.enabled needs networkPolicy"),
    "an unknown value": ({"workers": {}}, "workers"),
    "an unknown backend": ({"settings": {"state": {"backend": "etcd"}}}, "backend"),
}


def has_setting(settings: Settings, variable: str) -> bool:
    """Whether a variable is one of a setting: unknown ones are not refused."""
    of: object = settings
    for name in variable.removeprefix("MODERATION_").lower().split("__"):
        if name not in getattr(type(of), "model_fields", {}):
            return False
        of = getattr(of, name)
    return True


def check_settings(rendered: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    """Raise where a variable of a container is no setting, or a value is refused."""
    for (kind, name), one in rendered.items():
        if kind not in ("StatefulSet", "Deployment"):
            continue
        (container,) = one["spec"]["template"]["spec"]["containers"]
        variables = {variable["name"]: variable["value"] for variable in container["env"]}
        with patch.dict(os.environ, variables | OF_THE_SECRET, clear=True):
            found = Settings()
        unknown = [name for name in variables if not has_setting(found, name)]
        assert not unknown, unknown
        assert "" not in [variable["value"] for variable in container["env"]], name
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"], name
        assert container["resources"]["limits"]["memory"], name


def check_monitoring(rendered: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    """Raise where Prometheus would not read what the chart has, or a server outside could not be reached."""
    for name in ("worker", "console"):
        service, monitor = rendered["Service", f"test-{name}"], rendered["ServiceMonitor", f"test-{name}"]
        (endpoint,) = monitor["spec"]["endpoints"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items(), name
        assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]], name
        assert PROMETHEUS in rendered["NetworkPolicy", f"test-{name}"]["spec"]["ingress"][0]["from"], name
    rule = rendered["PrometheusRule", "test"]
    assert rule["spec"] == yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    for name, ports in {"worker": {4318}, "console": {8443}, "migrations": set()}.items():
        (egress,) = rendered["NetworkPolicy", f"test-{name}"]["spec"]["egress"]
        assert {port["port"] for port in egress["ports"]} == {53, 9093, 5432} | ports, name


def check_config_file(program: str) -> None:
    """Raise where settings override the file without need, or a changed file does not restart what reads it."""
    for restart in (True, False):
        changes = {"configFile": "platform_id = 'mine'\n", "worker": {"restartForConfigFile": restart}}
        rendered = render(program, changes)
        for of, restarted in ((("StatefulSet", "test-worker"), restart), (("Deployment", "test-console"), True)):
            template = rendered[of]["spec"]["template"]
            (container,) = template["spec"]["containers"]
            assert "MODERATION_PLATFORM_ID" not in [variable["name"] for variable in container["env"]], of
            assert ("checksum/config" in (template["metadata"].get("annotations") or {})) == restarted, of


def check(program: str) -> None:
    """Raise AssertionError, Refused or a ValidationError where the chart is wrong."""
    run_helm(program, "lint", "--strict", str(CHART), values=VALUES)
    for name, changes in ACCEPTED.items():
        rendered = render(program, changes)
        for one in rendered.values():
            (validate_custom if one["kind"] in FORMS else validate)(one)
        check_settings(rendered)
        kinds = {kind for kind, _ in rendered}
        assert ("ScaledObject" in kinds) == ("keda" in changes), name
        assert ("PodDisruptionBudget" in kinds) == (merged({}, changes).get("settings") == REDIS["settings"]), name
        replicas = rendered["StatefulSet", "test-worker"]["spec"].get("replicas")
        assert (replicas is None) == ("keda" in changes), name
        sys.stdout.write(f"rendered and valid: {name} ({len(rendered)} objects)\n")
    check_monitoring(render(program, ACCEPTED["monitored, with single sign-on and traces"]))
    check_config_file(program)
    for name, (changes, reason) in REFUSED.items():
        try:
            render(program, changes)
        except Refused as refused:
            if reason not in str(refused):
                raise AssertionError(f"{name}: {refused}") from None
            sys.stdout.write(f"refused as it should be: {name}\n")
        else:
            raise AssertionError(f"{name} is not refused")


def main() -> int:
    """The command."""
    try:
        check(helm())
    except (AssertionError, Refused, ServiceError) as error:
        sys.stderr.write(f"charts: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
