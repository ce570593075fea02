"""Chaos on real processes: the verdict, what is left behind, and that it can be another one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from raftctl.schemas import json_schema
from tests.measure.commands import PROJECT, RAFTCTL, Raftctl, fresh_home
from tests.raftctl.schema import violations

pytestmark = pytest.mark.chaos


@pytest.fixture
def raftctl() -> Iterator[Raftctl]:
    with fresh_home() as found:
        yield found


def nodes_below(home: Path) -> list[psutil.Process]:
    """The node processes that run with data in this home."""
    return processes_of("node.server", home)


def processes_of(module: str, home: Path) -> list[psutil.Process]:
    """Of this module, with this home among their arguments."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if module in words and any(str(home) in word for word in words):
            found.append(process)
    return found


def wait_until(is_so: Any, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def ran(raftctl: Raftctl, *words: str) -> dict[str, Any]:
    done = raftctl.run("chaos", "run", *words, "-o", "json", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_smoke_run_has_a_verdict_and_files_and_leaves_no_process(raftctl: Raftctl) -> None:
    junit = raftctl.home / "out.xml"
    found = ran(raftctl, "smoke", "--junit", str(junit))
    assert violations(found, json_schema("chaos-run")) == []
    assert found["verdict"] == "ok"
    assert found["operations"]["ok"] > 100
    assert [fault["resolved"].split()[0] for fault in found["faults"]] == [
        "kill",
        "transfer",
        "pause",
    ]
    folder = Path(found["folder"])
    names = {"result.json", "plan.resolved.toml", "history.jsonl", "raft.jsonl", "metrics.csv"}
    names |= {"recording.frames", "committed.json"}
    assert names <= {each.name for each in folder.iterdir()}
    assert found["run"] in (folder / "report.html").read_text(encoding="utf-8")
    assert not (folder / "home").exists()
    assert (folder / "nodes" / "n1" / "node.log").stat().st_size
    assert junit.read_text().count("<testcase") == len(found["checks"])
    assert nodes_below(raftctl.home) == []
    again = raftctl.document("chaos", "report", "latest")
    assert again == found
    told = raftctl.document("runs", "show", "latest")
    assert [node["node"] for node in told["nodes"]] == ["-", "n1", "n2", "n3"]
    assert raftctl.document("chaos", "ls")["runs"][0]["verdict"] == "ok"


@pytest.mark.parametrize(
    "name", ["kill-leader-loop", "leader-in-minority", "paused-leader-stale-read"]
)
def test_scenario_that_ships_is_ok(raftctl: Raftctl, name: str) -> None:
    found = ran(raftctl, name)
    assert found["verdict"] == "ok"
    assert all(not fault["why_not"] for fault in found["faults"])
    assert sum(fault["new_leader_ms"] is not None for fault in found["faults"]) >= 2


def test_run_that_is_killed_leaves_no_orphan(raftctl: Raftctl) -> None:
    process = subprocess.Popen(
        [str(RAFTCTL), "chaos", "run", "smoke"],
        env=raftctl.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: any(raftctl.home.glob("runs/*/raft.jsonl")))
    assert nodes_below(raftctl.home)
    process.kill()
    process.wait()
    wait_until(lambda: nodes_below(raftctl.home) == [])


def test_run_whose_hand_is_killed_says_so_and_leaves_no_orphan(raftctl: Raftctl) -> None:
    process = subprocess.Popen(
        [str(RAFTCTL), "chaos", "run", "smoke"],
        env=raftctl.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: any(raftctl.home.glob("runs/*/raft.jsonl")))
    for child in psutil.Process(process.pid).children():
        child.kill()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the process that carries out the steps has ended (signal 9)" in said
    assert nodes_below(raftctl.home) == []


def test_interrupted_run_ends_with_nothing_running(raftctl: Raftctl) -> None:
    process = subprocess.Popen(
        [str(RAFTCTL), "chaos", "run", "smoke"],
        env=raftctl.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: any(raftctl.home.glob("runs/*/raft.jsonl")))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert nodes_below(raftctl.home) == []


def test_cluster_that_was_lent_is_there_and_whole_afterwards(
    raftctl: Raftctl, tmp_path: Path
) -> None:
    raftctl.run("up", "-n", "3", "--any-port")
    raftctl.run("put", "probe-0", "mine")
    plan = tmp_path / "cut.toml"
    plan.write_text(
        'duration = "4s"\n[workload]\nkind = "register"\n'
        '[[step]]\nwhen = "1s"\ndo = "partition leader / rest"\nas = "cut"\n'
    )
    done = raftctl.run("chaos", "run", str(plan), "-c", "demo", "-o", "jsonl", "-q")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    for document in told:
        kind = document["schema"].removeprefix("raftctl.").removesuffix("/v1")
        assert violations(document, json_schema(kind)) == []
    kinds = [document["schema"] for document in told]
    assert (kinds[0], kinds[-1]) == ("raftctl.chaos-plan/v1", "raftctl.chaos-run/v1")
    assert told[-1]["verdict"] == "ok"
    steps = [each for each in told if each["schema"] == "raftctl.chaos-step/v1"]
    assert [each["state"] for each in steps] == ["begun", "ended"]
    assert steps[0]["resolved"].startswith("partition n")
    seconds = [each for each in told if each["schema"] == "raftctl.chaos-second/v1"]
    assert [each["at_ms"] for each in seconds[:3]] == [1000, 2000, 3000]
    assert any(each["hits"] and each["hits"][0]["hits"] for each in seconds), "it bites"
    assert seconds[0]["write"]["share"] > min(each["write"]["share"] for each in seconds)
    assert told[-1]["again"].endswith("cut.toml -c demo")
    status = raftctl.document("status")
    assert (status["health"], status["faults"]) == ("ok", 0)
    changes = ["--set", "duration=2s", "--set", "seed=2"]
    again = ran(raftctl, str(plan), "-c", "demo", *changes)
    assert again["verdict"] == "ok", "what the first run wrote is not in its way"
    assert raftctl.run("get", "probe-0").stdout == "mine\n"
    keys = {entry["key"] for entry in raftctl.document("scan", "--limit", "2000")["items"]}
    stamps = {Path(each["folder"]).name.partition("-")[0] for each in (told[-1], again)}
    assert {key.split("-")[1] for key in keys - {"probe-0"}} == stamps, "keys of the run's own"


@pytest.mark.parametrize("how", ["killed", "nobody listens"])
def test_lent_cluster_has_its_nodes_back_when_a_run_is_ended(
    raftctl: Raftctl, tmp_path: Path, how: str
) -> None:
    raftctl.run("up", "-n", "3", "--any-port")
    raftctl.run("net", "--link", "n1:n2", "--latency", "1ms", "--as", "mine")
    plan = tmp_path / "kill.toml"
    steps = [("100ms", "disk n3 --slow 1ms"), ("1500ms", "pause n1"), ("2s", "kill n2")]
    plan.write_text(
        'duration = "60s"\n'
        + "".join(f'[[step]]\nwhen = "{when}"\ndo = "{line}"\n' for when, line in steps)
    )
    process = subprocess.Popen(
        [str(RAFTCTL), "chaos", "run", str(plan), "-c", "demo", "-o", "jsonl", "-q"],
        env=raftctl.env,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    begun = (line for line in process.stdout if '"raftctl.chaos-step/v1"' in line)
    for _ in steps:
        assert json.loads(next(begun))["why_not"] == ""
    if how == "killed":
        process.kill()
    process.stdout.close()
    assert process.wait(60)
    wait_until(lambda: processes_of("raftctl.chaos.hand", raftctl.home) == [])
    status = raftctl.document("status")
    assert {node["proc"] for node in status["nodes"]} == {"running"}
    assert [fault["name"] for fault in raftctl.document("faults")["faults"]] == ["mine"]


def test_what_others_do_to_the_nodes_meanwhile_is_noticed(raftctl: Raftctl, tmp_path: Path) -> None:
    raftctl.run("up", "-n", "3", "--any-port")
    pids = {node["id"]: node["pid"] for node in raftctl.document("status")["nodes"]}
    plan = tmp_path / "pause.toml"
    plan.write_text(
        'duration = "3s"\n[[step]]\nwhen = "300ms"\ndo = "pause n3"\nfor = "2s"\n'
        '[[step]]\nwhen = "2500ms"\ndo = "start n2"\n[expect]\nconverge-within = "1s"\n'
    )
    with subprocess.Popen(
        [str(RAFTCTL), "chaos", "run", str(plan), "-c", "demo", "-o", "jsonl", "-q"],
        env=raftctl.env,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if '"raftctl.chaos-step/v1"' in line)
        raftctl.run("resume", "n3")
        os.kill(pids["n2"], signal.SIGKILL)
        *_, last = process.stdout
    assert process.returncode == 7
    checks = {check["name"]: check for check in json.loads(last)["checks"]}
    assert checks["nodes"]["text"].startswith("ended, and no step ended it: n2 at ")
    assert checks["faults"]["verdict"] == "inconclusive"
    assert "it was over before its time: n3" in checks["faults"]["text"]


def test_scenario_about_another_number_of_nodes_is_refused(raftctl: Raftctl) -> None:
    raftctl.run("up", "-n", "1", "--any-port")
    done = raftctl.run("chaos", "run", "smoke", "-c", "demo", check=False)
    assert done.returncode == 6
    assert "the scenario is about 3 nodes, and demo has 1" in done.stderr
    assert not list(raftctl.home.glob("runs/2*"))


def test_fault_that_touches_nothing_is_no_pass(raftctl: Raftctl, tmp_path: Path) -> None:
    plan = tmp_path / "idle.toml"
    plan.write_text(
        'duration = "3s"\n[[step]]\nwhen = "1s"\ndo = "kill n2"\n'
        '[[step]]\nwhen = "2s"\ndo = "kill n2"\n'
    )
    done = raftctl.run("chaos", "run", str(plan), check=False)
    assert done.returncode == 10, done.stderr
    assert "n2 does not run" in done.stderr


def test_node_that_refuses_damaged_data_and_one_that_is_wiped_at_last_leave_a_verdict(
    raftctl: Raftctl, tmp_path: Path
) -> None:
    plan = tmp_path / "rot.toml"
    steps = ["kill n5", "disk n5 --rot", "start n5", "wipe n4"]
    whens = [f"{1500 + 600 * place}ms" for place in range(len(steps))]
    plan.write_text(
        'nodes = 5\nduration = "4s"\n[expect]\nconverge-within = "10s"\n'
        + "".join(
            f'[[step]]\nwhen = "{when}"\ndo = "{line}"\n'
            for when, line in zip(whens, steps, strict=True)
        )
    )
    found = ran(raftctl, str(plan))
    checks = {check["name"]: check["text"] for check in found["checks"]}
    said = found["faults"][2]["refused"]
    assert said.startswith("n5 refused to start: n5/")
    assert checks["faults"] == f"4 steps, each took effect; rightly, {said}"
    assert checks["converged"].endswith("all but n4 n5, which a step wiped or damaged")


PROOFS = [
    (
        "linearizable_read_as_stale",
        "tests/chaos/scenarios/a-leader-that-is-alone-answers-nothing.toml",
        "linearizable",
        "key register-",
    ),
    (
        "append_acked_before_sync",
        "tests/chaos/scenarios/followers-lose-what-they-promised.toml",
        "linearizable",
        "key register-",
    ),
    (
        "vote_forgotten_over_a_restart",
        "tests/chaos/scenarios/a-vote-is-given-once.toml",
        "invariants",
        "forgot it",
    ),
]


@pytest.mark.parametrize(("mutant", "scenario", "check", "finding"), PROOFS)
def test_nodes_that_lie_are_found_out(
    raftctl: Raftctl, mutant: str, scenario: str, check: str, finding: str
) -> None:
    words = [mutant, "chaos", "run", scenario, "-o", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants", *words],
        cwd=PROJECT,
        env=raftctl.env | {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 7, done.stdout + done.stderr
    checks = {each["name"]: each for each in json.loads(done.stdout)["checks"]}
    assert checks[check]["verdict"] == "failed"
    assert finding in checks[check]["text"]
