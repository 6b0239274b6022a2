"""The broker's jars: fetched once by Maven from Maven Central, kept in the cache."""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

from tests.services.cache import cache_folder
from tests.services.process import ServiceError

POM = Path(__file__).parent / "kafka" / "pom.xml"
NEEDED_JAVA = 17


def java() -> str:
    """Path of a Java that runs the broker. Raises ServiceError."""
    found = shutil.which("java")
    if found is None:
        raise ServiceError(f"java is missing; install Java {NEEDED_JAVA}: apt-get install openjdk-17-jre-headless")
    answer = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    if version is None or int(version.group(1)) < NEEDED_JAVA:
        raise ServiceError(
            f"{found} is not Java {NEEDED_JAVA} or newer; install it: apt-get install openjdk-17-jre-headless"
        )
    return found


def broker_jars() -> Path:
    """Folder of the broker's jars, fetched when they are not there yet. Raises ServiceError."""
    cache = cache_folder()
    libs = cache / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    with (cache / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs share the cache
        if not libs.is_dir():
            _fetch(libs)
    return libs


def _fetch(libs: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ServiceError(
            "mvn is missing, which fetches the Kafka broker; run `python -m tests.services install`, "
            "or install it: apt-get install maven"
        )
    partial = libs.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    answer = subprocess.run(
        [*command, f"-DoutputDirectory={partial}"], capture_output=True, text=True, check=False, timeout=600
    )
    if answer.returncode != 0 or not any(partial.glob("kafka_2.13-*.jar")):
        raise ServiceError(f"Maven could not fetch the Kafka broker:\n{(answer.stdout + answer.stderr)[-3000:]}")
    partial.rename(libs)
