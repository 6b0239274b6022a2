"""A small disk that can be filled: a tmpfs, which only root can mount."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

SIZE_MIB = 48
CHUNK = bytes(1 << 16)


def can_mount() -> bool:
    """Whether this process may mount a file system."""
    return os.geteuid() == 0


class SmallDisk:
    """A directory on a file system of its own where this process may mount one, else an ordinary directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        self.mounted = can_mount() and self._mount()

    def _mount(self) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=0700", "tmpfs", str(self.directory)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def fill(self) -> None:
        """Leave no byte free."""
        with suppress(OSError), (self.directory / "filler").open("ab", buffering=0) as file:
            while file.write(CHUNK):
                pass

    def empty(self) -> None:
        """Give the space back."""
        (self.directory / "filler").unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the file system."""
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.directory)], check=False)
