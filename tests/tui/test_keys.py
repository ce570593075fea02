"""The file of keys: what it may say, and what is told when it says something else."""

from pathlib import Path

import pytest

from tests.tui.pilot import SMALL, Viewer, view
from tui.keyfile import FILE_BYTES_MAX, KeysError, load_keys
from tui.keynames import names_of, objection
from tui.keys import CHANGING, IDS, KEYS, NODES_BY_KEY, PLACES, USUAL


def test_no_file_is_no_other_keys(tmp_path: Path) -> None:
    assert load_keys(tmp_path / "keys.toml") == {}


def test_ids_get_other_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text('"node.kill" = "ctrl+k"\n"members.add" = "f5,plus"\n')
    assert load_keys(path) == {"node.kill": "ctrl+k", "members.add": "f5,plus"}


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ('"node.kil" = "k"', "keys.toml:1: nothing here is called 'node.kil'", "node.kill"),
        ('"node.kill" = 3', "has to be a key", "f5"),
        ('"node.kill" = ""', "'' is no key", "f5"),
        ('"node.kill" = " "', "'' is no key", "f5"),
        ('"node.kill" = ","', "'' is no key", "f5"),
        ('"view.log" = "F5"\n\n"node.kill" = "f99"', "keys.toml:1: view.log: 'F5'", "write f5"),
        ('\n"node.kill" = "k,killkey"', "keys.toml:2: node.kill: 'killkey' is no key", "f5"),
        ("node = 3", "keys.toml:1: nothing here is called 'node'", ""),
        ("[node]\nkill = 'k'", "keys.toml: nothing here is called 'node'", ""),
        ('"node.kill" = "ctrl+q"', "ctrl+q leaves the viewer", "another key"),
        ('"app.quit" = "x,ctrl+c"', "ctrl+c leaves the viewer", "another key"),
        ("= 3", "keys.toml", ""),
        ("x = " + "[" * 20_000, "nested too deeply", ""),
        ('"node.kill" = "q"', "q is the key of node.kill and of app.quit", "another key"),
        ('"node.kill" = "f9, ?"', "? is the key of node.kill and of app.help", ""),
        ('"members.remove" = "1"', "1 is the key of select.n1 and of members.remove", ""),
        ('"node.kill" = "f9"\n"node.stop" = "f9"', "called 'node.stop'", ""),
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


@pytest.mark.parametrize(
    ("key", "write"),
    [
        ("esc", "escape"),
        ("PgUp", "pageup"),
        ("Ctrl+K", "ctrl+k"),
        ("control+k", "ctrl+k"),
        ("shift+k", "K"),
        ("shift+ctrl+left", "ctrl+shift+left"),
        ("pagdown", "pagedown"),
        ("ctrl+i", "tab"),
        ("ctrl+m", "enter"),
        ("ctrl+[", "escape"),
        ("ctrl+/", "ctrl+slash"),
    ],
)
def test_what_to_write_for_what_is_no_key(key: str, write: str) -> None:
    found = objection(key)
    assert found is not None
    assert found[1].startswith(f"write {write}")


@pytest.mark.parametrize("key", ["", "kk", "ctrl+", "ctrl+k+k", "mouse1", "\t", "ctrl+kk", "x+y"])
def test_what_is_like_no_key_gets_examples(key: str) -> None:
    found = objection(key)
    assert found is not None
    assert "is no key" in found[0]


@pytest.mark.parametrize("key", ["K", "+", "?", "ö", "plus", "f12", "ctrl+k", "alt+ctrl+x", "tab"])
def test_a_key_is_a_key(key: str) -> None:
    assert objection(key) is None


def test_every_usual_key_is_one() -> None:
    assert not [key for keys in USUAL.values() for key in keys.split(",") if objection(key)]


def test_every_key_has_an_id_of_its_own() -> None:
    everywhere = [key for keys in PLACES.values() for key in keys]
    assert len(IDS) == len(everywhere) + NODES_BY_KEY
    taken = [keys for key in KEYS for keys in key.keys.split(",")]
    assert len(set(taken)) == len(taken)
    assert set(IDS) >= {key.id for key in everywhere}
    assert all(key.about for key in everywhere)


def test_names_are_those_that_people_write() -> None:
    assert names_of("plus,ctrl+k, escape") == "+ ctrl+k esc"


def test_keys_of_pages_and_dialogs_can_be_others_too(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text('"log.goto" = "G"\n"ask.yes" = "j"\n"list.down" = "down,ctrl+n"\n')
    assert load_keys(path)["log.goto"] == "G"

    async def test(viewer: Viewer) -> None:
        await viewer.press("l", "g")
        assert viewer.dialog == ""
        await viewer.press("G")
        assert viewer.dialog == "Prompt"
        await viewer.press("escape", "M", "1", "minus", "y")
        assert viewer.dialog == "Ask"
        assert "j yes" in viewer.screen_text()
        await viewer.press("j")
        assert viewer.ran == ["members remove n1"]

    view(test, keymap=load_keys(path))


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [
        ('"log.find" = "g"', True),
        ('"log.find" = "K"', True),
        ('"log.goto" = "P"', False),
        ('"partition.isolate" = "K"', False),
        ('"replay.clip" = "K"', True),
    ],
)
def test_a_key_is_one_thing_s_wherever_one_is(tmp_path: Path, text: str, is_refused: bool) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    if is_refused:
        with pytest.raises(KeysError, match="is the key of"):
            load_keys(path)
    else:
        assert load_keys(path)


def test_the_palette_has_what_the_page_has() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("l", "colon", *"go to an index")
        await viewer.pilot.pause(0.3)
        await viewer.press("enter")
        await viewer.pilot.pause(0.1)
        assert viewer.dialog == "Prompt"

    view(test)


def test_what_acts_has_a_line_to_type() -> None:
    silent = {"action.undo", "action.save", "chaos.abort"}
    for keys in PLACES.values():
        for key in keys:
            assert key.line or not key.id.startswith(CHANGING) or key.id in silent, key


def test_the_help_has_a_line_for_each_key_on_a_small_screen_too() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("question_mark")
        (line,) = [each for each in viewer.screen_text().splitlines() if "node.kill" in each]
        assert "kill the node with SIGKILL" in line

    view(test, size=SMALL)
