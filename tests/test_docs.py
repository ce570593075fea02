"""The documentation: sessions that go as written, generated pages that are up to date, and a
navigation that leads to every page. `make docs` checks the links.
"""

import difflib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from raftctl.exit_codes import Exit
from tests.docs.cli_page import cli_page
from tests.docs.documents_page import documents_page
from tests.docs.keys_page import keys_page
from tests.docs.sessions import Step, run_page, with_outputs
from tests.measure.commands import Raftctl
from tests.raft.roles_diagram import roles_drawing

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
SESSIONS = [page for page in PAGES if "```console" in (DOCS / page).read_text(encoding="utf-8")]
GENERATED: list[tuple[str, Callable[[], str]]] = [
    ("roles.svg", roles_drawing),
    ("reference/cli.md", cli_page),
    ("reference/documents.md", documents_page),
    ("reference/keys.md", keys_page),
]


@pytest.mark.parametrize(("name", "make"), GENERATED, ids=[name for name, _ in GENERATED])
def test_generated_page_is_up_to_date(
    name: str, make: Callable[[], str], request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--rewrite"):
        (DOCS / name).write_text(make(), encoding="utf-8")
    assert (DOCS / name).read_text(encoding="utf-8") == make()


@pytest.mark.e2e
@pytest.mark.parametrize("page", SESSIONS)
def test_sessions_go_as_written(page: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = DOCS / page
    text = path.read_text(encoding="utf-8")
    raftctl = Raftctl(tmp_path / "home" / ".local" / "share" / "raftctl")
    try:
        steps: list[tuple[Step, Step]] = list(run_page(text, raftctl, tmp_path))
    finally:
        raftctl.run("down", "--all", "--purge", "-y", check=False)
    differ = [(old, new) for old, new in steps if old.shape != new.shape]
    if differ and request.config.getoption("--rewrite"):
        path.write_text(with_outputs(text, [new for _, new in steps]), encoding="utf-8")
        return
    assert not differ, "".join(
        f"\n$ {old.command}\n"
        + "\n".join(difflib.unified_diff(old.shape, new.shape, "page", "now"))
        for old, new in differ
    )


def test_the_navigation_leads_to_every_page() -> None:
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    nav = settings[settings.index("\nnav:") : settings.index("\ntheme:")]
    assert sorted(re.findall(r": ([\w/-]+\.md)$", nav, re.M)) == PAGES


def test_every_exit_code_and_every_error_has_its_line() -> None:
    text = (DOCS / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.M)} == set(Exit)
    used: set[str] = set()
    for path in (ROOT / "raftctl").rglob("*.py"):
        used.update(re.findall(r'"(E_[A-Z_]+)"', path.read_text(encoding="utf-8")))
    assert set(re.findall(r"^\| `(E_[A-Z_]+)`", text, re.M)) == used
