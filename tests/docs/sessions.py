"""Shell sessions in the pages: run as they stand, one after the other, and compared.

A block of ```console holds commands behind `$ ` and what they print below. A block with a title is
the file of that name; several with one title are its parts. A comment `<!-- run: COMMAND -->` is a
command that the page does not show. Times, process ids, who happens to lead and how many elections
that took differ from run to run. So what is compared is which shapes of lines there are.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.measure.commands import PROJECT, Raftctl

BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.S | re.M)
UNSEEN_OR_BLOCK = re.compile(rf"^<!-- run: ([^\n]*) -->$|{BLOCK.pattern}", re.S | re.M)
PROGRESS = re.compile(
    r"(waiting for|asking|reading|loading|looking at|writing the( snapshot)?)\b"
    r"|.*: under way$| +\d+( of [\d.]+)?s  [\d,]+( of [\d,]+)? done| +n\d+ catches up"
)
"""Said only by a command that takes longer than usual."""
SHAPES = [
    (re.compile(r"\b(follower|leader|candidate|precandidate)\b(?= +\d)"), "role"),
    (re.compile(r"Z (info|warn|error) .*"), "Z what happened"),
    (re.compile(r"\bn\d+\*?(,n\d+)*"), "n"),
    (re.compile(r"\b[0-9a-f]{12,}\b"), "hex"),
    (re.compile(r"\b0x[0-9a-f]+\b"), "hex"),
    (re.compile(r"\d+(\.\d+)*"), "0"),
    (re.compile(r'("\w+_p0_ms": )null'), r"\g<1>0"),  # nothing was measured lately
    (re.compile(r"\b0(h|m|s|ms)(0(m|s|ms))?\b"), "0"),
    (re.compile(r"\b[a-z]+ 0 ago\b"), "lately"),
    (re.compile(r"[·✓✗–~]{2,}"), "links"),
    (re.compile(r"\s+"), " "),
]


@dataclass
class Step:
    """One command of a session, and what it printed."""

    command: str
    printed: list[str]

    @property
    def shape(self) -> list[str]:
        return sorted({_shape(line) for line in self.printed if not PROGRESS.match(line)})


def _shape(line: str) -> str:
    for pattern, replacement in SHAPES:
        line = pattern.sub(replacement, line)
    return line.strip()


def steps_of(session: str) -> list[Step]:
    """The commands of a block; a line that ends in a backslash goes on."""
    steps: list[Step] = []
    is_open = False
    for line in session.splitlines():
        if is_open:
            steps[-1].command += "\n" + line
        elif line.startswith("$ "):
            steps.append(Step(line[2:], []))
        else:
            steps[-1].printed.append(line)
        is_open = line.endswith("\\") and not steps[-1].printed
    return steps


def run_page(text: str, raftctl: Raftctl, folder: Path) -> Iterator[tuple[Step, Step]]:
    """Run all sessions of a page in `folder`: each step as written, and as it went now."""
    written: set[str] = set()
    last_code = 0
    for unseen, language, title, body in UNSEEN_OR_BLOCK.findall(text):
        if unseen:
            code, printed = _run(unseen, 0, raftctl, folder)
            assert code == 0, "\n".join(printed)
        if title:
            with (folder / title).open("a" if title in written else "w", encoding="utf-8") as file:
                file.write("\n\n" + body if title in written else body)
            written.add(title)
        if language != "console":
            continue
        for step in steps_of(body):
            now = Step(step.command, [])
            for command in _attempts(step.command):
                code, now.printed = _run(command, last_code, raftctl, folder)
                if now.shape == step.shape:
                    break
            last_code = code
            yield step, now


def _attempts(command: str) -> list[str]:
    """What ends by the clock gets more time on a busy machine; all else runs once."""
    longer = re.sub(r"^timeout 2 ", "timeout 20 ", command)
    return [command] if longer == command else [command, longer]


def _run(command: str, last_code: int, raftctl: Raftctl, folder: Path) -> tuple[int, list[str]]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    env = {
        **{name: value for name, value in raftctl.env.items() if not name.startswith("XDG_")},
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
        "COLUMNS": "100",
    }
    del env["RAFTCTL_HOME"]
    done = subprocess.run(
        ["bash", "-c", f"(exit {last_code})\n{command}"],
        env=env,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
    )
    shown = done.stdout
    for place, name in ((home, "~"), (folder, "."), (PROJECT, "~/raftctl")):
        shown = shown.replace(str(place), name)
    return done.returncode, [line.rstrip() for line in shown.splitlines()]


def with_outputs(text: str, went: list[Step]) -> str:
    """The page with what its commands print now."""
    steps = iter(went)

    def renewed(block: re.Match[str]) -> str:
        language, title, body = block.groups()
        if language != "console":
            return block[0]
        lines = []
        for _ in steps_of(body):
            step = next(steps)
            lines += [f"$ {step.command}", *(x for x in step.printed if not PROGRESS.match(x))]
        head = f'```console title="{title}"' if title else "```console"
        return "\n".join([head, *lines, "```"])

    return BLOCK.sub(renewed, text)
