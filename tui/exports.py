"""What is written to files: entries, and parts of recordings. The cluster stays as it is. Pure."""

from tui.actions import Action, Refusal

NO_NAME = Refusal("give the file a name")


def export_log(name: str, first: str, last: str, file: str) -> Action | Refusal:
    """Entries of a node's log, as a file of lines of JSON; `last` empty: to its end."""
    begin, end = _index(first), _index(last) if last.strip() else 0
    if begin is None or end is None:
        return Refusal("an index is a number, such as 104,317")
    if not file.strip():
        return NO_NAME
    span = ("--from", str(begin), *(("--to", str(end)) if end else ()))
    arguments = ("log", "show", name, *span, "-o", "jsonl")
    return Action(arguments, only_reads=True, into=file.strip())


def _index(text: str) -> int | None:
    digits = text.strip().replace(",", "")
    return int(digits) if digits.isdecimal() and len(digits) < 19 else None


def scenario(file: str, since: str) -> Action | Refusal:
    """What was done to the cluster since then, a time in UTC, as a scenario."""
    if not file.strip():
        return NO_NAME
    return Action(("chaos", "record", "--since", since, "--", file.strip()), only_reads=True)


def export_applied(run: str, file: str) -> Action | Refusal:
    """What a recording has of logs: the entries that took effect."""
    if not file.strip():
        return NO_NAME
    arguments = ("events", "--run", run, "--kind", "applied", "-o", "jsonl")
    return Action(arguments, only_reads=True, into=file.strip())


def clip(run: str, file: str, begin: str, end: str) -> Action | Refusal:
    """A part of a recording as one of its own."""
    if not file.strip():
        return NO_NAME
    span = ("--from", begin.strip(), "--to", end.strip())
    return Action(("runs", "export", *span, "--", run, file.strip()), only_reads=True)
