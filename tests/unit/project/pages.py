"""The documents of the repository and what stands in their code blocks."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "deploy" / "README.md", *ROOT.joinpath("docs").rglob("*.md")]
)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced code blocks of a page in one language, without their indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return ["\n".join(line.removeprefix(indent) for line in body.splitlines()) for indent, body in found]


def anchors(page: Path) -> set[str]:
    """What a link may name behind #, as GitHub makes it of each heading."""
    headings = re.findall(r"^#+ +(.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def joined(block: str) -> str:
    """The block with lines that a backslash continues put together."""
    return block.replace("\\\n", " ")


def commands(page: Path, program: str) -> list[list[str]]:
    """Every use of a program in the page's shell blocks and code spans, as arguments."""
    text = page.read_text(encoding="utf-8")
    lines = [line.strip() for block in blocks(page, "bash") for line in joined(block).splitlines()]
    lines += [span.replace("\n", " ") for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)]
    split = [shlex.split(line, comments=True) for line in lines if line.startswith(f"{program} ")]
    return [words[1:] for words in split]
