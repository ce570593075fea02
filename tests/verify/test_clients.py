"""What clients are told, against the log."""

from typing import Any

import cbor2
import pytest

from node.raft.messages import LogEntry
from node.verify.invariants import client_oracle as oracle_module
from node.verify.invariants.client_oracle import ClientOracle
from node.verify.invariants.linearizable_reads_are_fresh import LinearizableReadsAreFresh
from node.verify.observation import Operation
from tests.verify.members import Cluster, caught, command, no_op


class Kv(Cluster):
    """A cluster whose entries are commands of a key-value machine, one after the other."""

    def __init__(self) -> None:
        super().__init__(ClientOracle)
        self.elects(1, 1)
        self.commands = 0

    def put(self, value: bytes, result: bool = False, key: str = "k") -> int:
        return self.does(["put", key, value], result)

    def does(self, words: list[Any], result: Any, again: int = 0) -> int:
        """Commit and apply an entry; `again`: it is a copy of that number's command."""
        self.commands += 1
        sealed = command(5, again or self.commands, cbor2.dumps(words))
        self.replicates(LogEntry(1, sealed))
        index = self.nodes[1].core.log.last_index
        self.commits(1, index)
        self.applies(1, index, {} if again else {index: cbor2.dumps(result)})
        return index


def test_a_story_without_mistakes() -> None:
    kv = Kv()
    put, lost = kv.asks("put", b"v1"), kv.asks("put", b"lost")
    kv.tells(put, kv.put(b"v1"), False)
    kv.tells(lost, outcome="unknown")
    get = kv.asks("get")
    kv.tells(get, 1, [b"v1", 1])
    kv.put(b"lost", True)  # it took effect after all
    get, old = kv.asks("get"), kv.asks("get", mode="stale")
    kv.tells(get, 2, [b"lost", 2])
    kv.tells(old, 1, b"v1")
    missed = kv.asks("cas", b"v2", expected=b"v1")
    kv.tells(missed, kv.does(["cas", "k", b"v1", b"v2"], [False, b"lost"]), [False, b"lost"])
    hit = kv.asks("cas", b"v3", expected=b"lost")
    kv.does(["cas", "k", b"lost", b"v3"], [True, b"v3"])
    retry = kv.does(["cas", "k", b"lost", b"v3"], None, again=4)
    kv.tells(hit, retry, [True, b"v3"])
    gone = kv.asks("delete")
    kv.tells(gone, kv.does(["delete", "k"], True), True)
    kv.tells(kv.asks("get"), 6, None)
    kv.tells(kv.asks("put", b"v4"), outcome="fail")


@pytest.mark.parametrize(
    ("index", "result", "text"),
    [
        (2, [b"v1", 1], "of b'v1', written with entry 1; after entry 2 there is b'v2'"),
        (2, None, "of None; after entry 2 there is b'v2', written with entry 2"),
        (2, [b"v9", 2], "of b'v9', which nobody wrote; after entry 2 there is b'v2'"),
        (2, [b"v3", 2], "of b'v3', asked for by client 7 and never in effect"),
        (2, [b"v2", 1], "after entry 2 there is b'v2', written with entry 2"),
        (1, [b"v2", 2], "of b'v2', written with entry 2; after entry 1 there is b'v1'"),
        (9, [b"v2", 2], "of entry 9; entries up to 2 are committed"),
    ],
)
def test_reads_of_what_is_not_there(index: int, result: Any, text: str) -> None:
    kv = Kv()
    for value in (b"v1", b"v2", b"v3"):
        kv.asks("put", value)
    kv.put(b"v1")
    kv.put(b"v2", True)
    with caught("client_oracle", text):
        kv.tells(kv.asks("get"), index, result)


def test_a_write_that_nobody_asked_for() -> None:
    with caught("client_oracle", "writes b'v1' to k with entry 1, which no client asked for"):
        Kv().put(b"v1")


def test_a_write_that_may_take_effect_yet_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle_module, "WRITES_MAX", 4)
    kv = Kv()
    kv.asks("put", b"late")
    for number in range(20):
        kv.asks("put", b"%d" % number)
        kv.put(b"%d" % number, number > 0)
    kv.put(b"late", True)
    with caught("client_oracle", "writes b'0' to k .* which no client asked for"):
        kv.put(b"0", True)


def test_a_write_that_takes_effect_twice() -> None:
    kv = Kv()
    kv.asks("put", b"v1")
    kv.put(b"v1")
    with caught("client_oracle", "writes b'v1' to k with entry 2, after entry 1"):
        kv.put(b"v1", True)


@pytest.mark.parametrize("told_first", [True, False])
def test_a_write_that_failed_and_took_effect(told_first: bool) -> None:
    kv = Kv()
    put = kv.asks("put", b"v1")
    text = "client 7 was told that its put of k failed for certain; it took effect with entry 1"
    if told_first:
        kv.tells(put, outcome="fail")
        with caught("client_oracle", text):
            kv.put(b"v1")
    else:
        kv.put(b"v1")
        with caught("client_oracle", text):
            kv.tells(put, outcome="fail")


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (["cas", "k", b"v0", b"v2"], [True, b"v2"]),
        (["cas", "k", b"v1", b"v2"], [False, b"v1"]),
        (["put", "k", b"v2"], False),
        (["delete", "k"], False),
    ],
)
def test_a_machine_with_wrong_results(words: list[Any], result: Any) -> None:
    kv = Kv()
    kv.asks("put", b"v1")
    kv.asks("put", b"v2")
    kv.put(b"v1")
    with caught("client_oracle", f"of the {words[0]} of k at entry 2; by the log"):
        kv.does(words, result)


def asked() -> tuple[Kv, Operation]:
    """A put of v1 is entry 1, and another of v2 is asked for."""
    kv = Kv()
    kv.asks("put", b"v1")
    put = kv.asks("put", b"v2")
    kv.put(b"v1")
    return kv, put


def test_an_acknowledgement_of_another_commands_entry() -> None:
    kv, put = asked()
    with caught("client_oracle", "of entry 1, whose command took effect with entry 1: a put of k"):
        kv.tells(put, 1, False)


def test_an_acknowledgement_of_an_entry_that_is_not_committed() -> None:
    kv, put = asked()
    with caught("client_oracle", "of entry 2; entries up to 1 are committed"):
        kv.tells(put, 2, True)


def test_an_acknowledgement_of_no_command() -> None:
    kv, put = asked()
    kv.replicates(no_op(1))
    kv.commits(1, 2)
    with caught("client_oracle", "of entry 2, no command"):
        kv.tells(put, 2, True)


def test_an_acknowledgement_with_a_wrong_result() -> None:
    kv, put = asked()
    with caught("client_oracle", "of entry 2 with False; by the log it is True"):
        kv.tells(put, kv.put(b"v2", True), False)


def test_an_acknowledgement_of_what_never_took_effect() -> None:
    kv, put = asked()
    index = kv.does(["put", "k", b"v2"], None, again=77)
    with caught("client_oracle", "of entry 2, whose command never took effect"):
        kv.tells(put, index, True)


def test_one_effect_for_two_operations() -> None:
    kv, put = asked()
    kv.tells(put, kv.put(b"v2", True), True)
    one, other = kv.asks("delete"), kv.asks("delete")
    index = kv.does(["delete", "k"], True)
    kv.tells(one, index, True)
    with caught("client_oracle", "of entry 3, which client 7 was told of too"):
        kv.tells(other, index, True)


def test_an_effect_from_before_it_was_asked_for() -> None:
    kv = Kv()
    index = kv.does(["delete", "k"], False)
    with caught("client_oracle", "entries up to 1 were committed when it was asked for"):
        kv.tells(kv.asks("delete"), index, False)


# -- fresh reads -----------------------------------------------------------------------------------
def test_fresh_reads() -> None:
    cluster = Cluster(LinearizableReadsAreFresh)
    cluster.settled(no_op(1), no_op(1))
    cluster.tells(cluster.asks("get"), 2)
    cluster.tells(cluster.asks("get", mode="stale"), 1)
    cluster.tells(cluster.asks("get"), outcome="unknown")
    cluster.tells(cluster.asks("delete"), 0)


@pytest.mark.parametrize("mode", ["linearizable", "lease"])
def test_a_read_that_misses_what_was_committed(mode: str) -> None:
    cluster = Cluster(LinearizableReadsAreFresh)
    cluster.settled(no_op(1), no_op(1))
    text = f"n1: answers a {mode} read of k, .* the state after entry 1; entries up to 2 were"
    with caught("linearizable_reads_are_fresh", text):
        cluster.tells(cluster.asks("get", mode=mode), 1)
