"""One Redis server that keeps nothing on disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.services.process import ServerProcess, ServiceError, free_ports, listening, new_folder


class RedisServer:
    """A server that can be started, stopped and frozen; it is empty after a restart.

    With *certificate*, files of a chain and its key, it speaks TLS only; with *password* it expects it.
    """

    def __init__(self, certificate: tuple[Path, Path] | None = None, password: str | None = None) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise ServiceError(
                "redis-server is missing; run `python -m tests.services install`, "
                "or install it: apt-get install redis-server"
            )
        (self._port,) = free_ports(1)
        command = [program, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        if certificate is None:
            command += ["--port", str(self._port)]
        else:
            chain, key = map(str, certificate)
            command += ["--port", "0", "--tls-port", str(self._port), "--tls-cert-file", chain, "--tls-key-file", key]
            command += ["--tls-auth-clients", "no", "--tls-ca-cert-file", chain]
        if password is not None:
            command += ["--requirepass", password]
        self._command, self._folder = command, new_folder("redis")
        self.process = self._start()

    def restart(self) -> None:
        """Start again, empty, after `process.kill()`, at the same address."""
        self.process = self._start()

    def _start(self) -> ServerProcess:
        process = ServerProcess("redis", self._command, self._folder)
        process.wait_until(lambda: listening(self._port))
        return process

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """URL for a client."""
        return f"redis://127.0.0.1:{self._port}/0"

    def close(self) -> None:
        """End the server."""
        self.process.thaw()
        self.process.stop()
