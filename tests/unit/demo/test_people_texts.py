"""The texts of the demo come from the pinned package, or an error message explains why not."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from moderation.demo import people_texts as subject
from moderation.errors import ConnectionLost, InputError

LINES = {
    "tweets_GroundTruth.txt": "1\t2.0\tfirst tweet &amp; more\n2\t1.0\tsecond\ttabbed\n3\t0.1\tsecond\ttabbed\n",
    "amazonReviewSnippets_GroundTruth.txt": "1\t2.0\tgood knife\n",
    "movieReviewSnippets_GroundTruth.txt": "1\t2.0\tlong film\n",
    "nytEditorialSnippets_GroundTruth.txt": "1\t2.0\tthe city decides\n",
}


def archive(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return held.getvalue()


def package(inner: dict[str, bytes]) -> bytes:
    name = f"{subject.PACKAGE}-{subject.VERSION}/{subject.INNER_ARCHIVE}"
    return archive({name: archive({f"hutto_ICWSM_2014/{key}": value for key, value in inner.items()})})


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    content = package({name: text.encode() for name, text in LINES.items()})
    monkeypatch.setattr(subject, "SHA256", hashlib.sha256(content).hexdigest())
    (tmp_path / f"{subject.PACKAGE}-{subject.VERSION}.tar.gz").write_bytes(content)
    return tmp_path


def endless_pip(command: list[str], *, timeout: float, **_: object) -> subprocess.CompletedProcess[str]:
    raise subprocess.TimeoutExpired(command, timeout)


def no_pip(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], 1, "", "ERROR: no network here\n")


def test_each_source_gives_its_texts_once_without_html_escapes(cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", no_pip)
    texts = subject.people_texts(cached)
    assert texts["tweets"] == ["first tweet & more", "second\ttabbed"]
    assert texts["editorials"] == ["the city decides"]


def test_reading_writes_nothing_to_disk(cached: Path) -> None:
    before = sorted(cached.rglob("*"))
    subject.people_texts(cached)
    assert sorted(cached.rglob("*")) == before


def test_missing_connection_and_cache_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", no_pip)
    with pytest.raises(ConnectionLost, match=r"run the demo once with a connection.*no network here"):
        subject.people_texts(tmp_path)


def test_endless_download_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", endless_pip)
    with pytest.raises(ConnectionLost, match="were not downloaded within 300 s"):
        subject.people_texts(tmp_path)


def test_a_download_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other_package(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        folder = Path(command[command.index("--dest") + 1])
        (folder / f"{subject.PACKAGE}-{subject.VERSION}.tar.gz").write_bytes(b"something else")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", other_package)
    with pytest.raises(InputError, match="check the package index"):
        subject.people_texts(tmp_path)
    assert not list(tmp_path.iterdir())


def test_damaged_cache_is_downloaded_again(cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cached / f"{subject.PACKAGE}-{subject.VERSION}.tar.gz"
    path.write_bytes(path.read_bytes()[:-10])
    monkeypatch.setattr(subprocess, "run", no_pip)
    with pytest.raises(ConnectionLost):
        subject.cached_package(cached)


def test_a_member_that_is_too_large_or_a_link_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MAX_MEMBER_BYTES", 10)
    path = tmp_path / "package.tar.gz"
    path.write_bytes(package({name: text.encode() for name, text in LINES.items()}))
    with pytest.raises(InputError, match="is not the source package"):
        subject.read_package(path)
