"""The colours behind the names of styles, made of whatever theme is on."""

from collections.abc import Mapping

from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color, ColorParseError
from textual.theme import Theme

NIGHT = Theme(
    name="raft-night",
    primary="#7d9fd4",
    secondary="#8c93b8",
    accent="#7cc5c0",
    foreground="#cbd2e0",
    background="#11141b",
    surface="#161a23",
    panel="#1d222d",
    success="#86c796",
    warning="#dcb06a",
    error="#e07a80",
    dark=True,
)
DAY = Theme(
    name="raft-day",
    primary="#2f5f9e",
    secondary="#5a6288",
    accent="#0f7a75",
    foreground="#23283a",
    background="#fafaf7",
    surface="#f1f1ec",
    panel="#e6e7e2",
    success="#2b7a42",
    warning="#9a6500",
    error="#b2303c",
    dark=False,
)
TERMS = {
    True: ("#8aabe3", "#8fcaa4", "#d9ba7c", "#c8a0d8", "#80c4ca", "#dd9f8b"),
    False: ("#2a5ca8", "#24763f", "#8a6100", "#7d3f98", "#0d7078", "#a84a2f"),
}
ATTRIBUTES = {
    "bold": Style(bold=True),
    "strike": Style(strike=True),
    "reverse": Style(reverse=True),
}
_ROLES = {
    "title": "primary",
    "leader": "success",
    "good": "success",
    "warn": "warning",
    "bad": "error",
    "accent": "accent",
    "chosen": "primary",
}


class Colours:
    """The styles of one theme."""

    def __init__(self, variables: Mapping[str, str], dark: bool, plain: bool) -> None:
        """`variables`: the theme's; `plain`: no colours (NO_COLOR): what is dim stays so."""
        self._variables = variables
        self._cache: dict[str, Style] = {"": Style.null()}
        foreground, background = self._colour("foreground"), self._colour("background")
        self._named = {name: self._colour(variable) for name, variable in _ROLES.items()}
        self._named["dim"] = foreground.blend(background, 0.42)
        self._named["frame"] = foreground.blend(background, 0.72)
        for place, text in enumerate(TERMS[dark]):
            self._named[f"term{place}"] = Color.parse(text)
        self._plain = plain

    def _colour(self, variable: str) -> Color:
        try:
            return Color.parse(self._variables.get(variable, ""))
        except ColorParseError:
            return Color.parse("ansi_default")

    def style(self, names: str) -> Style:
        """The style of one or several names, with spaces between them."""
        known = self._cache.get(names)
        if known is None:
            known = Style.combine(map(self._one, names.split()))
            self._cache[names] = known
        return known

    def _one(self, name: str) -> Style:
        if name in ATTRIBUTES:
            return ATTRIBUTES[name]
        if self._plain:
            return Style(dim=True) if name in ("dim", "frame") else Style.null()
        return Style(color=RichColor.from_rgb(*self._named[name].rgb))


ASCII = str.maketrans(
    {
        **dict.fromkeys("╭╮╰╯┏┓┗┛", "+"),
        **dict.fromkeys("─━", "-"),
        **dict.fromkeys("│┃", "|"),
        **dict.fromkeys("█▉▊▋▌▓◆", "#"),
        **dict.fromkeys("▍▎▏░", "-"),
        **dict.fromkeys("▁▂", "_"),
        **dict.fromkeys("▃▄▅", "="),
        **dict.fromkeys("▆▇", "^"),
        **{"★": "*", "✓": "+", "✗": "x", "–": "-", "·": ".", "●": "o", "▸": ">", "…": "~"},
        **{"↑": "^", "≠": "!", "⟨": "<", "⟩": ">", "×": "x", "⋯": "~", "▲": "^", "‖": "|"},
        **{"▶": ">", "╱": "/", "Δ": "d", "≤": "<", "↯": "!"},
        **{"▼": "v", "↓": "v", "→": ">", "←": "<"},
    }
)
"""Signs that a terminal may lack, each as one that every terminal has."""
