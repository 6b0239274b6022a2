"""Documents are held against what is there: commands, options, targets, links, settings, exit codes."""

from __future__ import annotations

import ast
import importlib.util
import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from connectors.reviewdb import places
from moderation.app import FROZEN
from moderation.cli import COMMANDS, build_app
from moderation.cli.settings import as_markdown
from moderation.errors import ModerationError
from moderation.settings import Settings
from tests.unit.project.pages import PAGES, ROOT, anchors, blocks, commands


def test_the_list_of_places_with_evidence_is_in_the_privacy_page() -> None:
    assert places.as_markdown() in (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")


README = ROOT / "README.md"
MADE_BY_THE_READER = {
    "connectors/reviewdb/migrations/versions/r0099_assigned.py",
    "connectors/sqlite_table.py",
    "docs/events/example-forum.jsonl",
    "docs/events/example-forum.toml",
    "docs/events/example-forum.expected.jsonl",
    "moderation/review/assignments.py",
    "tests/contract/test_assignments.py",
    "tests/unit/connectors/test_sqlite_table.py",
    "tests/unit/features/test_listed_ratio.py",
}
"""Files that the how-to guides create."""


@pytest.fixture(scope="module")
def command() -> Any:
    return typer.main.get_command(build_app())


def describe(page: Path) -> str:
    return str(page.relative_to(ROOT))


def resolve(command: Any, words: list[str]) -> tuple[Any, list[str]]:
    """Walk down the sub-commands as far as *words* name them; typer carries a command library of its own."""
    rest = list(words)
    while rest and hasattr(command, "commands"):
        assert rest[0] in command.commands, f"there is no command {rest[0]!r} under {command.name!r}"
        command = command.commands[rest.pop(0)]
    return command, rest


@pytest.mark.parametrize("page", PAGES, ids=describe)
def test_every_command_on_a_page_exists_with_its_options(page: Path, command: Any) -> None:
    for words in commands(page, "moderation"):
        found, rest = resolve(command, words)
        options = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
        unknown = [word for word in rest if word.startswith("-") and word != "-" and word.split("=")[0] not in options]
        assert not unknown, f"`moderation {' '.join(words)}`: {unknown}"


@pytest.mark.parametrize("page", PAGES, ids=describe)
def test_every_make_target_on_a_page_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for words in commands(page, "make"):
        named = [word for word in words if "=" not in word]
        assert set(named) <= targets, f"`make {' '.join(words)}`"


@pytest.mark.parametrize("page", PAGES, ids=describe)
def test_every_link_to_a_file_or_a_heading_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)", text)
    missing = [link for link, _ in links if not (page.parent / link).exists()]
    assert not missing
    headed = [(page.parent / link if link else page, anchor) for link, anchor in links if anchor]
    lost = [f"{target.name}#{anchor}" for target, anchor in headed if anchor not in anchors(target)]
    assert not lost


def test_every_command_has_a_help_that_says_what_it_is_for(command: Any) -> None:
    for name, found in command.commands.items():
        assert found.get_short_help_str(limit=200), f"`moderation {name}` has no help"
        for parameter in found.params:
            if parameter.param_type_name == "option" and parameter.name != "help":
                assert parameter.help, f"`moderation {name}`: {parameter.name} has no help"


def test_every_command_is_named_in_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    missing = [name for name, _, _ in COMMANDS if f"`{name}`" not in text and f"`moderation {name}`" not in text]
    assert not missing


def test_the_settings_page_is_what_the_command_prints() -> None:
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == as_markdown()


def test_settings_on_the_pages_and_in_the_example_are_settings() -> None:
    examples = [text for page in PAGES for text in blocks(page, "toml")]
    examples.append((ROOT / "deploy" / "sidecar.toml").read_text(encoding="utf-8"))
    for example in examples:
        Settings(**tomllib.loads(example))


@pytest.mark.parametrize(("name", "commands"), [("moderation", 2), ("moderation-console", 1)])
def test_the_unit_names_commands_and_exit_codes_there_are(name: str, commands: int, command: Any) -> None:
    unit = (ROOT / "deploy" / f"{name}.service").read_text(encoding="utf-8")
    started = re.findall(r"^Exec\w+=\S+/moderation (.*)$", unit, re.MULTILINE)
    assert len(started) == commands
    for line in started:
        found, rest = resolve(command, line.split())
        assert rest[0] in {option for parameter in found.params for option in parameter.opts}
    prevented = re.search(r"^RestartPreventExitStatus=(.*)$", unit, re.MULTILINE)
    assert prevented is not None
    assert {int(code) for code in prevented.group(1).split()} <= {error.exit_code for error in errors()}


def test_the_operating_guide_has_every_exit_code_of_run() -> None:
    guide = (ROOT / "docs" / "guides" / "operating.md").read_text(encoding="utf-8")
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", guide, re.MULTILINE)}
    assert codes == {0, FROZEN} | {error.exit_code for error in errors()}


def errors() -> list[type[ModerationError]]:
    """The error tree, without the tests' own errors."""
    found: list[type[ModerationError]] = [ModerationError]
    for error in found:
        found += [sub for sub in error.__subclasses__() if sub.__module__.startswith("moderation.errors")]
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name != "cards"], ids=describe)
def test_every_path_on_a_page_exists(page: Path) -> None:
    named = re.findall(
        r"`((?:moderation|connectors|export|tests|docs|deploy|requirements)/[\w./-]+)`",
        page.read_text(encoding="utf-8"),
    )
    missing = [path for path in named if path not in MADE_BY_THE_READER and not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "how-to").glob("*.md")), ids=describe)
def test_imports_in_the_python_of_a_how_to_page_exist(page: Path) -> None:
    trees = [ast.parse(textwrap.dedent(example)) for example in blocks(page, "python")]
    found = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    for node in found:
        if f"{str(node.module).replace('.', '/')}.py" not in MADE_BY_THE_READER:
            module = importlib.import_module(str(node.module))
            for name in node.names:
                submodule = f"{node.module}.{name.name}"
                assert hasattr(module, name.name) or importlib.util.find_spec(submodule), submodule


def test_the_glossary_has_at_most_40_terms() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\| (\w[^|]*) \|", page, re.MULTILINE)[1:]
    assert 20 < len(terms) <= 40
    assert terms == sorted(terms)


@pytest.mark.parametrize("page", ["docs/python-api.md", "docs/how-to/add-a-detector.md"])
def test_python_of_a_page_runs_from_top_to_bottom(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    scope: dict[str, object] = {}
    for example in blocks(ROOT / page, "python"):
        exec(compile(example, page, "exec"), scope)
    assert scope["short"].abstained == "short"  # type: ignore[attr-defined]
    printed = capsys.readouterr().out
    assert page != "docs/python-api.md" or "skipped by a rule" in printed


def test_the_readmes_lines_of_python_run() -> None:
    (example,) = blocks(README, "python")
    scope: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), scope)
    (score,) = scope["scores"]  # type: ignore[misc]
    (assessment,) = scope["assessments"]  # type: ignore[misc]
    assert 0.0 < score.probability < 1.0
    assert not assessment.flagged
