"""The server of metrics and probes."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from moderation.errors import SettingsError
from moderation.settings import Settings
from moderation.telemetry import server as module
from moderation.telemetry.health import Bounds, Health
from moderation.telemetry.opening import open_telemetry
from moderation.telemetry.server import TelemetryServer
from tests.services.process import free_ports, listening


@pytest.fixture
def health() -> Health:
    return Health(Bounds(60, 90, 15))


@pytest.fixture
def port(health: Health) -> Iterator[int]:
    (port,) = free_ports(1)
    registry = CollectorRegistry()
    Counter("moderation_flags", "Flags.", registry=registry).inc(3)
    server = TelemetryServer(("127.0.0.1", port), registry, health)
    yield port
    server.close()


def get(port: int, path: str, **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers["content-type"]
    finally:
        connection.close()


def test_metrics_are_served_in_both_formats(port: int) -> None:
    status, text, content_type = get(port, "/metrics?name=x")
    assert (status, "moderation_flags_total 3.0" in text) == (200, True)
    assert content_type.startswith("text/plain; version=")
    _, text, content_type = get(port, "/metrics", accept="application/openmetrics-text")
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


def test_probes_answer_with_the_reason(port: int, health: Health) -> None:
    assert get(port, "/startupz")[:2] == (503, "the models are not loaded yet\n")
    assert get(port, "/readyz")[:2] == (503, "the loop does not run\n")
    assert get(port, "/livez")[:2] == (200, "ok\n")
    health.models_warm()
    assert get(port, "/startupz")[:2] == (200, "ok\n")


def test_other_paths_and_methods_are_refused(port: int) -> None:
    assert get(port, "/../etc/passwd")[0] == 404
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/metrics", body=b"x")
    assert connection.getresponse().status == 501
    connection.close()


def test_clients_that_send_nothing_do_not_stop_the_probes(port: int) -> None:
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(module.MOST_REQUESTS)]
    assert get(port, "/livez")[:2] == (200, "ok\n")
    idle[0].settimeout(10)
    assert idle[0].recv(1) == b"", "the oldest is closed for it"
    for connection in idle:
        connection.close()


def test_a_client_that_sends_a_byte_at_a_time_is_disconnected(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_TIMEOUT_S", 0.2)
    slow = socket.create_connection(("127.0.0.1", port))
    slow.settimeout(0.05)
    ended = False
    for _ in range(400):
        try:
            slow.sendall(b"G")
            ended = slow.recv(1) == b""
        except TimeoutError:
            continue
        except OSError:
            ended = True
        break
    slow.close()
    assert ended


def test_an_address_that_is_in_use_is_a_settings_error(port: int, health: Health) -> None:
    with pytest.raises(SettingsError, match=r"cannot listen on 127\.0\.0\.1 port .*telemetry\.port"):
        TelemetryServer(("127.0.0.1", port), CollectorRegistry(), health)


def test_by_default_nothing_listens_and_a_port_ends_with_the_telemetry() -> None:
    with open_telemetry(Settings()) as opened:
        assert (opened.observer.metrics, opened.observer.health, opened.observer.tracer) == (None, None, None)
    (port,) = free_ports(1)
    with open_telemetry(Settings(telemetry={"port": port})):  # type: ignore[arg-type]
        assert listening(port)
    assert not listening(port)
