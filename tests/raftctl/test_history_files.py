"""Files of histories: how they may be written, and where each mistake is told to be."""

from pathlib import Path

import pytest

from node.verify.history import History, HistoryError
from raftctl.checking import check_operations
from raftctl.checking.files import load_committed, load_history
from raftctl.errors import CliError
from raftctl.exit_codes import Exit

ASKED = b'{"process": 0, "type": "invoke", "f": "write", "key": "k", "value": 1}\n'
DONE = ASKED.replace(b"invoke", b"ok")
SAID = b"{:process 0, :type :invoke, :f :write, :value 1}\n"
ANSWERED = SAID.replace(b":invoke", b":ok")


def load(folder: Path, content: bytes, name: str = "h.jsonl") -> History:
    path = folder / name
    path.write_bytes(content)
    return load_history(path)


def refused(folder: Path, content: bytes, name: str = "h.jsonl") -> tuple[int | None, str]:
    """The line, and what is wrong with it."""
    with pytest.raises(CliError) as caught:
        load(folder, content, name)
    error = caught.value
    assert (error.code, error.exit_code) == ("E_HISTORY", Exit.USAGE)
    line = (error.details or {})["line"]
    assert isinstance(line, int)
    assert error.message.startswith(f"{folder / name}:{line}: ")
    return line, error.message


# -- text ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["h.jsonl", "h.edn"])
def test_what_is_no_utf_8_is_told_with_its_line_and_no_two_keys_become_one(
    tmp_path: Path, name: str
) -> None:
    right = ASKED + DONE if name == "h.jsonl" else SAID + ANSWERED
    more = 5_000  # so that the file is decoded in several pieces
    wrong = right * more + right.replace(b"write", b"w\xffte")
    line, says = refused(tmp_path, wrong, name)
    assert line == 2 * more + 1
    assert "no UTF-8: 0xff at byte" in says


def test_utf_16_is_no_utf_8(tmp_path: Path) -> None:
    assert refused(tmp_path, (ASKED + DONE).decode().encode("utf-16"))[0] == 1


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    assert len(load(tmp_path, mark + ASKED + DONE)) == 1
    assert len(load(tmp_path, mark + SAID + ANSWERED, "h.edn")) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [(b'"k"', rb'"\ud800"'), (b"1}", rb'["a", "\udfff"]}'), (b"1}", rb'{"\uDABC": 1}}')],
)
def test_half_of_a_character_is_none(tmp_path: Path, before: bytes, after: bytes) -> None:
    line, says = refused(tmp_path, ASKED + DONE.replace(before, after))
    assert line == 2
    assert "is half of a character" in says


def test_both_halves_are_one(tmp_path: Path) -> None:
    history = load(tmp_path, (ASKED + DONE).replace(b'"k"', rb'"\ud83d\ude00"'))
    assert history.keys == ["\U0001f600"]


def test_what_is_nested_too_deeply_is_told_with_its_line(tmp_path: Path) -> None:
    deep = b"[" * 5_000 + b"]" * 5_000
    for content, name in ((ASKED, "h.jsonl"), (SAID, "h.edn")):
        line, says = refused(tmp_path, content + content.replace(b"1}", deep + b"}"), name)
        assert (line, "nested too deeply" in says) == (2, True)


# -- numbers ---------------------------------------------------------------------------------------
def test_numbers_that_are_added_up_can_be_written(tmp_path: Path) -> None:
    head = b'{"schema": "raftctl.history/v1", "initial": {"a": 1}}\n'
    digits = b"9" * 1_001
    add = ASKED.replace(b"write", b"add").replace(b"1}", digits + b"}")
    move = b'{"from": "a", "to": "b", "amount": ' + digits + b"}}"
    transfer = ASKED.replace(b"write", b"transfer").replace(b"1}", move)
    for model, content in (("counter", add), ("bank", head + transfer)):
        history = load(tmp_path, content)
        with pytest.raises(HistoryError, match="more than 1,000 digits") as caught:
            check_operations(history, model)
        assert caught.value.line == content.count(b"\n")


def test_a_number_of_edn_can_be_written(tmp_path: Path) -> None:
    line, says = refused(tmp_path, SAID.replace(b" 1}", b" 0x" + b"f" * 4_000 + b"}"), "h.edn")
    assert (line, "a number of 16,000 bits" in says) == (1, True)


@pytest.mark.parametrize(
    "content",
    [
        '{"commands": [[1, 2, 1e400]]}', '{"commands": [[1, 2, 3.5]]}', '{"commands": [[1, 2]]}',
        '{"commands": [["1", 2, 3]]}', '{"commands": [[true, 2, 3]]}', '{"commands": 7}', "[]", "{",
        '{"commands": ' + "[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_log_of_commands_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "committed.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CliError, match="not the commands of a log") as caught:
        load_committed(path)
    assert caught.value.exit_code == Exit.USAGE


# -- EDN -------------------------------------------------------------------------------------------
def edn(folder: Path, *lines: str) -> History:
    return load(folder, "\n".join(lines).encode(), "h.edn")


def test_comments_of_edn_are_no_events_and_lines_stay_those_of_the_file(tmp_path: Path) -> None:
    said, answered = SAID.decode().strip(), ANSWERED.decode().strip()
    history = edn(tmp_path, "; made by hand", said, "  ; and", "#_ {:process 3}", answered + " ; x")
    assert (list(history.lines), list(history.end_lines)) == ([2], [5])


def test_what_is_in_an_unknown_tag_is_taken_as_it_stands(tmp_path: Path) -> None:
    said = SAID.decode().strip()
    answered = "#a.b.Op{:process 0, :type :ok, :f :write, :value #my/one 1, :error #x/y [:z]}"
    assert edn(tmp_path, said, answered).end_lines[0] == 2


@pytest.mark.parametrize("key", ["[1 2]", "{:a 1}", "#{1}", "1/2", "nil"])
def test_a_map_may_have_collections_for_keys(tmp_path: Path, key: str) -> None:
    said = SAID.decode().strip()
    more = f":error {{{key} 3}}}}"
    assert len(edn(tmp_path, said, ANSWERED.decode().strip().replace("}", f", {more}"))) == 1


KEYED = "{:process %d, :type :%s, :f %s, :value %s}"


def test_an_end_without_a_value_has_the_key_of_its_invoke(tmp_path: Path) -> None:
    history = edn(
        tmp_path,
        KEYED % (0, "invoke", ":write", "[8 1]"), KEYED % (0, "info", ":write", "nil"),
        KEYED % (1, "invoke", ":read", "[9 nil]"), KEYED % (1, "ok", ":read", "nil"),
    )  # fmt: skip
    assert history.keys == [8, 9]
    assert (history.values, history.results) == ([1, None], [None, None])


def test_an_end_with_another_value_than_a_key_and_a_value_is_told_with_its_line(
    tmp_path: Path,
) -> None:
    lines = KEYED % (0, "invoke", ":write", "[8 1]"), KEYED % (0, "ok", ":write", "1")
    line, says = refused(tmp_path, "\n".join(lines).encode(), "h.edn")
    assert (line, "where others are [key value]" in says) == (2, True)
