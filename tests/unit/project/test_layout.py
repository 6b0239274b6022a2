"""The house rules that a linter does not know."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.unit.project.pages import ROOT

LONGEST = 400
NO_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
SOURCES = sorted(
    path for room in ("moderation", "connectors", "export", "tests") for path in (ROOT / room).rglob("*.py")
)
HEAVY = ("torch", "transformers", "onnx", "onnxscript", "pytest")


def test_no_file_is_longer_than_one_idea() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in SOURCES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert not long


def test_no_room_is_a_drawer_for_everything() -> None:
    assert not [path for path in SOURCES if NO_NAMES & set(path.relative_to(ROOT).with_suffix("").parts)]


def test_every_room_says_in_one_sentence_what_it_is_for() -> None:
    rooms = [path for path in SOURCES if path.name == "__init__.py" and "tests" not in path.parts]
    silent = [path for path in rooms if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert not silent


def test_every_module_of_the_core_is_in_the_import_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    core = set(contracts[0]["source_modules"])
    there = {
        f"moderation.{path.stem}"
        for path in (ROOT / "moderation").iterdir()
        if (path.suffix == ".py" and not path.stem.startswith("__")) or (path / "__init__.py").exists()
    }
    assert core == there - {
        "moderation.app",
        "moderation.cli",
        "moderation.demo",
        "moderation.review",
        "moderation.telemetry",
    }
    behind_the_command_line = set(contracts[-1]["source_modules"])
    assert behind_the_command_line >= there - {"moderation.cli"}


@pytest.mark.parametrize(
    "uses",
    [
        "from moderation.cli import build_app; build_app()",
        "from moderation.offline import Moderator; Moderator.load().score_texts(['Where is the library?'])",
        "import moderation.app, moderation.cli.run, connectors.kafka, connectors.reviewdb.store",
        "import moderation.demo.cast, moderation.demo.report, moderation.demo.people_texts",
    ],
)
def test_nothing_that_runs_imports_what_only_export_and_tests_need(uses: str) -> None:
    program = f"{uses}; import sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_what_the_demo_and_the_sidecar_install_is_part_of_what_the_tests_install() -> None:
    def pinned(path: Path) -> set[str]:
        lines = path.read_text(encoding="utf-8").splitlines()
        return {line.split(";")[0].rstrip(" \\") for line in lines if "==" in line and not line.startswith((" ", "#"))}

    run, test = pinned(ROOT / "requirements" / "run.txt"), pinned(ROOT / "requirements" / "test.txt")
    assert run <= test
    assert not {name for name in run if name.startswith(("torch=", "nvidia-"))}
