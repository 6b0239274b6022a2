"""The images and the compose file, checked without a container engine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from compose_spec import PyCompose

from moderation.cli import build_app
from moderation.settings import load_settings
from tests.integration.deploy.dockerfile import install, steps
from tests.unit.project.pages import ROOT

DEPLOY = ROOT / "deploy"
DOCKERFILES = [DEPLOY / "Dockerfile", DEPLOY / "Dockerfile.cuda"]


def compose() -> dict[str, Any]:
    """The compose file with its merged keys."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return found


def own_services() -> dict[str, Any]:
    """The services that run our image."""
    return {name: service for name, service in compose()["services"].items() if "build" in service}


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_hadolint_finds_nothing_in_a_dockerfile(file: Path) -> None:
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([program, file], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_an_image_is_built_from_files_that_are_there_and_does_not_run_as_root(file: Path) -> None:
    found = steps(file)
    permitted = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for step in found:
        if step.instruction == "COPY" and not step.arguments.startswith("--from"):
            for source in step.arguments.split()[:-1]:
                assert (ROOT / source).exists()
                assert f"!{source}" in permitted
    assert [step.arguments for step in found if step.instruction == "USER"] == ["10001:10001"]
    names = [step.instruction for step in found]
    assert names.index("USER") > max(number for number, name in enumerate(names) if name == "RUN")


def test_the_images_differ_only_in_what_the_gpu_needs() -> None:
    cpu, cuda = ([step.arguments for step in steps(file)] for file in DOCKERFILES)
    changed = [pair for pair in zip(cpu, cuda, strict=True) if pair[0] != pair[1]]
    assert [second.replace("-cuda", "") for _, second in changed[:1]] == [first for first, _ in changed[:1]]
    assert len(changed) == 3, "the lock file, the variables of the driver and the ports"


def test_what_the_images_install_is_what_the_tests_ran_with() -> None:
    def pinned(name: str) -> set[str]:
        lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
        return {line.split(";")[0].rstrip(" \\") for line in lines if "==" in line and not line.startswith((" ", "#"))}

    run, image, cuda, test = map(pinned, ("run.txt", "image.txt", "image-cuda.txt", "test.txt"))
    assert run < image < cuda
    assert image <= test
    assert {name.split("==")[0].split("-")[0] for name in cuda - image} == {"nvidia"}


def test_the_compose_file_is_valid_and_pins_every_image() -> None:
    content = compose()
    merged = yaml.safe_dump({key: value for key, value in content.items() if not key.startswith("x-")})
    assert set(PyCompose.from_yaml(merged).service_names()) == content["services"].keys()
    for name, service in content["services"].items():
        assert re.fullmatch(r"[\w./-]+:v?\d[\w.-]*|moderation:latest", service["image"]), name
        assert set(service.get("depends_on", {})) <= content["services"].keys()
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).is_file() if source.startswith("./") else source in content["volumes"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


@pytest.mark.parametrize("name", sorted(own_services()))
def test_settings_and_commands_of_a_service_exist(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = own_services()[name]
    for variable, value in service["environment"].items():
        monkeypatch.setenv(variable, "k" * 64 if value.startswith("${MODERATION_ADDRESS_KEY:?") else value)
    settings = load_settings(None)
    assert settings.state.backend == "redis"
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    if name == "platform":
        command = ["python", "-m", "moderation.demo.stream", *service["command"]]
        assert service["entrypoint"] == command[:3]
        shown = subprocess.run([sys.executable, *command[1:3], "--help"], capture_output=True, text=True, check=True)
        assert {word for word in command if word.startswith("--")} <= set(re.findall(r"--[a-z]+", shown.stdout))
        return
    found: Any = typer.main.get_command(build_app())
    for word in service["command"]:
        found = found.commands[word]


@pytest.mark.slow
def test_the_install_steps_of_the_image_give_a_program_that_runs(tmp_path: Path) -> None:
    venv = install(DEPLOY / "Dockerfile", tmp_path)
    events = tmp_path / "events.jsonl"
    events.write_text(
        '{"post_id": "1", "text": "Where is my bus?", "account_id": "a", "created_at": "2026-01-05T10:00:00Z"}'
    )
    environment = {"PATH": f"{venv / 'bin'}:/usr/bin:/bin", "MODERATION_ADDRESS_KEY": "k" * 64, "HOME": str(tmp_path)}

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    database = f"sqlite:///{tmp_path / 'reviews.sqlite'}"
    run("moderation", "db", "upgrade", "--database", database)
    run("moderation", "score", str(events), "-o", str(tmp_path / "scores.jsonl"))
    assert '"post_id": "1"' in (tmp_path / "scores.jsonl").read_text()
    run("python", "-m", "moderation.demo.stream", "--help")
    run("python", "-m", "pip", "--version")
    assert str(venv) in run("python", "-c", "import moderation; print(moderation.__file__)")
    run("python", "-c", "import opentelemetry.exporter.otlp.proto.http.trace_exporter")
