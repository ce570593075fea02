"""The file of keys, which gives actions other ones by their ids.

# keys.toml
"node.kill" = "ctrl+k"
"view.log" = "l,f3"
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from tui.keynames import EXAMPLES, names_of, objection
from tui.keys import IDS, TOGETHER, USUAL

FILE_BYTES_MAX = 64 * 1024
KEYS_MAX = 64
"""Characters that name the keys of one binding."""


class KeysError(Exception):
    """The file of keys cannot be used; the message says why, `hint` what would do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def load_keys(path: Path) -> dict[str, str]:
    """Other keys by binding id, none where there is no file. Raises KeysError."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise KeysError(f"{path} has more than {FILE_BYTES_MAX} bytes")
        text = data.decode("utf-8")
        values = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise KeysError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KeysError(f"{path}: {error}") from error
    except RecursionError as error:
        raise KeysError(f"{path}: it is nested too deeply") from error
    for name, keys in values.items():
        where = _place(path, text, name)
        if name not in IDS:
            near = difflib.get_close_matches(name, IDS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(IDS[:6])}, ..."
            raise KeysError(f"{where}: nothing here is called {name!r}", hint)
        if not isinstance(keys, str) or len(keys) > KEYS_MAX:
            raise KeysError(f"{where}: {name} has to be a key in quotes, not {keys!r}", EXAMPLES)
        for key in keys.split(","):
            if (found := objection(key.strip())) is not None:
                raise KeysError(f"{where}: {name}: {found[0]}", found[1])
    _refuse_clashes(path, values)
    return values


def _place(path: Path, text: str, name: str) -> str:
    """The file, and the line where one can be found."""
    begin = re.compile(rf"""\s*["']?{re.escape(name)}["']?\s*=""")
    lines = (at for at, line in enumerate(text.splitlines(), 1) if begin.match(line))
    line = next(lines, None)
    return str(path) if line is None else f"{path}:{line}"


def _refuse_clashes(path: Path, given: Mapping[str, str]) -> None:
    """One key that has two ids on one page: Textual takes either, and it may be the one that kills
    a node. What shares a key by itself is meant to: that of the page comes first.
    """
    for ids in TOGETHER:
        taken: dict[str, str] = {}
        for name in ids:
            for key in names_of(given.get(name, USUAL[name])).split():
                other = taken.setdefault(key, name)
                if other != name and not {key} <= _usual(other) & _usual(name):
                    hint = f"give {other} or {name} another key"
                    raise KeysError(f"{path}: {key} is the key of {other} and of {name}", hint)


def _usual(name: str) -> set[str]:
    return set(names_of(USUAL[name]).split())
