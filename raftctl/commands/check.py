"""check: whether what clients were told fits a single copy of the data."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from raftctl.errors import CliError, from_os_error
from raftctl.exit_codes import Exit
from raftctl.output import Output, table
from raftctl.settings import Settings
from raftctl.values import seconds_above_0
from raftctl.verbs import section

if TYPE_CHECKING:
    from node.verify.history import History
    from raftctl.checkdocs import Check, CheckedKey, CheckExplanation
    from raftctl.checking import Checked
    from raftctl.checking.files import Source

BUDGET = "60s"
SHOWN_MAX = 10
"""Keys that failed or have no verdict, each."""


def add_to(app: typer.Typer) -> None:
    add = section(app, "Chaos")
    add(
        check, "check history.jsonl", "check latest --html out.html",
        "check history.edn --model cas -o json",
    )  # fmt: skip


def check(
    context: typer.Context,
    history: Annotated[
        str, typer.Argument(metavar="HISTORY|RUN", help="A file, the folder of a run, or latest.")
    ],
    model: Annotated[
        str | None,
        typer.Option(help="register, cas, kv, counter, append, set, lock, bank; else as it says."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Draw the history there, as a page.")] = None,
    trust_log: Annotated[
        bool, typer.Option(help="Take outcomes that clients do not know from the run's log.")
    ] = True,
    budget: Annotated[str, typer.Option(help="How long to search.")] = BUDGET,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes; as many as processors.")
    ] = None,
) -> int:
    """Check a history: is there an order of its operations that explains every answer?

    Exit 7 when there is none, 10 when the budget did not suffice to know.
    """
    settings: Settings = context.obj
    output = settings.output
    began = time.monotonic()
    seconds = seconds_above_0(budget, "--budget")
    with output.patience(f"reading {history}"):
        from raftctl.checking.describing import document_of
        from raftctl.checking.files import find_source, load_history
        from raftctl.simulating.collector import ease_collector

        ease_collector()
        source = find_source(history, settings, model)
        what = load_history(
            source.history, lambda count: output.progress(f"reading, {count:,} lines")
        )
    output.note(f"checking {len(what):,} operation{'s' * (len(what) != 1)}")
    checked = _checked(output, source, what, model, trust_log, seconds, jobs)
    document = document_of(source.history, what, checked, time.monotonic() - began)
    output.show(document, lambda: _summary(document, output.is_wide))
    if html is not None:
        _draw(html, what, checked, document)
        output.note(f"drawn: {html}")
    return _verdict(document, history)


def _checked(
    output: Output,
    source: "Source",
    history: "History",
    model: str | None,
    trusts_log: bool,
    seconds: float,
    jobs: int | None,
) -> "Checked":
    from node.verify.history import HistoryError
    from raftctl.checking import check_operations
    from raftctl.checking.files import from_history_error, load_committed
    from raftctl.workers import default_jobs

    committed = None
    if trusts_log and source.committed is not None:
        committed = load_committed(source.committed)

    def tell(done: int, count: int) -> None:
        output.progress(f"{done:,} of {count:,} keys")

    try:
        return check_operations(history, model, seconds, jobs or default_jobs(), committed, tell)
    except HistoryError as error:
        shown = from_history_error(source.history, error)
        if model is not None and history.model not in (None, model):
            shown.hint = f"it is a history of {history.model}: leave out --model {model}"
        raise shown from error


def _draw(path: Path, history: "History", checked: "Checked", document: "Check") -> None:
    from raftctl.checking.page import page_of

    try:
        path.write_text(page_of(history, checked, document), encoding="utf-8")
    except OSError as error:
        raise from_os_error(error) from error


def _summary(document: "Check", is_wide: bool) -> Iterator[str]:
    if document.explanation is not None and document.failed_key is not None:
        yield from _explained(document.failed_key, document.explanation)
    rows = [
        each
        for each in document.keys
        if is_wide or each.verdict == "failed" or each.stage == "budget"
    ]
    if rows and (is_wide or len(document.keys) > 1):
        cells = [
            (_key(each.key), each.verdict, each.stage, each.operations, each.text)
            for each in (rows if is_wide else rows[:SHOWN_MAX])
        ]
        yield from table(("KEY", "VERDICT", "BY", "OPS", ""), cells)
        if not is_wide and len(rows) > SHOWN_MAX:
            yield f"... {len(rows) - SHOWN_MAX} more; -o wide has all"
        yield ""
    stages: dict[str, int] = {}
    for each in document.keys:
        stages[each.stage] = stages.get(each.stage, 0) + 1
    by = ", ".join(f"{stage} {count:,}" for stage, count in stages.items()) or "nothing"
    yield f"model       {document.model}"
    yield f"operations  {document.operations:,}, {document.unknown:,} of unknown outcome"
    yield f"keys        {len(document.keys):,}, decided by: {by}"
    yield f"verdict     {document.verdict}: {document.text}   {document.wall_s:.1f}s"


def _explained(key: "CheckedKey", explanation: "CheckExplanation") -> Iterator[str]:
    if key.key is not None:
        yield f"key {_key(key.key)}"
    rows = []
    for each in explanation.operations:
        lines = str(each.line) if each.end_line is None else f"{each.line}-{each.end_line}"
        begin = None if each.from_ns is None else f"{each.from_ns / 1e9:.6f}"
        end = None if each.to_ns is None else f"{each.to_ns / 1e9:.6f}"
        rows.append((each.op, lines, each.process, begin, end, each.text))
    header = ("OP", "LINES", "PROCESS", "FROM", "TO", "")
    yield from table(header, rows)
    if explanation.left_out:
        yield f"and {explanation.left_out:,} before them"
    yield ""
    yield explanation.text
    if key.text not in ("", explanation.text):
        yield key.text
    yield ""


def _key(key: Any) -> str:  # noqa: ANN401 - a text, a number, or none
    return "-" if key is None else str(key)


def _verdict(document: "Check", what: str) -> int:
    if document.verdict == "ok":
        return Exit.OK
    if document.verdict == "failed":
        key = document.failed_key
        assert key is not None, "one of them failed"
        where = "" if key.key is None else f"key {_key(key.key)}: "
        raise CliError(
            "E_NOT_LINEARIZABLE",
            f"{where}{document.text}",
            Exit.CHECK_FAILED,
            hint=f"raftctl check {what} --html out.html draws it",
            details={"key": key.key, "stage": key.stage},
        )
    hint = "a longer --budget, or more keys of fewer operations"
    if document.operations == document.unknown:
        hint = "only what was answered can be checked: an invoke and its ok"
    raise CliError("E_NO_VERDICT", document.text, Exit.INCONCLUSIVE, hint=hint)
