"""Child processes that cannot outlive the test run."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1


class MissingService(Exception):
    """Something the tests need is not installed; the message says what to do."""


def start(
    command: Sequence[str], log: Path, *, user: str | None = None, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a server whose output goes to a file and which the kernel ends when its parent dies."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=env, preexec_fn=_dies_with_parent(user)
        )


def stop(process: subprocess.Popen[bytes], timeout_s: float = 10.0) -> None:
    """End a server, with force if it does not go by itself."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _dies_with_parent(user: str | None) -> Callable[[], None]:
    entry = pwd.getpwnam(user) if user is not None and os.geteuid() == 0 else None
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        if entry is not None:
            os.setgroups([])
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
        if libc is not None:
            # After changing the user: the kernel clears the setting when credentials change.
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return prepare


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody accepts connections on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
