"""docs/known-bugs.md names every regression test, and none that does not exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = r"test_[zb]\d\d_\w+"


def test_the_page_and_the_tests_agree() -> None:
    written = set(re.findall(NAME, (ROOT / "docs" / "known-bugs.md").read_text(encoding="utf-8")))
    defined: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        defined.update(re.findall(rf"^def ({NAME})\(", path.read_text(encoding="utf-8"), re.M))
    assert defined - written == set(), "these tests are missing in the page"
    assert written - defined == set(), "the page names tests that do not exist"
