"""The settings that a node works by, where each comes from, and who its fellow members are."""

from typing import Any

from node.config import Limits, RaftSettings, RecordingSettings, SnapshotSettings
from tui.drawing.detail import quorum_words
from tui.drawing.text import Line, fill, number
from tui.nodes import NodeView

USUAL: dict[str, dict[str, Any]] = {
    "raft": RaftSettings()._asdict(),
    "snapshots": SnapshotSettings()._asdict(),
    "limits": Limits()._asdict(),
    "recording": RecordingSettings()._asdict(),
}
GROUPS = ("voters", "learners", "outgoing", "promotable")


def settings_lines(view: NodeView, width: int) -> list[Line]:
    """A line for each setting, with where it comes from, and below them the members."""
    settings = view.table("settings")
    tables = {**settings, "snapshots": view.table("compaction")}
    lines: list[Line] = [[(f"  {'SETTING':<30}{'VALUE':>14}  ORIGIN", "dim")]]
    for table, usual in USUAL.items():
        found = tables.get(table, {})
        for key, default in usual.items():
            value = found.get(key)
            origin = "" if value is None else "default" if value == default else "cluster file"
            style = "accent" if origin == "cluster file" else ""
            name, text = f"  {f'{table}.{key}':<30}", f"{_text(value):>14}  "
            lines.append([(name, "dim"), (text, style), (origin, style or "dim")])
    return [fill(line, width) for line in [*lines, [], *_member_lines(view)]]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, int | float) else "–"


def _member_lines(view: NodeView) -> list[Line]:
    configuration = view.table("configuration")
    lines: list[Line] = []
    for group in GROUPS:
        ids = configuration.get(group, ())
        if not ids and group != "voters":
            continue
        line: Line = [(f"  {group:<12}", "dim"), (" ".join(f"n{each}" for each in ids) or "–", "")]
        if ids and group in ("voters", "outgoing"):
            line.append((f"   {quorum_words(len(ids))}", "dim"))
        lines.append(line)
    touched = view.in_touch
    if touched is not None:
        words = f"{touched.have} of {touched.voters}, {touched.need} are needed"
        lines.append([(f"  {'in touch':<12}", "dim"), (words, "")])
    index = view.status.get("configuration_index")
    lines.append([(f"  {'since entry':<12}", "dim"), (number(index), "")])
    return lines
