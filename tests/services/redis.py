"""One Redis server that keeps nothing on disk."""

from __future__ import annotations

import shutil

from tests.services.process import ServerProcess, ServiceError, free_ports, listening, new_folder


class RedisServer:
    """A server that can be started, stopped and frozen; it is empty after a restart."""

    def __init__(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise ServiceError(
                "redis-server is missing; run `python -m tests.services install`, "
                "or install it: apt-get install redis-server"
            )
        (self._port,) = free_ports(1)
        command = [program, "--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = ServerProcess("redis", command, new_folder("redis"))
        self.process.wait_until(lambda: listening(self._port))

    @property
    def url(self) -> str:
        """URL for a client."""
        return f"redis://127.0.0.1:{self._port}/0"

    def close(self) -> None:
        """End the server."""
        self.process.thaw()
        self.process.stop()
