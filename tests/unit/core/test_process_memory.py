"""Memory of the process of a sidecar."""

from __future__ import annotations

import subprocess
import sys

FREES_EVERY_SECOND_ARRAY = """
import resource
from pathlib import Path
import numpy as np
from moderation.process_memory import suit_a_large_state

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20

suit_a_large_state()
np.ones(1 << 21)  # when it is freed, glibc raises the limit for blocks that are returned
arrays = [np.ones(1 << 18) for _ in range(100)]
before = resident_mib()
del arrays[::2]
print(before - resident_mib())
"""


def test_freed_arrays_are_returned_to_the_system() -> None:
    ran = subprocess.run([sys.executable, "-c", FREES_EVERY_SECOND_ARRAY], capture_output=True, text=True, check=True)
    assert int(ran.stdout) >= 95
