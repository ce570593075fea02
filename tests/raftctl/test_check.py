"""check: what it says of a history, how it ends, and what it makes of files that are none."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from node.verify.history import HistoryError
from node.verify.reading import history_of
from raftctl.checking import Checked, check_operations
from raftctl.checking.edn import events_of
from raftctl.checking.files import find_source
from raftctl.exit_codes import Exit
from raftctl.schemas import json_schema
from raftctl.settings import make_settings
from tests.measure.commands import RAFTCTL, Raftctl
from tests.raftctl.schema import violations

STALE = """\
{"schema": "raftctl.history/v1", "model": "register", "nodes": 3, "name": "stale"}
{"process": 0, "type": "invoke", "f": "write", "key": "k", "value": 1, "time": 1000}
{"process": 0, "type": "ok", "f": "write", "key": "k", "value": 1, "time": 2000}
{"process": "nemesis", "type": "info", "f": "partition", "value": "n1 <| n2", "time": 2500}
{"process": 1, "type": "invoke", "f": "write", "key": "k", "value": 2, "time": 3000}
{"process": 1, "type": "ok", "f": "write", "key": "k", "value": 2, "time": 4000}
{"process": 0, "type": "invoke", "f": "read", "key": "k", "time": 5000}
{"process": 0, "type": "ok", "f": "read", "key": "k", "value": 1, "time": 6000}
"""
RIGHT = STALE.replace('"value": 1, "time": 6000', '"value": 2, "time": 6000')
UNKNOWN = """\
{"process": 0, "type": "invoke", "f": "write", "value": 1, "client": 9, "sequence": 4}
{"process": 0, "type": "info", "f": "write", "value": 1}
{"process": 1, "type": "invoke", "f": "read"}
{"process": 1, "type": "ok", "f": "read", "value": 1}
"""


@pytest.fixture
def stale(tmp_path: Path) -> Path:
    return made(tmp_path / "stale.jsonl", STALE)


def made(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def document(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    assert violations(found, json_schema("check")) == []
    return found


# -- verdicts --------------------------------------------------------------------------------------
def test_a_violation_is_told_with_its_lines_and_ends_with_7(raftctl: Raftctl, stale: Path) -> None:
    done = raftctl.run("check", str(stale), check=False)
    assert done.returncode == Exit.CHECK_FAILED
    assert "op 3 read 1; only 2 was possible" in done.stdout
    assert " 3  7-8" in done.stdout
    assert "error[E_NOT_LINEARIZABLE]: key k: op 3 read 1; only 2 was possible" in done.stderr

    found = document(raftctl.run("check", str(stale), "-o", "json", check=False).stdout)
    assert (found["verdict"], found["model"], found["operations"]) == ("failed", "register", 3)
    assert found["failed_key"]["key"] == "k"
    assert found["explanation"]["possible"] == ["2"]
    last = found["explanation"]["operations"][-1]
    assert (last["op"], last["line"], last["end_line"], last["from_ns"]) == (3, 7, 8, 5000)


def test_a_right_history_ends_with_0(raftctl: Raftctl, tmp_path: Path) -> None:
    path = made(tmp_path / "right.jsonl", RIGHT)
    done = raftctl.run("check", str(path))
    assert "verdict     ok: linearizable" in done.stdout
    assert "keys        1, decided by: zones 1" in done.stdout


def test_a_history_in_which_nothing_was_answered_proves_nothing(
    raftctl: Raftctl, tmp_path: Path
) -> None:
    path = made(tmp_path / "h.jsonl", RIGHT.splitlines()[0])
    done = raftctl.run("check", str(path), check=False)
    assert done.returncode == Exit.INCONCLUSIVE
    assert "error[E_NO_VERDICT]: there are no operations" in done.stderr
    assert "hint:  only what was answered can be checked" in done.stderr


def test_what_the_budget_does_not_suffice_for_has_no_verdict() -> None:
    checked = hard(keys=3, jobs=1, seconds=0.3)
    assert (checked.verdict, checked.keys[0].stage) == ("inconclusive", "budget")
    assert checked.text == "3 of 3 keys: not decided in 0.3s"


def test_what_has_no_end_may_have_happened_or_not(raftctl: Raftctl, tmp_path: Path) -> None:
    begun = STALE.splitlines()
    del begun[5]  # the end of the second write
    path = made(tmp_path / "h.jsonl", "\n".join(begun))
    found = document(raftctl.run("check", str(path), "-o", "json").stdout)
    assert (found["verdict"], found["unknown"]) == ("ok", 1)


def test_a_history_that_is_too_hard_has_no_verdict_and_takes_no_more_memory(
    raftctl: Raftctl, tmp_path: Path
) -> None:
    path = made(tmp_path / "h.jsonl", "\n".join(map(json.dumps, hard_events(keys=1))))
    command = [str(RAFTCTL), "check", str(path), "--model", "counter", "--budget", "1s", "-q"]
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(command, env=raftctl.env, stdout=out, stderr=out)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == Exit.INCONCLUSIVE
    assert "E_NO_VERDICT" in (tmp_path / "out").read_text()
    assert used.ru_maxrss < 500 * 1024, "KiB"


def test_processes_share_hard_keys_and_the_first_failure_ends_it() -> None:
    began = time.monotonic()
    checked = hard(keys=2, jobs=2, seconds=60, last_is_wrong=True)
    assert checked.verdict == "failed"
    assert checked.failed is not None
    assert checked.failed.key == 2
    assert {each.stage for each in checked.keys} == {"search", "skipped"}
    assert time.monotonic() - began < 30


def hard(keys: int, jobs: int, seconds: float, last_is_wrong: bool = False) -> Checked:
    history = history_of(enumerate(hard_events(keys, last_is_wrong), 1))
    return check_operations(history, "counter", seconds, jobs)


def hard_events(keys: int, last_is_wrong: bool = False) -> list[dict[str, Any]]:
    """Counters with unknown additions that no read ever saw together: subsets in any order. The
    wrong one takes a second or two to search through.
    """
    events: list[dict[str, Any]] = []
    for key in range(keys + last_is_wrong):
        count = 13 if key == keys else 40
        for process in range(count):
            value = 1 << process if key < keys else 2
            said = {"process": len(events), "f": "add", "key": key, "value": value}
            events.append({**said, "type": "invoke"})
        total = (1 << count) - 1 if key < keys else 2 * count - 1
        for seen in (total, 0):
            said = {"process": len(events), "f": "read", "key": key}
            events += [{**said, "type": "invoke"}, {**said, "type": "ok", "value": seen}]
    return events


# -- where histories lie ---------------------------------------------------------------------------
def test_a_run_is_found_by_its_folder_its_name_and_as_the_latest(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    old = made(runs / "20260101T000000-a-1" / "history.jsonl", RIGHT)
    new = made(runs / "20260102T000000-b-2" / "history.jsonl", RIGHT)
    (runs / "20260103T000000-broken-3").mkdir()
    settings = make_settings(
        None, None, None, tmp_path, quiet=True, verbose=False, no_color=True, ascii_only=False,
        yes=False,
    )  # fmt: skip
    assert find_source(str(old.parent), settings).history == old
    assert find_source(str(old), settings).history == old
    assert find_source(old.parent.name, settings).history == old
    assert find_source("latest", settings).history == new


def test_the_latest_is_the_latest_of_the_model_that_is_asked_for(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    of = {
        model: made(
            runs / f"2026010{day}T000000-a-1" / "history.jsonl",
            RIGHT.replace('"register"', f'"{model}"'),
        )
        for day, model in enumerate(("register", "cas", "set"), 1)
    }
    made(runs / "20260104T000000-a-1" / "history.jsonl", "no history")
    settings = make_settings(
        None, None, None, tmp_path, quiet=True, verbose=False, no_color=True, ascii_only=False,
        yes=False,
    )  # fmt: skip
    assert find_source("latest", settings, "register").history == of["register"]
    assert find_source("latest", settings, "set").history == of["set"]


def test_what_is_not_there_ends_with_9(raftctl: Raftctl) -> None:
    for what in ("latest", "no-such.jsonl", "/no/such"):
        done = raftctl.run("check", what, check=False)
        assert done.returncode == Exit.NOT_FOUND
        assert f"error[E_NO_RUN]: {what}: no such file" in done.stderr


def test_the_log_of_a_run_resolves_outcomes_unless_told_not_to(
    raftctl: Raftctl, tmp_path: Path
) -> None:
    folder = made(tmp_path / "run" / "history.jsonl", UNKNOWN).parent
    made(folder / "committed.json", '{"commands": []}')
    assert raftctl.run("check", str(folder), check=False).returncode == Exit.CHECK_FAILED
    assert raftctl.run("check", str(folder), "--no-trust-log").returncode == Exit.OK
    made(folder / "committed.json", '{"commands": [[9, 4, 17]]}')
    found = document(raftctl.run("check", str(folder), "-o", "json").stdout)
    assert found["keys"][0]["resolved"] == 1
    made(folder / "committed.json", "[]")
    done = raftctl.run("check", str(folder), check=False)
    assert (done.returncode, "not the commands of a log" in done.stderr) == (Exit.USAGE, True)


# -- what is no history ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (STALE[:-30], 8, "cut short, or no JSON"),
        (STALE.replace('"time": 6000', '"time": 10'), 8, "time goes backwards"),
        (STALE + STALE.splitlines()[1] + "\n", 9, "time goes backwards"),
        (STALE.replace('"type": "ok"', '"type": "invoke"', 1), 3, "invoked in line 2 has no end"),
        (STALE.replace('"type": "invoke"', '"type": "ok"', 1), 2, "ends with ok what it never"),
        (STALE.replace('"value": 2', '"value": [2]'), 5, "write: the value is [2]"),
        (STALE.replace("register", "queue"), None, "there is no model 'queue'"),
        ("\x00\xff", 1, "cut short, or no JSON"),
    ],
)
def test_file_and_line_of_what_is_wrong_are_told(
    raftctl: Raftctl, tmp_path: Path, text: str, line: int | None, says: str
) -> None:
    path = made(tmp_path / "h.jsonl", text)
    done = raftctl.run("check", str(path), "-o", "json", check=False)
    error = json.loads(done.stderr.splitlines()[-1])
    assert (done.returncode, error["code"]) == (Exit.USAGE, "E_HISTORY")
    assert error["message"].startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert says in error["message"]
    assert error["details"] == {"file": str(path), "line": line}


# -- EDN -------------------------------------------------------------------------------------------
REGISTER = """\
{:type :invoke, :f :write, :value 1, :process 0, :time 10, :index 0}
{:type :info, :f :start, :value [:isolated {"n1" #{"n2"}}], :process :nemesis, :time 11, :index 1}
{:type :ok, :f :write, :value 1, :process 0, :time 12, :index 2, :error [:odd "a"]}
{:type :invoke, :f :read, :value nil, :process 1, :time 13, :index 3}
{:type :ok, :f :read, :value 1, :process 1, :time 14, :index 4}
{:type :invoke, :f :cas, :value [1 2], :process 1, :time 15, :index 5}
{:type :fail, :f :cas, :value [1 2], :process 1, :time 16, :index 6, :exception #error {:cause "x"}}
"""
KEYED = """\
{:process 0, :type :invoke, :f :write, :value [8 3], :time 1}
{:process 0, :type :ok, :f :write, :value [8 3], :time 2}
{:process 1, :type :invoke, :f :cas, :value [8 [3 4]], :time 3}
{:process 1, :type :ok, :f :cas, :value [8 [3 4]], :time 4}
{:process 0, :type :invoke, :f :read, :value [8 nil], :time 5}
{:process 0, :type :ok, :f :read, :value [8 3], :time 6}
"""


def test_a_history_of_jepsen_is_read() -> None:
    history = history_of(events_of(REGISTER.splitlines(True)))
    assert [history.name_of(each) for each in range(len(history))] == ["write", "read"]
    assert [(mark.name, mark.time) for mark in history.marks] == [("start", 11)]
    assert list(history.indices) == [0, 0], "an event's number is none of a log"
    assert check_operations(history, "cas").verdict == "ok"


def test_keys_in_values_are_keys() -> None:
    history = history_of(events_of(KEYED.splitlines(True)))
    assert history.keys == [8]
    checked = check_operations(history)
    assert (checked.verdict, checked.model) == ("failed", "cas")
    assert checked.explanation is not None
    assert checked.explanation.text == "op 3 read 3; only 4 was possible"


def test_a_set_of_edn_is_a_list_of_elements() -> None:
    lines = """\
{:type :invoke, :f :add, :value 0, :process 0}
{:type :ok, :f :add, :value 0, :process 0}
{:type :invoke, :f :read, :value nil, :process 0}
{:type :ok, :f :read, :value #{0}, :process 0}
"""
    checked = check_operations(history_of(events_of(lines.splitlines(True))))
    assert (checked.verdict, checked.model, checked.keys[0].text) == (
        "ok",
        "set",
        "none lost (of 1)",
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{:type :ok, :f :re", "cut short, or no EDN"),
        ("[1 2]", "a map"),
        ("{:a 1} {:a 2}", "2 things"),
    ],
)
def test_a_mistake_in_edn_is_told_with_its_line(line: str, says: str) -> None:
    lines = [*REGISTER.splitlines(True) * 30, "\n", line + "\n"]
    with pytest.raises(HistoryError, match=says) as caught:
        events_of(lines)
    assert caught.value.line == len(lines)


def test_a_file_is_edn_by_its_name(raftctl: Raftctl, tmp_path: Path) -> None:
    path = made(tmp_path / "history.edn", KEYED)
    done = raftctl.run("check", str(path), check=False)
    assert (done.returncode, "model       cas" in done.stdout) == (Exit.CHECK_FAILED, True)


# -- the page --------------------------------------------------------------------------------------
def test_the_page_has_all_in_one_file_and_marks_the_violation(
    raftctl: Raftctl, tmp_path: Path, stale: Path
) -> None:
    page = tmp_path / "out.html"
    raftctl.run("check", str(stale), "--html", str(page), check=False)
    text = page.read_text(encoding="utf-8")
    assert "op 3 read 1; only 2 was possible" in text
    assert text.count('class="read culprit"') == 1
    assert text.count('class="write prefix"') == 2
    assert "partition n1 &lt;| n2" in text
    assert "://" not in text, "nothing comes from elsewhere"
    assert "src=" not in text


def test_a_page_that_cannot_be_written_is_an_error(raftctl: Raftctl, stale: Path) -> None:
    done = raftctl.run("check", str(stale), "--html", "/no/such/out.html", check=False)
    assert (done.returncode, "E_IO" in done.stderr) == (Exit.UNEXPECTED, True)
    assert "only 2 was possible" in done.stdout, "what was found out is told all the same"


def test_model_of_another_kind_of_history_is_told_what_it_is(raftctl: Raftctl, stale: Path) -> None:
    done = raftctl.run("check", str(stale), "--model", "bank", check=False)
    assert done.returncode == 2
    assert "it is a history of register: leave out --model bank" in done.stderr
