"""A directory is replaced by one that is whole, whenever somebody stops it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from moderation.directories import (
    exclusive,
    replace_directory,
    restore_directory,
)
from moderation.errors import InputError
from moderation.output_paths import check_replaceable


def _directory(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "file").write_text(content, encoding="utf-8")
    return path


def _content(path: Path) -> str:
    return (path / "file").read_text(encoding="utf-8")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return _directory(tmp_path / "place", "old")


def test_the_new_one_stands_there_and_nothing_else_is_left(place: Path, tmp_path: Path) -> None:
    replace_directory(_directory(tmp_path / "fresh", "new"), place)
    assert _content(place) == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["place"]
    replace_directory(_directory(tmp_path / "fresh", "first"), tmp_path / "elsewhere")
    assert _content(tmp_path / "elsewhere") == "first"


def test_what_a_link_leads_to_is_replaced(place: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(place)
    replace_directory(_directory(tmp_path / "fresh", "new"), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert _content(place) == "new"


def test_killed_in_between_the_old_one_comes_back(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, rename = _directory(tmp_path / "fresh", "new"), Path.rename

    def killed(path: Path, target: Path) -> Path:
        if path == fresh:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            replace_directory(fresh, place)
    assert not place.exists()
    restore_directory(place)
    assert _content(place) == "old"
    restore_directory(place)
    replace_directory(fresh, place)
    assert _content(place) == "new"


def test_a_file_and_a_link_to_nothing_are_refused(place: Path, tmp_path: Path) -> None:
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    for path in (place / "file", tmp_path / "dead"):
        with pytest.raises(InputError, match="not a directory"):
            check_replaceable(path)
    check_replaceable(place)
    check_replaceable(tmp_path / "new")


def test_a_second_run_is_kept_out_of_a_folder_until_the_first_is_gone(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from moderation.directories import exclusive\n"
        f"with exclusive(Path({str(tmp_path)!r}) / 'run'):\n    print('in', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"in\n"
        with pytest.raises(InputError, match="Another run is using"), exclusive(tmp_path / "run"):
            pass
        first.kill()
        first.wait()
        with exclusive(tmp_path / "run"):
            (tmp_path / "run" / "log").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "log"]


def test_a_run_that_leaves_nothing_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyError), exclusive(tmp_path / "some" / "run"):
        raise KeyError
    assert not (tmp_path / "some" / "run").exists()


def test_a_run_cannot_be_in_a_file(place: Path) -> None:
    with pytest.raises(InputError, match="cannot be used"), exclusive(place / "file"):
        pass
