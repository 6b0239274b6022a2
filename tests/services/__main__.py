"""Install what the tests' servers need: `python -m tests.services install`. Does nothing where all of it is there."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.services import pgbouncer
from tests.services.java import broker_jars, java
from tests.services.postgresql import programs
from tests.services.process import ServiceError


def missing_packages() -> list[str]:
    """Debian packages whose programs are not there."""

    def lacks(find: Callable[[], object]) -> bool:
        try:
            return find() is None
        except ServiceError:
            return True

    wanted: dict[str, Callable[[], object]] = {
        "openjdk-17-jre-headless": java,
        "maven": lambda: shutil.which("mvn"),
        "postgresql": programs,
        pgbouncer.PACKAGE: pgbouncer.program,
        "redis-server": lambda: shutil.which("redis-server"),
        "chromium": lambda: shutil.which("chromium"),
        "prometheus": lambda: shutil.which("promtool"),
    }
    return [package for package, find in wanted.items() if lacks(find)]


def install() -> None:
    """Install missing packages with apt-get, then fetch the broker. Raises ServiceError with what to do by hand."""
    packages = missing_packages()
    if packages:
        command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
        if shutil.which("apt-get") is None or os.geteuid() != 0:
            raise ServiceError(f"missing: {', '.join(packages)}. As root on Debian 12: {' '.join(command)}")
        # Debian would start servers of its own; the tests start theirs. The policy file says so to its scripts.
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for step in (["apt-get", "update", "-q"], command):
            if subprocess.run(step, env=environment, check=False).returncode != 0:
                raise ServiceError(f"`{' '.join(step)}` failed; run it by hand to see why")
    java()
    sys.stdout.write(f"servers for the tests: ready (PostgreSQL in {programs()}, Kafka in {_short(broker_jars())})\n")


def _short(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.services", description=__doc__)
    parser.add_argument("command", choices=["install"])
    parser.parse_args()
    try:
        install()
    except ServiceError as error:
        sys.stderr.write(f"tests: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
