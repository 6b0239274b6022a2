"""PgBouncer in transaction mode: each transaction of a client may run on another connection to PostgreSQL."""

from __future__ import annotations

import os
import shutil

from tests.services.postgresql import SUPERUSER
from tests.services.process import ServerProcess, ServiceError, free_ports, listening, new_folder

PACKAGE = "pgbouncer"


class PgBouncer:
    """A pooler before a PostgreSQL server, without passwords."""

    def __init__(self, database_port: int, *, pool_size: int = 4) -> None:
        if program() is None:
            raise ServiceError("pgbouncer is missing; run `python -m tests.services install`")
        self._folder = new_folder("pgbouncer")
        (self.port,) = free_ports(1)
        self._config = self._folder / "pgbouncer.ini"
        self._config.write_text(
            f"[databases]\n* = host=127.0.0.1 port={database_port} user={SUPERUSER}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {pool_size}\nserver_round_robin = 1\n",
            encoding="ascii",
        )
        self._user = SUPERUSER if os.geteuid() == 0 else None  # it refuses to run as root
        if self._user is not None:
            shutil.chown(self._folder, self._user)
            shutil.chown(self._config, self._user)
        self.process = self._start()

    def restart(self) -> None:
        """Start again after `process.kill()`, at the same address."""
        self.process = self._start()

    def close(self) -> None:
        """End the pooler."""
        self.process.thaw()
        self.process.stop()

    def _start(self) -> ServerProcess:
        process = ServerProcess("pgbouncer", [str(program()), str(self._config)], self._folder, user=self._user)
        process.wait_until(lambda: listening(self.port))
        return process


def program() -> str | None:
    """Path of PgBouncer, which Debian keeps out of the path of ordinary users; None where it is not installed."""
    return shutil.which(PACKAGE, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
