"""A server process that dies with the test run, however the run ends, and whose log outlives it."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal a process gets when the thread that started it ends."""

_LIBC = ctypes.CDLL(None, use_errno=True)


class ServiceError(RuntimeError):
    """A server that the tests need is missing or does not start; the message says what to do."""


class ServerProcess:
    """One started server. `stop_signal` asks it to end; the kernel sends `orphan_signal` when our process dies."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        *,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        orphan_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._stop_signal = stop_signal
        parent = os.getpid()

        def die_with_parent() -> None:
            # Runs in the child after the user was changed: changing the user would clear the setting again.
            _LIBC.prctl(PR_SET_PDEATHSIG, int(orphan_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        account = pwd.getpwnam(user) if user is not None else None
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                start_new_session=True,  # Ctrl-C reaches pytest, which then stops the servers in their order
                preexec_fn=die_with_parent,
                user=None if account is None else account.pw_uid,
                group=None if account is None else account.pw_gid,
                extra_groups=None if account is None else [],
            )

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Wait until the server is ready. Raises ServiceError, with the end of the log, when it never is."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            if self._process.poll() is not None:
                raise ServiceError(f"{self.name} ended with {self._process.returncode}; {self._tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise ServiceError(f"{self.name} was not ready after {timeout_s:.0f} s; {self._tail()}")
            time.sleep(0.05)

    def stop(self, timeout_s: float = 20.0, *, by: signal.Signals | None = None) -> None:
        """End the server and wait for it. Safe to call twice."""
        if self._process.poll() is None:
            self._process.send_signal(by or self._stop_signal)
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process.wait()

    def kill(self) -> None:
        """End the server as a power failure would."""
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Stop answering without closing a connection."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Answer again."""
        self._process.send_signal(signal.SIGCONT)

    def _tail(self) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return f"its log is {self.log} and ends with:\n" + "\n".join(text.splitlines()[-15:])


def free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for found in sockets:
            found.bind(("127.0.0.1", 0))
        return [int(found.getsockname()[1]) for found in sockets]
    finally:
        for found in sockets:
            found.close()


def listening(port: int) -> bool:
    """Whether somebody accepts connections on 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def new_folder(name: str) -> Path:
    """A folder for one server's data and log. Its log is kept after the run, so that a failure can be read."""
    return Path(tempfile.mkdtemp(prefix=f"moderation-tests-{name}-"))
