"""Reads Dockerfiles, and runs the install steps of one without a container engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.unit.project.pages import ROOT

TIMEOUT_S = 900


class Step(NamedTuple):
    """An instruction with its arguments; continued lines are joined, comments are left out."""

    stage: int
    instruction: str
    arguments: str


def steps(file: Path) -> list[Step]:
    """The instructions of a Dockerfile."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    found: list[Step] = []
    stage = -1
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        instruction, _, arguments = line.strip().partition(" ")
        if instruction:
            stage += instruction == "FROM"
            found.append(Step(stage, instruction, " ".join(arguments.split())))
    return found


def install(file: Path, folder: Path) -> Path:
    """Run COPY and RUN of the first stage in *folder*, with VENV as its build argument; return the environment.

    The base image has Python on its path; here that is a fresh environment.
    """
    base, work, venv = folder / "python", folder / "src", folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(base)], check=True, timeout=TIMEOUT_S)
    work.mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))},
        "PATH": f"{base / 'bin'}:/usr/bin:/bin",
        "VENV": str(venv),
        "UV_SYSTEM_CERTS": "true",
    }
    for step in (step for step in steps(file) if step.stage == 0):
        if step.instruction == "ENV":
            environment |= dict(pair.split("=", 1) for pair in step.arguments.split())
        elif step.instruction == "COPY":
            *sources, target = step.arguments.split()
            for source in sources:
                _copy(ROOT / source, work / target, source)
        elif step.instruction == "RUN":
            done = subprocess.run(
                ["sh", "-c", step.arguments],
                cwd=work,
                env=environment,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
            assert done.returncode == 0, f"RUN {step.arguments}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    return venv


def _copy(source: Path, target: Path, name: str) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target / name if target.is_dir() else target)
