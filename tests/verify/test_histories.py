"""Histories as they are read: what becomes an operation, and what is wrong with which line."""

import json
from typing import Any

import pytest

from node.verify.history import NEVER, HistoryError
from node.verify.models import MODELS, model_for, take_shape
from node.verify.reading import read_history

HEAD = {"schema": "raftctl.history/v1", "model": "cas", "nodes": 5, "name": "made"}


def event(kind: str, f: Any = "read", process: Any = 0, **more: Any) -> dict[str, Any]:
    return {"process": process, "type": kind, "f": f, **more}


def lines(*events: Any) -> list[str]:
    return [each if isinstance(each, str) else json.dumps(each) for each in events]


def test_an_invoke_and_its_end_are_one_operation() -> None:
    history = read_history(
        lines(
            HEAD,
            event("invoke", "cas", key="k", value=[1, 2], time=5),
            event("ok", "cas", key="k", value=[1, 2], time=9, result=False, index=17),
            "",
            event("invoke", "read", 1, key="k", time=9),
            event("ok", "read", 1, value=3, time=12),
        )
    )
    assert (history.model, history.nodes, history.name) == ("cas", 5, "made")
    assert [history.name_of(each) for each in range(2)] == ["cas", "read"]
    assert (history.values, history.results) == ([[1, 2], None], [False, 3])
    assert list(history.invoked) == [5, 9]
    assert list(history.completed) == [9, 12]
    assert list(history.indices) == [17, 0]
    assert list(history.lines) == [2, 5]
    assert list(history.end_lines) == [3, 6]


def test_what_failed_is_left_out_and_what_is_unknown_stays_open() -> None:
    history = read_history(
        lines(
            event("invoke", "write", value=1, time=1),
            event("fail", "write", value=1, time=2),
            event("invoke", "write", value=2, time=3, client=7, sequence=4),
            event("info", "write", value=2, time=4),
            event("invoke", "write", 1, value=3, time=5),
        )
    )
    assert history.values == [2, 3]
    assert list(history.completed) == [NEVER, NEVER]
    assert list(history.end_lines) == [4, 0]
    assert history.commands == {0: (7, 4)}


def test_a_read_that_nobody_answered_says_nothing() -> None:
    history = read_history(
        lines(event("invoke", time=1), event("info", time=2), event("invoke", process=1, time=3))
    )
    assert len(history) == 0


def test_without_times_the_order_of_the_lines_is_the_time() -> None:
    history = read_history(lines(event("invoke"), event("ok", value=None)))
    assert (list(history.invoked), list(history.completed)) == ([1], [2])


def test_what_has_a_name_for_its_process_is_a_mark() -> None:
    history = read_history(lines(event("info", "partition", "nemesis", value="n1 | n2", time=4)))
    assert history.marks == [(4, "partition", "n1 | n2")]
    assert len(history) == 0


@pytest.mark.parametrize(
    ("events", "line", "text"),
    [
        (['{"process": 0, "type": "inv'], 1, "cut short, or no JSON"),
        (['{"process": 0, "type": "inv\n'], 1, "no JSON: Invalid control character in column"),
        (["[1, 2]"], 1, "an event is an object"),
        ([event("invoked")], 1, "the type 'invoked'"),
        ([{"process": 0}], 1, "no type"),
        ([event("invoke", time=1), event("invoke", time=2)], 2, "invoked in line 1 has no end"),
        ([event("ok")], 1, "process 0 ends with ok what it never invoked"),
        ([event("invoke", time=5), event("ok", time=4)], 2, "backwards, from 5 to 4"),
        ([event("invoke", time=5), event("ok", "write", time=6)], 2, "line 1 invoked 'read'"),
        ([event("invoke", key=1), event("ok", key=2)], 2, "another key"),
        ([event("invoke", time="1s")], 1, "the time is '1s'"),
        ([event("invoke", time=True)], 1, "the time is True"),
        ([event("invoke", time=1), event("ok")], 2, "the time is None"),
        ([event("invoke"), event("ok", time=1)], 2, "a time, where the events before have none"),
        ([event("invoke", process=None)], 1, "the process is None"),
        ([event("invoke", process=1.5)], 1, "the process is 1.5"),
        ([event("invoke", process=1 << 70)], 1, "too large"),
        ([event("invoke", key=[1])], 1, "the key is [1]"),
        ([event("invoke", f=None)], 1, "f is None"),
        ([event("invoke", f=["read"])], 1, "f is ['read']"),
        ([event("invoke", client=1)], 1, "client and sequence"),
        ([event("invoke"), event("ok", index=0)], 2, "the index is 0"),
        ([{"schema": "raftctl.history/v2"}], 1, "this is 'raftctl.history/v2'"),
        ([event("invoke"), HEAD], 2, "only the first line"),
        ([{**HEAD, "nodes": "five"}], 1, "nodes is 'five', not a whole number"),
    ],
)
def test_each_mistake_is_told_with_its_line(events: list[Any], line: int, text: str) -> None:
    with pytest.raises(HistoryError) as caught:
        read_history(lines(*events))
    assert (caught.value.line, text in str(caught.value)) == (line, True), caught.value


@pytest.mark.parametrize(
    ("model", "f", "value", "result", "line", "text"),
    [
        ("register", "write", [1], None, 1, "write: the value is [1]"),
        ("register", "write", True, None, 1, "not a text, a whole number or null"),
        ("register", "read", None, 1.5, 2, "read: the value is 1.5"),
        ("register", "cas", [1, 2], None, 1, "'cas' is no operation of the model register"),
        ("cas", "cas", [1], None, 1, "not [expected, new]"),
        ("cas", "cas", [1, 2], "no", 2, "the result is no, not true or false"),
        ("kv", "put", 1, None, 1, "not a text"),
        ("kv", "get", None, 1, 2, "not a text or null"),
        ("counter", "add", "1", None, 1, "not a whole number"),
        ("counter", "read", None, None, 2, "not a whole number"),
        ("append", "read", None, 1, 2, "not an array"),
        ("append", "append", None, None, 1, "not a text or a whole number"),
        ("set", "read", None, [[1]], 2, "not a text or a whole number"),
        ("lock", "acquire", None, 1, 2, "not true or false"),
        ("bank", "transfer", {"from": "a"}, None, 1, "not from, to and amount"),
        ("bank", "transfer", {"from": "a", "to": "b", "amount": -1}, None, 1, "the amount is -1"),
        ("bank", "read", None, [1], 2, "not what each account holds"),
    ],
)
def test_a_value_of_the_wrong_shape_is_told_with_its_line(
    model: str, f: str, value: Any, result: Any, line: int, text: str
) -> None:
    answer = {"value": result} if f in ("read", "get") else {"result": result}
    history = read_history(lines(event("invoke", f, value=value), event("ok", f, **answer)))
    with pytest.raises(HistoryError) as caught:
        take_shape(history, MODELS[model])
    assert (caught.value.line, text in str(caught.value)) == (line, True), caught.value


@pytest.mark.parametrize(
    ("names", "seen", "model"),
    [
        (["read", "write"], 1, "register"),
        (["read", "write", "cas"], 1, "cas"),
        (["put", "get"], "a", "kv"),
        (["add", "read"], 1, "counter"),
        (["add", "read"], [1], "set"),
        (["append", "read"], [1], "append"),
        (["acquire"], None, "lock"),
        (["transfer"], None, "bank"),
    ],
)
def test_the_model_follows_from_what_was_asked(names: list[str], seen: Any, model: str) -> None:
    events = []
    for process, f in enumerate(names):
        events += [event("invoke", f, process), event("ok", f, process, value=seen)]
    assert model_for(read_history(lines(*events)), None).name == model


def test_a_model_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(HistoryError, match="there is no model 'queue'"):
        model_for(read_history([]), "queue")
    with pytest.raises(HistoryError, match="which model has enqueue"):
        model_for(read_history(lines(event("invoke", "enqueue"))), None)
