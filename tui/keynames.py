"""The names of keys: which there are, and what to write in the place of others. Pure."""

import difflib
import string
import unicodedata

from textual.keys import KEY_NAME_REPLACEMENTS

MODIFIERS = ("alt", "ctrl", "hyper", "meta", "shift", "super")


def _name_of(character: str) -> str:
    """As Textual has it: slash, question_mark."""
    name = unicodedata.name(character).lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


PUNCTUATION = {_name_of(character): character for character in string.punctuation}
NAMES = {character: name for name, character in PUNCTUATION.items()}
ARROWS = {"left": "←", "right": "→", "up": "↑", "down": "↓"}
SIGNS = {**PUNCTUATION, **ARROWS, "escape": "esc"}
"""What people write for a name."""
NAMED = frozenset(
    {*PUNCTUATION, *ARROWS, *(f"f{number}" for number in range(1, 25))}
    | {"escape", "enter", "tab", "space", "backspace", "insert", "delete"}
    | {"home", "end", "pageup", "pagedown"}
)
OTHER_WORDS = {
    "esc": "escape",
    "return": "enter",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "del": "delete",
    "ins": "insert",
    "control": "ctrl",
    "cmd": "super",
    "option": "alt",
    "opt": "alt",
    " ": "space",
}
LEAVING = ("ctrl+c", "ctrl+q")
"""Whatever else the keys are, these leave the viewer."""
SENT_AS = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+left_square_bracket": "escape"}
"""What a terminal sends for these."""
EXAMPLES = "a key is one character, a name such as f5 or pageup, or ctrl+k"


def names_of(keys: str) -> str:
    """Keys as people write them, with spaces between: plus,ctrl+k is + ctrl+k."""
    return " ".join(SIGNS.get(each.strip(), each.strip()) for each in keys.split(","))


def objection(key: str) -> tuple[str, str] | None:
    """Why no action can have this key, and what would do; None: it can."""
    *modifiers, base = key.split("+") if len(key) > 1 else [key]
    full = "+".join([*modifiers, NAMES.get(base, base)])
    if full in LEAVING:
        return f"{key} leaves the viewer, whatever the keys are", "give it another key"
    if full in SENT_AS:
        return f"a terminal sends {SENT_AS[full]} for {key}", f"write {SENT_AS[full]}"
    wanted = _wanted(modifiers, base)
    if key and wanted == key:
        return None
    hint = f"write {wanted}" if wanted else EXAMPLES
    return f"{key!r} is no key", hint


def _wanted(modifiers: list[str], base: str) -> str:
    """How it has to be written; empty: nothing like it is known."""
    known = {OTHER_WORDS.get(each.lower(), each.lower()) for each in modifiers}
    if not known <= set(MODIFIERS):
        return ""
    name = _base(base)
    if known and len(name) == 1:  # a small letter, or the name of a sign
        name = NAMES.get(name, name.lower())
        if known == {"shift"} and len(name) == 1:
            return name.upper()
    return "+".join([*sorted(known), name]) if name else ""


def _base(text: str) -> str:
    if text in NAMED or (len(text) == 1 and text.isprintable() and text != " "):
        return text
    lower = text.lower()
    if lower in NAMED or lower in OTHER_WORDS:
        return OTHER_WORDS.get(lower, lower)
    return next(iter(difflib.get_close_matches(lower, NAMED, n=1, cutoff=0.7)), "")
