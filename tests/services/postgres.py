"""One PostgreSQL cluster in a folder of its own, durable as in production."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import psycopg

from tests.services.process import MissingService, free_port, start, stop

USER = "postgres"
START_TIMEOUT_S = 60


def programs() -> Path:
    """The folder with initdb and postgres. Raises MissingService when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [
        Path(path) for path in [shutil.which("initdb")] if path
    ]
    if not found:
        raise MissingService("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1].parent


class Postgres:
    """A running cluster; `new_database` gives each test an empty database."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="moderation-postgres-"))
        if os.geteuid() == 0:
            shutil.chown(self._folder, USER)  # the server refuses to run as root
        data = self._folder / "data"
        initdb = start(
            [str(programs() / "initdb"), "-D", str(data), "-A", "trust", "-U", USER, "-E", "UTF8", "--no-sync"],
            self._folder / "initdb.log",
            user=USER,
        )
        if initdb.wait(START_TIMEOUT_S):
            raise MissingService(f"initdb failed; its log: {self._folder}/initdb.log")
        self.port = free_port()
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self._folder}"]
        self.process = start(
            [str(programs() / "postgres"), "-D", str(data), "-p", str(self.port), *options],
            self._folder / "server.log",
            user=USER,
        )
        self._await()

    def _await(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                psycopg.connect(self._dsn("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise MissingService(f"PostgreSQL did not start; its log: {self._folder}/server.log") from None
                time.sleep(0.1)
            else:
                return

    def _dsn(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user={USER} dbname={database}"

    def new_database(self) -> str:
        """URL of a new, empty database."""
        name = f"t{uuid4().hex}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        """End the server and remove its folder."""
        stop(self.process)
        shutil.rmtree(self._folder, ignore_errors=True)


def install() -> None:
    """Install PostgreSQL from Debian where it is missing and this is root. Raises MissingService otherwise."""
    try:
        programs()
    except MissingService:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "postgresql"], check=True)
