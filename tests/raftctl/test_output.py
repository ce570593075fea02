"""What is printed: tables, errors, and the schemas of documents."""

import json

import pytest

from raftctl.datadocs import Get
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.jsonform import to_json
from raftctl.logdocs import LogEntry
from raftctl.output import Output, escaped, table
from raftctl.schemas import json_schema
from raftctl.statusdocs import Node
from tests.raftctl.clusters import status
from tests.raftctl.schema import violations


def test_unknown_is_a_dash_and_empty_stays_empty() -> None:
    assert table(("A", "B", "C"), [(None, "", "x"), ("y", "z", "")]) == [
        "A  B  C",
        "-     x",
        "y  z",
    ]


def test_only_columns_of_numbers_stand_to_the_right() -> None:
    rows = [(1, None, "1-2", -5, 1.25), (20, None, "-", None, None)]
    assert table(("AAAA", "BBBB", "CCCC", "DDDD", "EEEE"), rows) == [
        "AAAA  BBBB  CCCC  DDDD  EEEE",
        "   1  -     1-2     -5  1.25",
        "  20  -     -        -     -",
    ]


def test_what_a_terminal_would_obey_is_escaped() -> None:
    assert table(("A", "B"), [("a\x1b[2Jb", "\r\n\x07\x9b\u202e")]) == [
        "A          B",
        "a\\x1b[2Jb  \\r\\n\\x07\\x9b\\u202e",
    ]
    assert escaped("naïve ✓ ключ") == "naïve ✓ ключ"
    assert escaped("\udc80") == "\\udc80"


def test_what_is_said_beside_data_is_escaped_too(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output("text", False, False, False, False)
    evil = "a\x1b]0;x\x07b\nc"
    output.note(evil)
    output.warn(evil)
    output.done(evil)
    output.fail(CliError("E_X", evil, Exit.USAGE, hint=evil, cause=evil))
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert "\x07" not in said
    assert said.count("a\\x1b]0;x\\x07b\nc") == 6, "lines stay lines"


def test_data_does_not_stand_behind_progress_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Output, "on_terminal", True)
    monkeypatch.setattr(Output, "columns", 80)
    output = Output("text", False, False, False, True)
    output.progress("half")
    output.show(None, lambda: ["done"])
    assert capsys.readouterr().err.endswith("half\r\x1b[K")


def test_unknown_parts_of_an_error_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output("json", False, False, True, False)
    for hint, cause in (("", ""), ("so", "why")):
        output.fail(CliError("E_X", "no", Exit.USAGE, hint=hint, cause=cause, outcome="unknown"))
        document = json.loads(capsys.readouterr().err)
        assert violations(document, json_schema("error")) == []
        assert (document["hint"], document["cause"]) == (hint or None, cause or None)
        assert document["outcome"] == "unknown"


def test_schemas_list_what_a_field_can_be() -> None:
    node = json_schema("status")["properties"]["nodes"]["items"]["properties"]
    assert node["proc"] == {"enum": ["running", "paused", "exited", "stopped", "unreachable"]}
    roles = ["follower", "precandidate", "candidate", "leader", "learner"]
    assert node["role"] == {"anyOf": [{"enum": roles}, {"type": "null"}]}
    assert json_schema("status")["properties"]["health"]["enum"][-1] == "down"
    assert json_schema("error")["properties"]["outcome"] == {"enum": ["none", "unknown"]}
    assert json_schema("get")["properties"]["read"] == {"enum": ["linearizable", "lease", "stale"]}
    entry = json_schema("log")["properties"]["entries"]["items"]["properties"]
    assert entry["kind"] == {"enum": ["noop", "command", "config"]}
    assert entry["state"] == {"enum": ["applied", "committed", "uncommitted"]}


def test_documents_fit_their_schemas_and_others_do_not() -> None:
    seen = status()
    assert violations(to_json(seen), json_schema("status")) == []
    seen.health = "fine"
    assert violations(to_json(seen), json_schema("status")) == ["$.health is 'fine'"]
    read = Get("k", "v", None, 1, "sometimes", "n1")
    assert violations(to_json(read), json_schema("get")) == ["$.read is 'sometimes'"]
    assert LogEntry(1, 1, "noop", "applied", 0).kind == "noop"
    assert Node("n1", "127.0.0.1:1", None, "stopped", "", "").role is None
