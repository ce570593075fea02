"""A few of the planted bugs are found, and none where nothing is planted. All: `make mutants`."""

import subprocess
import sys
from pathlib import Path

import pytest

from node.sim.planning import plan
from node.sim.simulation import simulate
from raftctl.exit_codes import Exit
from tests.mutants.catalogue import MUTANTS, THEMES
from tests.mutants.gate import SEEDS_MAX, hunt
from tests.mutants.page import PAGE, TITLES, page, rows_of
from tests.mutants.planting import planted, rewrite

ROOT = Path(__file__).resolve().parents[2]
SEEDS = range(1, 11)


@pytest.mark.parametrize(
    "name",
    [
        "vote_not_synced",
        "leader_counts_itself_before_sync",
        "truncate_on_any_append",
        "no_dedupe_of_retries",
        "read_confirm_off_by_one",
        "lease_of_a_whole_timeout",
        "lease_without_a_claim",
        "all_elections_claim_transfer",
        "retried_batch_applied_again",
        "promote_before_caught_up",
    ],
)
def test_mutant_is_caught_for_the_right_reason(name: str) -> None:
    found = hunt(name, SEEDS)
    assert found.seed is not None, "a check that never fails proves nothing"
    assert found.invariant in MUTANTS[name].caught_by, found.text
    assert simulate(plan(found.seed)).verdict != "failed", "without it the same seed passes"


def test_page_lists_every_mutant() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = rows_of(text)
    assert [row.name for row in rows] == list(MUTANTS)
    assert page(rows) == text, "make it anew: python -m tests.mutants.gate --rewrite"
    for row in rows:
        assert 1 <= row.seed <= SEEDS_MAX
        assert row.invariant in MUTANTS[row.name].caught_by, row.name


def test_every_mutant_fits_the_code_and_says_what_it_is() -> None:
    assert list(TITLES) == [theme.__name__.rpartition(".")[2] for theme in THEMES]
    for name, mutant in MUTANTS.items():
        with planted(name):
            pass
        assert mutant.about.endswith("."), name
        assert mutant.seen_in, name
        assert mutant.caught_by, name


def _answer() -> str:
    return "as written"


def test_planting_is_undone() -> None:
    rewrite(_answer, "as written", "changed")
    assert _answer() == "changed"
    with planted("vote_not_synced"):
        pass
    assert _answer() == "as written"


def test_planting_where_the_code_has_changed_says_so() -> None:
    with pytest.raises(AssertionError, match="'not there' is 0 times"):
        rewrite(_answer, "not there", "")


def test_command_line_runs_raftctl_with_the_bug() -> None:
    command = [sys.executable, "-m", "tests.mutants"]
    arguments = ["vote_not_synced", "sim", "run", "--seeds", "1", "--jobs", "1"]
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == Exit.CHECK_FAILED, done.stderr
    assert "persist_before_reply" in done.stderr
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(MUTANTS)
