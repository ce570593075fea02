"""The key-value machine, by itself and against a plain dict."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.machines import kv
from node.machines.base import HistoryLostError, Watchable
from node.machines.kv import (
    KEY_BYTES_MAX,
    PART_BYTES,
    PART_ITEMS,
    SCAN_BYTES_MAX,
    SCAN_MAX,
    BadCommandError,
    KvMachine,
)
from node.raft.core import APPLY_ENTRIES_MAX
from node.wire.cbor import CborError

Command = tuple[Any, ...]
MAKERS: dict[str, Callable[..., bytes]] = {"put": kv.put, "delete": kv.delete, "cas": kv.cas}


def _apply(machine: KvMachine, *commands: bytes) -> list[Any]:
    """The results of `commands`, which are entries 1, 2 and so on."""
    return [kv.decode_result(machine.apply(each, i)) for i, each in enumerate(commands, 1)]


def _ask(machine: KvMachine, query: bytes) -> Any:
    return kv.decode_result(machine.query(query))


def _changes(machine: KvMachine, prefix: str, since: int) -> list[Any]:
    return [cbor2.loads(change) for change in machine.changes(kv.watch(prefix), since)]


def _state(machine: KvMachine) -> Any:
    return _ask(machine, kv.scan(""))


# -- one command at a time -------------------------------------------------------------------------
def test_put_says_whether_the_key_existed() -> None:
    machine = KvMachine()
    assert _apply(machine, kv.put("a", b"1"), kv.put("a", b"2")) == [False, True]
    assert _ask(machine, kv.get("a")) == [b"2", 2]


def test_an_empty_value_is_a_value() -> None:
    machine = KvMachine()
    assert _apply(machine, kv.put("a", b""), kv.cas("a", None, b"1"), kv.cas("a", b"", b"2")) == [
        False,
        [False, b""],
        [True, b"2"],
    ]


def test_get_of_an_absent_key_is_none() -> None:
    assert _ask(KvMachine(), kv.get("a")) is None
    assert _ask(KvMachine(), kv.get("")) is None


def test_delete_says_whether_the_key_existed() -> None:
    machine = KvMachine()
    assert _apply(machine, kv.delete("a"), kv.put("a", b"1"), kv.delete("a"), kv.delete("a")) == [
        False,
        False,
        True,
        False,
    ]
    assert _state(machine) == []


@pytest.mark.parametrize(
    ("before", "old", "new", "result", "after"),
    [
        (None, None, b"n", [True, b"n"], b"n"),
        (None, b"o", b"n", [False, None], None),
        (None, None, None, [True, None], None),
        (None, b"o", None, [False, None], None),
        (b"o", b"o", b"n", [True, b"n"], b"n"),
        (b"o", b"x", b"n", [False, b"o"], b"o"),
        (b"o", None, b"n", [False, b"o"], b"o"),
        (b"o", b"o", None, [True, None], None),
        (b"o", b"o", b"o", [True, b"o"], b"o"),
    ],
)
def test_cas(before: bytes | None, old: Any, new: Any, result: Any, after: bytes | None) -> None:
    machine = KvMachine()
    if before is not None:
        machine.apply(kv.put("a", before), 1)
    assert kv.decode_result(machine.apply(kv.cas("a", old, new), 2)) == result
    assert _ask(machine, kv.get("a")) == (after and [after, 2 if result[0] else 1])
    assert bool(_changes(machine, "", 1)) == (result[0] and (old, new) != (None, None))


# -- scans -----------------------------------------------------------------------------------------
@pytest.fixture
def machine() -> KvMachine:
    """a=1, aa=2, ab=3, b=4, é=5, each written by the entry of that number."""
    made = KvMachine()
    keys = ("a", "aa", "ab", "b", "é")
    _apply(made, *(kv.put(key, b"%d" % number) for number, key in enumerate(keys, 1)))
    return made


@pytest.mark.parametrize(
    ("prefix", "limit", "after", "expected"),
    [
        ("", SCAN_MAX, None, ["a", "aa", "ab", "b", "é"]),
        ("a", SCAN_MAX, None, ["a", "aa", "ab"]),
        ("aa", SCAN_MAX, None, ["aa"]),
        ("c", SCAN_MAX, None, []),
        ("é", SCAN_MAX, None, ["é"]),
        ("", 2, None, ["a", "aa"]),
        ("", 2, "aa", ["ab", "b"]),
        ("a", SCAN_MAX, "a", ["aa", "ab"]),
        ("a", SCAN_MAX, "aab", ["ab"]),
        ("a", SCAN_MAX, "b", []),
        ("b", SCAN_MAX, "a", ["b"]),
        ("", 0, None, []),
        ("", -1, None, []),
        ("", 10**9, None, ["a", "aa", "ab", "b", "é"]),
        ("", SCAN_MAX, "", ["a", "aa", "ab", "b", "é"]),
    ],
)
def test_scan(
    machine: KvMachine, prefix: str, limit: int, after: str | None, expected: list[str]
) -> None:
    found = _ask(machine, kv.scan(prefix, limit, after))
    assert [key for key, _, _ in found] == expected
    assert all(value == b"%d" % index for _, value, index in found)


def test_a_scan_gives_at_most_scan_max() -> None:
    machine = KvMachine()
    for number in range(SCAN_MAX + 5):
        machine.apply(kv.put(f"{number:06}", b""), number + 1)
    first = _ask(machine, kv.scan("", limit=SCAN_MAX * 2))
    assert len(first) == SCAN_MAX
    assert len(_ask(machine, kv.scan("", after=first[-1][0]))) == 5


def test_a_scan_stops_at_so_many_bytes_and_goes_on_after_its_last_key() -> None:
    machine = KvMachine()
    value = b"x" * (SCAN_BYTES_MAX // 4)
    _apply(machine, *(kv.put(f"k{number}", value) for number in range(7)))
    after, pages = None, []
    while page := _ask(machine, kv.scan("", after=after)):
        assert sum(len(key) + len(value) for key, value, _ in page) <= SCAN_BYTES_MAX
        pages.append([key for key, _, _ in page])
        after = page[-1][0]
    assert pages == [["k0", "k1", "k2"], ["k3", "k4", "k5"], ["k6"]]


def test_a_scan_gives_an_item_however_long_it_is() -> None:
    machine = KvMachine()
    _apply(machine, kv.put("a", b"x" * (2 * SCAN_BYTES_MAX)), kv.put("b", b""))
    assert [key for key, _, _ in _ask(machine, kv.scan(""))] == ["a"]
    assert [key for key, _, _ in _ask(machine, kv.scan("", after="a"))] == ["b"]


# -- watches ---------------------------------------------------------------------------------------
def test_it_can_be_watched() -> None:
    assert isinstance(KvMachine(), Watchable)


def test_changes_come_oldest_first_and_only_what_changed() -> None:
    machine = KvMachine()
    commands = (kv.put("a", b"1"), kv.delete("x"), kv.put("b", b"2"), kv.delete("a"))
    _apply(machine, *commands, kv.cas("b", b"no", b"3"), kv.cas("b", b"2", b"4"))
    assert _changes(machine, "", 0) == [
        [1, "a", b"1"],
        [3, "b", b"2"],
        [4, "a", None],
        [6, "b", b"4"],
    ]
    assert _changes(machine, "a", 0) == [[1, "a", b"1"], [4, "a", None]]
    assert _changes(machine, "", 3) == [[4, "a", None], [6, "b", b"4"]]
    assert _changes(machine, "", 6) == []
    assert _changes(machine, "c", 0) == []


def test_history_that_was_dropped_is_said_to_be_lost() -> None:
    machine = KvMachine(changes_max=2)
    _apply(machine, *(kv.put("a", b"%d" % number) for number in range(4)))
    assert _changes(machine, "", 2) == [[3, "a", b"2"], [4, "a", b"3"]]
    for since in (0, 1):
        with pytest.raises(HistoryLostError, match="up to entry 2"):
            machine.changes(kv.watch(""), since)
    assert _changes(machine, "", 99) == []


# -- bytes from strangers --------------------------------------------------------------------------
BAD = [
    *(b"", b"\xff", b"garbage", b"\x9f"),
    *map(
        cbor2.dumps,
        [
            *(None, 1, "put", {}, [], ["put"], ["put", "a"], ["put", "a", "text"]),
            *(["put", "a", b"", 1], ["put", b"a", b""], ["put", 1, b""], ["put", "", b""]),
            *(["put", "a", None], ["PUT", "a", b""], [["put"], "a", b""], ["delete"]),
            *(["delete", ""], ["delete", None], ["delete", "a", "b"], ["cas", "a", b""]),
            *(["cas", "a", "b", b""], ["cas", "a", b"", 1], ["cas", "", None, b""]),
            *(["put", "x" * (KEY_BYTES_MAX + 1), b""], ["put", "é" * KEY_BYTES_MAX, b""]),
            *(["get", "a"], ["scan", "", 1, None], ["watch", ""]),
        ],
    ),
]


@pytest.mark.parametrize("command", BAD)
def test_a_bad_command_is_refused_and_changes_nothing(machine: KvMachine, command: bytes) -> None:
    before = _state(machine), _changes(machine, "", 0)
    with pytest.raises(BadCommandError):
        machine.apply(command, 6)
    assert (_state(machine), _changes(machine, "", 0)) == before


@pytest.mark.parametrize(
    "words",
    [
        *(None, [], ["get"], ["get", 1], ["get", "a", "b"], ["put", "a", b""], ["watch", ""]),
        *(["scan", ""], ["scan", "", "1", None], ["scan", "", 1.5, None], ["scan", "", 1, b""]),
        ["scan", "", 1],
    ],
)
def test_a_bad_query_is_refused(machine: KvMachine, words: Any) -> None:
    with pytest.raises(BadCommandError):
        machine.query(cbor2.dumps(words))


@pytest.mark.parametrize("words", [None, [], ["watch"], ["watch", 1], ["get", "a"]])
def test_a_bad_watch_is_refused(machine: KvMachine, words: Any) -> None:
    with pytest.raises(BadCommandError):
        machine.changes(cbor2.dumps(words), 0)


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_arbitrary_bytes_raise_nothing_but_bad_command(data: bytes) -> None:
    machine = KvMachine()
    with suppress(BadCommandError):
        machine.apply(data, 1)
    with suppress(BadCommandError):
        machine.query(data)


def test_the_longest_key_is_allowed() -> None:
    machine = KvMachine()
    assert _apply(machine, kv.put("é" * (KEY_BYTES_MAX // 2), b"")) == [False]


# -- against a plain dict --------------------------------------------------------------------------
KEYS = st.sampled_from(["a", "aa", "ab", "b", "é", "\U0001f600", "￿"]) | st.text("ab", min_size=1)
VALUES = st.binary(max_size=2)
COMMANDS: st.SearchStrategy[list[Command]] = st.lists(
    st.tuples(st.just("put"), KEYS, VALUES)
    | st.tuples(st.just("delete"), KEYS)
    | st.tuples(st.just("cas"), KEYS, st.none() | VALUES, st.none() | VALUES),
    max_size=40,
)


class Model:
    """What the machine should hold: a dict, and all changes ever."""

    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {}
        self.changes: list[list[Any]] = []

    def apply(self, command: Command, index: int) -> Any:
        word, key, *arguments = command
        current = self.values.get(key, [None])[0]
        if word == "cas":
            old, new = arguments
            if current != old:
                return [False, current]
            self.set(key, new, index)
            return [True, new]
        self.set(key, arguments[0] if arguments else None, index)
        return current is not None

    def set(self, key: str, value: bytes | None, index: int) -> None:
        if value is not None:
            self.values[key] = [value, index]
        elif self.values.pop(key, None) is None:
            return
        self.changes.append([index, key, value])

    def scan(self, prefix: str, limit: int, after: str | None) -> list[Any]:
        keys = [k for k in sorted(self.values) if k.startswith(prefix) and (not after or k > after)]
        return [[key, *self.values[key]] for key in keys[:limit]]


@settings(max_examples=200)
@given(COMMANDS, KEYS | st.just(""), st.none() | KEYS, st.integers(0, 9), st.integers(1, 50))
def test_it_does_what_a_dict_does(
    commands: list[Command], prefix: str, after: str | None, limit: int, changes_max: int
) -> None:
    machine, model = KvMachine(changes_max), Model()
    for index, (word, *arguments) in enumerate(commands, 10):
        result = machine.apply(MAKERS[word](*arguments), index)
        assert kv.decode_result(result) == model.apply((word, *arguments), index)
    assert _state(machine) == model.scan("", SCAN_MAX, None)
    assert _ask(machine, kv.scan(prefix, limit, after)) == model.scan(prefix, limit, after)
    assert _ask(machine, kv.get(prefix)) == model.values.get(prefix)
    kept = _index_of_last(model, but=changes_max)
    lost = _index_of_last(model, but=2 * changes_max)
    for since in range(10 + len(commands)):
        expected = [c for c in model.changes if c[0] > since and c[1].startswith(prefix)]
        try:
            assert _changes(machine, prefix, since) == expected
            assert since >= lost, "twice as many as it has to keep are not kept"
        except HistoryLostError:
            assert since < kept


def _index_of_last(model: Model, but: int) -> int:
    """That of the last change in front of the newest `but`; 0: there are no more."""
    return model.changes[-but - 1][0] if len(model.changes) > but else 0


@given(COMMANDS)
def test_the_same_commands_give_the_same_bytes_on_every_node(commands: list[Command]) -> None:
    one, other = KvMachine(), KvMachine()
    for index, (word, *arguments) in enumerate(commands, 1):
        command = MAKERS[word](*arguments)
        assert one.apply(command, index) == other.apply(command, index)
        other.query(kv.scan(""))  # queries in between change nothing
        other.changes(kv.watch(""), 0)
    assert one.query(kv.scan("")) == other.query(kv.scan(""))
    assert one.changes(kv.watch(""), 0) == other.changes(kv.watch(""), 0)


def test_command_with_a_costly_tag_is_refused_before_its_value_is_computed() -> None:
    """A fraction of huge numbers would keep every node that applies it busy for a minute."""
    fraction = cbor2.CBORTag(30, [10**2000, 10**2000 - 1])
    for words in (["put", "k", fraction], ["get", fraction], fraction):
        with pytest.raises(BadCommandError):
            KvMachine().apply(cbor2.dumps(words), 1)
        with pytest.raises(BadCommandError):
            KvMachine().query(cbor2.dumps(words))


@pytest.mark.parametrize(
    "words",
    [["put", "k", [0] * 1000], ["get"] + [0] * 100_000, ["put", "k", {"a": b"v"}], ["put"], []],
    ids=["nested", "long", "map", "short", "empty"],
)
def test_command_with_more_in_it_than_plain_words_is_refused(words: list[Any]) -> None:
    for ask in (lambda data: KvMachine().apply(data, 1), KvMachine().query):
        with pytest.raises(BadCommandError):
            ask(cbor2.dumps(words))


def test_bytes_of_kept_changes_are_bounded_and_the_oldest_go() -> None:
    machine = KvMachine(changes_bytes_max=100)
    for index in range(1, 100):
        machine.apply(kv.put("k", b"x" * 39), index)
        indices = [
            cbor2.loads(each)[0] for each in machine.changes(kv.watch(""), max(index - 2, 0))
        ]
        assert indices == [each for each in (index - 1, index) if each]
        if index > 6:
            with pytest.raises(HistoryLostError):
                machine.changes(kv.watch(""), index - 6)
    machine.apply(kv.put("k", b"x" * 500), 100)
    assert [cbor2.loads(each)[0] for each in machine.changes(kv.watch(""), 99)] == [100]
    machine.apply(kv.put("k", b"x" * 500), 101)
    with pytest.raises(HistoryLostError, match="up to entry 100"):
        machine.changes(kv.watch(""), 99)
    machine.apply(kv.delete("k"), 102)
    assert [cbor2.loads(each)[0] for each in machine.changes(kv.watch(""), 101)] == [102]


@pytest.mark.parametrize("size", [10, 1000, 4000])
def test_watch_that_keeps_up_loses_nothing_of_a_batch(size: int) -> None:
    for before in (0, 1, 2047, 4095, 4096, 5000):
        machine = KvMachine()
        for index in range(1, before + APPLY_ENTRIES_MAX + 1):
            machine.apply(kv.put("k", bytes(size)), index)
        assert len(machine.changes(kv.watch(""), before)) == APPLY_ENTRIES_MAX


def test_watch_that_keeps_up_loses_nothing_of_a_batch_of_large_values() -> None:
    for before in range(17):
        machine = KvMachine()
        for index in range(1, before + 16):
            machine.apply(kv.put("k", bytes(1 << 20)), index)
        newer = machine.changes(kv.watch(""), before)
        assert len(newer) == 15


# -- snapshots -------------------------------------------------------------------------------------
def _filled(values: dict[str, bytes]) -> KvMachine:
    machine = KvMachine()
    for index, (key, value) in enumerate(values.items(), 1):
        machine.apply(kv.put(key, value), index)
    return machine


def _restored(parts: list[bytes], index: int = 9) -> KvMachine:
    machine = KvMachine()
    machine.restore(iter(parts), index)
    return machine


@given(st.dictionaries(st.text(min_size=1, max_size=4), st.binary(max_size=4)))
def test_a_snapshot_holds_all_keys_and_values_and_who_wrote_them(values: dict[str, bytes]) -> None:
    machine = _filled(values)
    again = _restored(list(machine.snapshot()))
    assert again.query(kv.scan("")) == machine.query(kv.scan(""))
    assert list(again.snapshot()) == list(machine.snapshot())


def test_parts_of_a_snapshot_are_bounded_and_follow_from_the_keys_alone() -> None:
    sizes = [100] * 1000 + [PART_BYTES // 3] * 7 + [PART_BYTES * 2] * 2
    values = {f"{number:06}": bytes(size) for number, size in enumerate(sizes)}
    parts = list(_filled(values).snapshot())
    words = [cbor2.loads(part) for part in parts]
    assert [word for part in words for word in part[::2]] == sorted(values)
    for part in words:
        assert len(part) == 2 or sum(map(len, part)) <= PART_BYTES
        assert len(part) <= 2 * PART_ITEMS
    backwards = KvMachine()
    for index, key in reversed(list(enumerate(values, 1))):
        backwards.apply(kv.put(key, values[key]), index)
    assert list(backwards.snapshot()) == parts


@pytest.mark.parametrize(
    "words",
    [
        ["b", bytes(8), "a", bytes(8)],
        ["a", bytes(8), "a", bytes(8)],
        ["a", bytes(8), "b"],
        ["a", bytes(7)],
        ["a", "12345678"],
        ["a", None],
        ["", bytes(8)],
        [1, bytes(8)],
        ["k" * 5000, bytes(8)],
        {"a": bytes(8)},
        7,
        "",
        b"",
        [["a", b"v", 1]],
    ],
    ids=str,
)
def test_a_snapshot_of_something_else_is_refused(words: Any) -> None:
    with pytest.raises((ValueError, TypeError, CborError, BadCommandError)):
        _restored([cbor2.dumps(words)])
