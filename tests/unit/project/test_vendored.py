"""Files of other projects in the package are exactly those of the locked versions."""

from __future__ import annotations

import base64
import hashlib
import json

from tests.unit.project.pages import ROOT

PAGES = ROOT / "moderation" / "review" / "pages"
OWN = {"console.css", "console.js", "icon.svg"}


def test_vendored_files_have_the_locked_hashes_and_no_other_file_is_there() -> None:
    (package,) = json.loads((PAGES / "vendored.json").read_text(encoding="utf-8"))["packages"]
    assert (package["name"], package["licence"]) == ("htmx.org", "0BSD")
    assert package["integrity"].startswith("sha512-")
    names = set()
    for file in package["files"]:
        content = (PAGES / "static" / file["path"]).read_bytes()
        assert file["integrity"] == "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
        names.add(file["path"])
    assert {path.name for path in (PAGES / "static").iterdir()} == names | OWN


def test_no_page_or_script_names_another_server() -> None:
    for path in [*(PAGES / "templates").iterdir(), *(PAGES / "static" / name for name in OWN)]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, path
        assert "https://" not in text, path
