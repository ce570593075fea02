"""A scenario run from the viewer on a real cluster, in a real terminal, up to its verdict."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.terminals import NEEDS_TMUX, Terminal
from tests.measure.commands import RAFTCTL, Raftctl, fresh_home

pytestmark = [pytest.mark.chaos, NEEDS_TMUX]
PLAN = """
name = "cut"
duration = "4s"
[workload]
kind = "register"
[[step]]
when = "1s"
do = "partition leader / rest"
as = "alone"
for = "1s"
"""


@pytest.fixture
def terminal() -> Iterator[tuple[Raftctl, Terminal]]:
    with fresh_home() as raftctl:
        opened = Terminal(raftctl, 104, 32)
        try:
            yield raftctl, opened
        finally:
            opened.tmux("kill-server")
            raftctl.run("down", "--all", "--purge", "-y")


def test_a_run_is_seen_from_its_choice_to_its_verdict(
    terminal: tuple[Raftctl, Terminal], tmp_path: Path
) -> None:
    raftctl, opened = terminal
    plan = tmp_path / "cut.toml"
    plan.write_text(PLAN)
    raftctl.run("up", "-n", "3", "--any-port")
    opened.type(f"{RAFTCTL} tui")
    opened.wait_for("● LIVE  3/3 nodes")
    opened.press("c")
    opened.wait_for("▸ flaky-wan")
    opened.press("f")
    opened.wait_for("a scenario's file")
    opened.type(str(plan))
    opened.wait_for("really?")
    opened.press("y")
    screen = opened.wait_for("as alone")
    assert "chaos cut" in screen
    opened.wait_for("max gap")
    screen = opened.wait_for("verdict", 40)
    assert "ok: " in screen
    assert "report.html" in screen.replace("│", "").replace("\n", "").replace(" ", "")
