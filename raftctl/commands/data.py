"""put, get, del, cas, scan, watch, propose: what the cluster replicates."""

import base64
import shlex
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from raftctl import completion
from raftctl.commands.arguments import (
    DATA_SECONDS,
    checked_key,
    checked_text,
    client_of,
    kv_cluster,
    node_at,
    running,
    value_bytes,
)
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import usage
from raftctl.verbs import section

if TYPE_CHECKING:
    from node.client.blocking import Client
    from raftctl.cluster.directory import Cluster
    from raftctl.datadocs import Change, Get

SHOWN_MAX = 80  # characters of a value in a message
Key = Annotated[str, typer.Argument(help="The key.")]


def add_to(app: typer.Typer) -> None:
    add = section(app, "Data")
    add(put, "put k v", "put k - < file")
    add(get, "get k", "get k --at n2", "get k --read lease", "get k --read stale --at follower")
    add(delete, "del k", name="del")
    add(cas, "cas k old new", "cas k '' new --absent")
    add(scan, "scan user/")
    add(watch, "watch user/ -o jsonl", "watch --since 100")
    add(propose, "propose hello --timeout 10s", "propose - < file")


ReadAt = Annotated[
    str | None, typer.Option("--at", help="Ask that node alone.", autocompletion=completion.nodes)
]
WriteAt = Annotated[
    str | None,
    typer.Option(
        "--at",
        help="Ask that node alone, which hands it to the leader.",
        autocompletion=completion.nodes,
    ),
]


def put(
    context: typer.Context,
    key: Key,
    value: Annotated[str, typer.Argument(help="The value; - reads it from stdin.")],
    at: WriteAt = None,
) -> None:
    """Set a key. Returns once a majority has it on disk and the leader applied it."""
    from node.machines import kv
    from raftctl.datadocs import Put

    settings: Settings = context.obj
    cluster = kv_cluster(settings)
    command = kv.put(checked_key(key), value_bytes(cluster, value))
    with client_of(settings, cluster) as client:
        applied = client.propose(command, at=_one_node(cluster, at))
    document = Put(key, applied.index, applied.term)
    settings.output.show(document, lambda: [f"ok  index {applied.index} term {applied.term}"])


def get(
    context: typer.Context,
    key: Key,
    read: Annotated[
        str, typer.Option(help="linearizable, lease or stale.", autocompletion=completion.reads)
    ] = "linearizable",
    at: ReadAt = None,
) -> None:
    """Read a key; exit 9 when there is none.

    linearizable asks a majority whether the leader still leads. lease asks nobody: the leader
    counts on what a majority promised it just now, and on clocks that run alike. stale is the state
    of the node that answers, as it is; how old that may be is said beside it.
    """
    from node.machines import kv
    from raftctl.output import table

    settings: Settings = context.obj
    cluster = kv_cluster(settings)
    query = kv.get(checked_key(key))
    if read not in ("linearizable", "lease", "stale"):
        raise usage(f"--read {read}", "linearizable, lease or stale")
    where = _one_node(cluster, at)
    with client_of(settings, cluster) as client:
        try:
            answer = client.read(query, read, where)  # type: ignore[arg-type]
        except Exception as error:
            raise _with_cause(cluster, where, error) from error
    found = kv.decode_result(answer.result)
    if found is None:
        raise _no_key(key)
    value, index = found
    document = _document(key, value, index, read, client)
    document.age_ms = answer.age_ms
    if read == "stale" and not settings.output.is_json:
        settings.output.note(f"from {document.node}, {_age(answer.age_ms)}")
    if settings.output.is_wide:
        age = None if answer.age_ms is None else f"{answer.age_ms}ms"
        row = (key, _shown(document), index, read, document.node, age)
        header = ("KEY", "VALUE", "INDEX", "READ", "NODE", "AGE")
        settings.output.show(document, lambda: table(header, [row]))
    elif document.value is None and not settings.output.is_json and not sys.stdout.isatty():
        sys.stdout.buffer.write(value)
    else:
        settings.output.show(document, lambda: [_shown(document)])
        if document.value is None and not settings.output.is_json:
            settings.output.note("not UTF-8, shown in base64; in a pipe it stays as it is")


def _age(age_ms: int | None) -> str:
    if age_ms is None:
        return "which hears no leader: nobody knows how old that is"
    return f"in touch with the leader {age_ms} ms ago"


def delete(context: typer.Context, key: Key, at: WriteAt = None) -> None:
    """Delete a key; exit 9 when there is none."""
    from node.machines import kv
    from raftctl.datadocs import Del

    settings: Settings = context.obj
    cluster = kv_cluster(settings)
    command = kv.delete(checked_key(key))
    with client_of(settings, cluster) as client:
        applied = client.propose(command, at=_one_node(cluster, at))
    existed = bool(kv.decode_result(applied.result))
    document = Del(key, existed, applied.index, applied.term)
    if not existed:
        raise _no_key(key)
    settings.output.show(document, lambda: [f"ok  index {applied.index} term {applied.term}"])


def cas(
    context: typer.Context,
    key: Key,
    old: Annotated[str, typer.Argument(help="What it has to be now.")],
    new: Annotated[str, typer.Argument(help="What it becomes.")],
    absent: Annotated[
        bool, typer.Option("--absent", help="It has to be absent; OLD is ignored.")
    ] = False,
    at: WriteAt = None,
) -> None:
    """Set a key if it has a certain value, else exit 6."""
    from node.machines import kv
    from raftctl.datadocs import Cas

    settings: Settings = context.obj
    cluster = kv_cluster(settings)
    expected = None if absent else old.encode("utf-8", "surrogateescape")
    command = kv.cas(checked_key(key), expected, value_bytes(cluster, new))
    with client_of(settings, cluster) as client:
        applied = client.propose(command, at=_one_node(cluster, at))
    swapped, current = kv.decode_result(applied.result)
    if not swapped:
        raise _not_swapped(key, current)
    document = Cas(key, True, applied.index, applied.term)
    settings.output.show(document, lambda: [f"ok  index {applied.index} term {applied.term}"])


def scan(
    context: typer.Context,
    prefix: Annotated[str, typer.Argument(help="Keys that begin so; none: all.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
) -> None:
    """List keys and values in order."""
    from raftctl.datadocs import Scan
    from raftctl.output import table

    settings: Settings = context.obj
    cluster = kv_cluster(settings)
    checked_text(prefix)
    with client_of(settings, cluster) as client:
        items = _scan(client, prefix, limit + 1, _page_max(cluster))
    more = len(items) > limit
    items = items[:limit]
    rows = [(item.key, _shown(item), item.index) for item in items]
    header = ("KEY", "VALUE", "INDEX")
    settings.output.show(
        Scan(prefix, items, more),
        lambda: table(header, rows) if rows else ["no such keys"],
    )
    if more:
        settings.output.note(f"these are the first {limit}, there are more: --limit shows them")


def _scan(client: "Client", prefix: str, wanted: int, page_max: int) -> "list[Get]":
    """The first `wanted` keys, page by page: an answer has to fit into a frame."""
    from node.machines import kv

    items: list[Get] = []
    after = None
    while len(items) < wanted:
        answer = client.read(kv.scan(prefix, min(wanted - len(items), page_max), after))
        page = kv.decode_result(answer.result)
        if not page:
            break
        items += [
            _document(key, value, index, "linearizable", client) for key, value, index in page
        ]
        after = page[-1][0]
    return items


def _page_max(cluster: "Cluster") -> int:
    """How many items to ask for at once: the machine does not know this cluster's frames."""
    from node.machines.kv import KEY_BYTES_MAX, SCAN_BYTES_MAX, SCAN_MAX

    limits = cluster.spec.limits
    if limits.frame_bytes_max >= 2 * SCAN_BYTES_MAX + limits.value_bytes_max:
        return SCAN_MAX
    return max(limits.frame_bytes_max // (2 * (limits.value_bytes_max + KEY_BYTES_MAX)), 1)


def watch(
    context: typer.Context,
    prefix: Annotated[str, typer.Argument(help="Keys that begin so; none: all.")] = "",
    since: Annotated[
        int, typer.Option(min=0, help="Changes after this index; 0: from now on.")
    ] = 0,
) -> None:
    """Follow changes as they are applied, until Ctrl-C.

    When its node goes, it continues at the next leader.
    """
    from node.client.blocking import Client
    from node.client.errors import UnreachableError
    from node.machines import kv
    from raftctl.datadocs import Change
    from raftctl.output import escaped

    settings: Settings = context.obj
    cluster = kv_cluster(settings)
    checked_text(prefix)
    with Client(cluster.address, timeout=settings.timeout or DATA_SECONDS) as client:
        is_first = True

        def moved(error: UnreachableError, node_id: int, seen: int) -> None:
            after = f"after index {seen}" if seen else "from now on"
            settings.output.note(f"{error.message}; going on at n{node_id} {after}")

        for batch in client.watch(kv.watch(prefix), since, moved):
            if is_first:
                settings.output.note(f"watching {prefix!r} after index {since or batch.index}")
                is_first = False
            for change in batch.changes:
                index, key, value = kv.decode_result(change)
                text, binary = _as_text(value)
                document = Change(index, key, text, binary, value is None)
                shown = "(deleted)" if value is None else _shown(document)
                line = f"{index}  {escaped(key)}  {escaped(shown)}"
                settings.output.show(document, partial(list, [line]))


def propose(
    context: typer.Context,
    command: Annotated[str, typer.Argument(metavar="BYTES", help="Text; - reads stdin.")],
    at: WriteAt = None,
) -> None:
    """Give a command to a state machine of your own."""
    from raftctl.cluster.directory import find_cluster
    from raftctl.datadocs import Propose

    settings: Settings = context.obj
    cluster = running(find_cluster(settings))
    body = value_bytes(cluster, command)
    with client_of(settings, cluster) as client:
        applied = client.propose(body, at=_one_node(cluster, at))
    text, binary = _as_text(applied.result)
    document = Propose(applied.index, applied.term, text, binary)
    settings.output.show(document, lambda: [text or binary or "ok"])


def _one_node(cluster: "Cluster", at: str | None) -> int | None:
    return None if at is None else node_at(cluster, at)


def _no_key(key: str) -> CliError:
    hint = "raftctl scan shows the keys"
    return CliError("E_NO_KEY", f"there is no key {key!r}", Exit.NOT_FOUND, hint=hint)


def _not_swapped(key: str, current: bytes | None) -> CliError:
    """`current` None: there is no such key."""
    text, binary = _as_text(current)
    now = "absent" if current is None else _shortened(repr(current if text is None else text))
    name = shlex.quote(key)
    hint = f"raftctl get {name}, and then cas with what it shows"
    if current is None:
        hint = f"raftctl cas {name} '' NEW --absent"
    return CliError(
        "E_CAS",
        f"{key!r} is {now}, nothing changed",
        Exit.PRECONDITION,
        hint=hint,
        details={"current": text, "current_base64": binary},
    )


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."


def _with_cause(cluster: "Cluster", where: int | None, error: Exception) -> Exception:
    """A read that a fault made impossible says which fault."""
    from node.client.errors import NoLeaderError
    from raftctl.cluster.faultsfile import read_faults
    from raftctl.errors import from_client_error

    if not isinstance(error, NoLeaderError) or where is None:
        return error
    failure = from_client_error(error)
    current = read_faults(cluster)
    touching = {rule.fault for rule in current.rules if where in (rule.src, rule.dst)}
    for fault in current.faults:
        if fault.id in touching:
            failure.cause = f"fault #{fault.id} {fault.kind} {fault.spec}"
            failure.hint = f"raftctl heal {fault.id}, or --read stale"
    return failure


def _as_text(value: bytes | None) -> tuple[str | None, str | None]:
    """The value as text, or else in base64."""
    if value is None:
        return None, None
    try:
        return value.decode("utf-8"), None
    except UnicodeDecodeError:
        return None, base64.b64encode(value).decode("ascii")


def _shown(document: "Get | Change") -> str:
    """The value in one cell."""
    return document.value if document.value is not None else document.value_base64 or ""


def _document(key: str, value: bytes, index: int, read: str, client: "Client") -> "Get":
    from raftctl.datadocs import Get

    text, binary = _as_text(value)
    return Get(key, text, binary, index, read, f"n{client.answered_by}")
