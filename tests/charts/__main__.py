"""Checks the chart with helm: `python -m tests.charts`. Ends with 1 and the reason where something is wrong."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from moderation.settings import Settings
from tests.charts.helm import helm
from tests.charts.rendering import CHART, VALUES, Refused, merged, render, run_helm, validate
from tests.services.process import ServiceError

REDIS = {"settings": {"state": {"backend": "redis"}}}
ACCEPTED: dict[str, Mapping[str, Any]] = {
    "one worker": {},
    "several workers": {**REDIS, "worker": {"replicas": 3}, "console": {"replicas": 2}},
    "scaled by lag": {**REDIS, "keda": {"enabled": True, "authenticationRef": "kafka"}},
    "files, peers and no console": {
        "configFile": "[mapping]\nignore = [\"type == 'x'\"]\n",
        "certificatesSecret": "certificates",
        "console": {"enabled": False},
        "networkPolicy": {"metricsFrom": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}]},
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
    "an unknown value": ({"workers": {}}, "workers"),
    "an unknown backend": ({"settings": {"state": {"backend": "etcd"}}}, "backend"),
}


def check_settings(rendered: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    """Raise where a variable of a container is no setting, or a value is refused."""
    for (kind, name), one in rendered.items():
        if kind not in ("StatefulSet", "Deployment"):
            continue
        (container,) = one["spec"]["template"]["spec"]["containers"]
        values: dict[str, Any] = {"state": {}}
        for variable in container["env"]:
            path = variable["name"].removeprefix("MODERATION_").lower().split("__")
            section = values if len(path) == 1 else values.setdefault(path[0], {})
            section[path[-1]] = variable["value"]
        if values["state"].get("backend") == "redis":
            values["state"]["redis_url"] = "redis://of-the-secret:6379/0"
        Settings(**values)
        assert "" not in [variable["value"] for variable in container["env"]], name
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"], name
        assert container["resources"]["limits"]["memory"], name


def check(program: str) -> None:
    """Raise AssertionError, Refused or a ValidationError where the chart is wrong."""
    run_helm(program, "lint", "--strict", str(CHART), values=VALUES)
    for name, changes in ACCEPTED.items():
        rendered = render(program, changes)
        for one in rendered.values():
            validate(one)
        check_settings(rendered)
        kinds = {kind for kind, _ in rendered}
        assert ("ScaledObject" in kinds) == ("keda" in changes), name
        assert ("PodDisruptionBudget" in kinds) == (merged({}, changes).get("settings") == REDIS["settings"]), name
        replicas = rendered["StatefulSet", "test-worker"]["spec"].get("replicas")
        assert (replicas is None) == ("keda" in changes), name
        sys.stdout.write(f"rendered and valid: {name} ({len(rendered)} objects)\n")
    in_file = render(program, {"configFile": "platform_id = 'mine'\n"})["StatefulSet", "test-worker"]
    (container,) = in_file["spec"]["template"]["spec"]["containers"]
    assert "MODERATION_PLATFORM_ID" not in [variable["name"] for variable in container["env"]], "overrides configFile"
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
