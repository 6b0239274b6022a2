"""helm: the one on the path, or one that the Go module proxy has, kept in the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.services.cache import cache_folder
from tests.services.process import ServiceError

MODULE = "helm.sh/helm/v3/cmd/helm@v3.22.0"
TIMEOUT_S = 1200


def helm() -> str:
    """Path of helm, built where it is missing: that takes minutes. Raises ServiceError."""
    found = shutil.which("helm")
    if found is not None:
        return found
    built = cache_folder() / "bin" / "helm"
    if not built.exists():
        _build(built)
    return str(built)


def _build(target: Path) -> None:
    if shutil.which("go") is None:
        raise ServiceError("helm is missing; install it from https://helm.sh, or Go 1.24 or newer, which builds it")
    environment = {**os.environ, "GOBIN": str(target.parent)}
    done = subprocess.run(
        ["go", "install", MODULE], env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise ServiceError(f"helm could not be built: {done.stderr[-1000:]}")
