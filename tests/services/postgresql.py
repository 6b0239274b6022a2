"""One PostgreSQL server with a cluster of its own in a temporary folder; what it says is on disk, is on disk."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
import uuid
from pathlib import Path

import psycopg

from tests.services.process import ServerProcess, ServiceError, free_ports, new_folder

SUPERUSER = "postgres"
RESTART_TIMEOUT_S = 15.0


class PostgresServer:
    """A server that can be started, stopped, killed and frozen; its databases outlive a restart.

    With *certificate*, files of a chain and its key, every user but the superuser needs TLS and a password.
    """

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        self._options: dict[str, object] = {}
        self._bin = programs()
        self._folder = new_folder("postgresql")
        self._user = SUPERUSER if os.geteuid() == 0 else None  # it refuses to run as root
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        (self._port,) = free_ports(1)
        answer = subprocess.run(
            [
                str(self._bin / "initdb"),
                "-D",
                str(self._data),
                "-U",
                SUPERUSER,
                *["-A", "trust", "-E", "UTF8", "--no-sync"],
            ],
            capture_output=True,
            text=True,
            check=False,
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
            cwd=self._folder,
            timeout=120,
        )
        if answer.returncode != 0:
            raise ServiceError(f"initdb failed:\n{answer.stdout}{answer.stderr}")
        if certificate is not None:
            self._require_tls(*certificate)
        self.process = self._start()

    def _require_tls(self, chain: Path, key: Path) -> None:
        rules = f"host all {SUPERUSER} 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        (self._data / "pg_hba.conf").write_text(rules, encoding="ascii")
        for source, name in ((chain, "server.crt"), (key, "server.key")):
            target = self._data / name
            target.write_bytes(source.read_bytes())
            target.chmod(0o600)
            if self._user is not None:
                account = pwd.getpwnam(self._user)
                os.chown(target, account.pw_uid, account.pw_gid)
        self._options = {"ssl": "on"}

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self._port}"

    def add_user(self, name: str, password: str, database: str) -> None:
        """A user with a password who may do everything in a database."""
        self._administer(f"CREATE USER {name} PASSWORD '{password}'")
        self._administer(f'ALTER DATABASE "{database}" OWNER TO {name}')

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def create_database(self, template: str | None = None) -> str:
        """A fresh database, empty or a copy of the one with the URL *template*; its URL for SQLAlchemy."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        source = "" if template is None else f' TEMPLATE "{template.rpartition("/")[2]}"'
        self._administer(f'CREATE DATABASE "{name}"{source}')
        return f"postgresql+psycopg://{SUPERUSER}@127.0.0.1:{self._port}/{name}"

    def drop_database(self, url: str) -> None:
        """Drop a database, whoever is still connected."""
        self._administer(f'DROP DATABASE IF EXISTS "{url.rpartition("/")[2]}" WITH (FORCE)')

    def restart(self) -> None:
        """Start again after `process.stop()` or `process.kill()`, at the same address with the same databases.

        Backends of a killed server hold its shared memory for a moment; a new server ends at once until they are gone.
        """
        deadline = time.monotonic() + RESTART_TIMEOUT_S
        while True:
            try:
                self.process = self._start()
                return
            except ServiceError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def close(self) -> None:
        """End the server and drop its databases; the log file stays."""
        self.process.thaw()
        self.process.stop(by=signal.SIGQUIT)  # without the checkpoint that nobody will read
        shutil.rmtree(self._data, ignore_errors=True)

    def _start(self) -> ServerProcess:
        options: dict[str, object] = {
            "port": self._port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
        }
        options |= self._options
        command = [str(self._bin / "postgres"), "-D", str(self._data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        # SIGINT is PostgreSQL's fast shutdown, SIGQUIT the immediate one: its own children go with it.
        process = ServerProcess(
            "postgresql",
            command,
            self._folder,
            user=self._user,
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGQUIT,
        )
        process.wait_until(self._ready)
        return process

    def _ready(self) -> bool:
        try:
            self._administer("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _administer(self, statement: str) -> None:
        target = f"postgresql://{SUPERUSER}@127.0.0.1:{self._port}/postgres?connect_timeout=5"
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute(statement.encode())


def programs() -> Path:
    """Folder of PostgreSQL's server programs, the newest there is. Raises ServiceError."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = shutil.which("postgres")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    for folder in reversed(folders):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise ServiceError(
        "PostgreSQL is missing; run `python -m tests.services install`, or install it: apt-get install postgresql"
    )
