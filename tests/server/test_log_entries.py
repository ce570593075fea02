"""Entries of a node's log as people see them."""

from typing import Any

import pytest

from node.machines import kv
from node.machines.base import StateMachine
from node.machines.kv import KvMachine
from node.raft.messages import LogEntry
from node.replica.describing import DESCRIBED_BYTES_MAX, PREVIEW_MAX, entry_document
from node.wire.envelope import Header, seal
from tests.replica.driven import Recorder


class Talkative(Recorder):
    """Describes a command with whatever it was given, or raises that."""

    def __init__(self, says: Any) -> None:
        super().__init__()
        self.says = says

    def describe(self, command: bytes) -> str:
        if isinstance(self.says, Exception):
            raise self.says
        said: str = self.says
        return said


def preview(command: bytes, machine: StateMachine) -> str:
    text = entry_document(1, LogEntry(1, seal(Header(1, 2, 3, 4), command)), machine)["preview"]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (kv.put("k17", b"v-81"), 'put k17 "v-81"'),
        (kv.put("k", b""), 'put k ""'),
        (kv.put("k", b'a"b\xff\n'), r'put k "a\"b\xff·"'),
        (kv.delete("k"), "del k"),
        (kv.cas("k", b"a", b"b"), 'cas k "a" -> "b"'),
        (kv.cas("k", None, b"b"), 'cas k absent -> "b"'),
        (kv.cas("k", b"a", None), 'cas k "a" -> absent'),
        (kv.put("k\x1b[2J", "é".encode() * 40), f'put k·[2J "{"é" * 16}…"'),
        (kv.put("k", b"x" + "é".encode() * 40), f'put k "x{"é" * 15}…"'),
    ],
)
def test_commands_of_the_key_value_machine_are_described(command: bytes, expected: str) -> None:
    assert preview(command, KvMachine()) == expected


def test_command_that_the_machine_cannot_describe_shows_how_it_begins() -> None:
    for machine in (KvMachine(), Recorder(), Talkative(ValueError()), Talkative(None)):
        assert preview(b"junk\n\xff", machine) == "junk·\\xff"


def test_what_a_machine_says_is_bounded_and_printable() -> None:
    shown = preview(b"x", Talkative("a\x1b" * 1000))
    assert len(shown) == PREVIEW_MAX
    assert shown.startswith("a·a·")
    assert shown.isprintable()


def test_long_command_is_not_given_to_the_machine_to_describe() -> None:
    assert preview(b"x" * (DESCRIBED_BYTES_MAX + 1), Talkative("said")) == "x" * PREVIEW_MAX
