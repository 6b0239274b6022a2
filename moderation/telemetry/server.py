"""The HTTP server of metrics and probes, in threads of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from moderation.errors import SettingsError
from moderation.telemetry.health import Health

REQUEST_TIMEOUT_S = 5.0
"""A client whose request and answer take longer than this, however it sends them, is disconnected."""
MOST_REQUESTS = 16
"""Connections at the same time. One more ends the oldest, so that idle clients cannot stop the probes."""
TEXT = "text/plain; charset=utf-8"


class TelemetryServer:
    """Serves `/metrics`, `/startupz`, `/readyz` and `/livez` until it is closed."""

    def __init__(self, address: tuple[str, int], registry: CollectorRegistry, health: Health) -> None:
        """Listen on *address*. Raises SettingsError where this is not possible."""
        host, port = address
        probes = {"/startupz": health.why_not_started, "/readyz": health.why_not_ready, "/livez": health.why_dead}
        handler = type("Handler", (_Handler,), {"registry": registry, "probes": probes})
        try:
            server_class = type("Server", (_Server,), {"address_family": _family(host)})
            self._server = server_class((host.strip("[]"), port), handler)
        except (OSError, OverflowError) as error:
            raise SettingsError(
                f"the telemetry cannot listen on {host} port {port}: {getattr(error, 'strerror', None) or error}; "
                "choose another address or port with telemetry.host and telemetry.port, or port 0 for none"
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="telemetry", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening. Safe to call twice."""
        self._server.shutdown()
        self._server.server_close()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that holds its connection must not hold up the end of the process

    def __init__(self, *arguments: Any) -> None:
        self._open: dict[socket.socket, float] = {}
        """When each connection began, the oldest first."""
        self._lock = threading.Lock()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            for oldest in list(self._open)[: len(self._open) - MOST_REQUESTS + 1]:
                self._end(oldest)
            self._open[request] = time.monotonic()
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """End the connections that are too old; the library calls this about twice a second."""
        before = time.monotonic() - REQUEST_TIMEOUT_S
        with self._lock:
            for old in [request for request, since in self._open.items() if since < before]:
                self._end(old)

    def _end(self, request: socket.socket) -> None:
        """End a connection, whose thread then gets an end of file and closes it."""
        del self._open[request]
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    registry: CollectorRegistry
    probes: dict[str, Callable[[], str | None]]
    timeout = REQUEST_TIMEOUT_S
    server_version = "moderation"
    sys_version = ""

    def do_GET(self) -> None:  # the name is the library's
        path = self.path.partition("?")[0]
        if path == "/metrics":
            encode, content_type = choose_encoder(self.headers.get("accept") or "")
            self._answer(200, encode(self.registry), content_type)
        elif path in self.probes:
            why = self.probes[path]()
            self._answer(200 if why is None else 503, f"{why or 'ok'}\n".encode(), TEXT)
        else:
            self._answer(404, b"there are /metrics, /startupz, /readyz and /livez here\n", TEXT)

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.send_header("x-content-type-options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: probes come every few seconds."""
