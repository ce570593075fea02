"""The file of keys: what it may say, and what is told when it says something else."""

from pathlib import Path

import pytest

from tui.keys import (
    BINDINGS,
    FILE_BYTES_MAX,
    IDS,
    KEYS,
    MEMBER_KEYS,
    KeysError,
    load_keys,
    names_of,
)


def test_no_file_is_no_other_keys(tmp_path: Path) -> None:
    assert load_keys(tmp_path / "keys.toml") == {}


def test_ids_get_other_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text('"node.kill" = "ctrl+k"\n"members.add" = "f5,plus"\n')
    assert load_keys(path) == {"node.kill": "ctrl+k", "members.add": "f5,plus"}


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ('"node.kil" = "k"', "no key 'node.kil'", "node.kill"),
        ('"node.kill" = 3', "has to be a key", ""),
        ('"node.kill" = ""', "has to be a key", ""),
        ("= 3", "keys.toml", ""),
        ("x = " + "[" * 20_000, "nested too deeply", ""),
        ('"node.kill" = "q"', "q is the key of node.kill and of app.quit", "another key"),
        ('"node.kill" = "f9, ?"', "? is the key of node.kill and of app.help", ""),
        ('"members.remove" = "1"', "1 is the key of select.n1 and of members.remove", ""),
        ('"node.kill" = "f9"\n"node.stop" = "f9"', "no key 'node.stop'", ""),
        ('"node.kill" = "f9"\n"node.toggle" = "f9"', "f9 is the key of node.toggle and of", ""),
        ("#" * (FILE_BYTES_MAX + 1), "more than", ""),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, says: str, hint: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(KeysError) as caught:
        load_keys(path)
    assert says in str(caught.value)
    assert hint in caught.value.hint


def test_keys_may_change_places(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text('"node.kill" = "q"\n"app.quit" = "K"\n')
    assert load_keys(path) == {"node.kill": "q", "app.quit": "K"}


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(KeysError):
        load_keys(path)


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="cannot read"):
        load_keys(tmp_path)


def test_every_key_has_an_id_of_its_own() -> None:
    assert len(IDS) == len(BINDINGS) + len(MEMBER_KEYS)
    taken = [keys for key in KEYS for keys in key.keys.split(",")]
    assert len(set(taken)) == len(taken)
    assert set(IDS) >= {key.id for key in (*KEYS, *MEMBER_KEYS)}
    assert all(key.about for key in (*KEYS, *MEMBER_KEYS))


def test_names_are_those_that_people_write() -> None:
    assert names_of("plus,ctrl+k, escape") == "+ ctrl+k esc"
