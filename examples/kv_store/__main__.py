"""`python3 -m examples.kv_store`: three members in this terminal, or one of them with `--id`."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from types import FrameType

from examples.kv_store.cluster import run_all
from examples.kv_store.http_api import ClientPort
from examples.kv_store.journal import Journal, JournalError
from examples.kv_store.listening import HOST
from examples.kv_store.member import Member, MemberStoppedError, View
from examples.kv_store.peers import Peers

CLIENT_PORTS = (8200, 8201, 8202)
PEER_PORTS = (8300, 8301, 8302)


def _ports(text: str) -> tuple[int, ...]:
    ports = tuple(int(port) if port.isdecimal() else 0 for port in text.split(","))
    if not all(0 < port < 65_536 for port in ports):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of ports, such as 8200,8201,8202")
    return ports


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds up to 3600")
    return seconds


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 -m examples.kv_store",
        description="A replicated key-value store over HTTP, on this machine.",
    )
    add = parser.add_argument
    add("--id", type=int, help="run this member alone; without it, all of them")
    add("--dir", type=Path, default=Path("kv-data"), help="where the data is (%(default)s)")
    add("--clients", type=_ports, default=CLIENT_PORTS, help="a port for clients, of each member")
    add("--peers", type=_ports, default=PEER_PORTS, help="a port for messages, of each member")
    add("--answer-within", type=_seconds, default=5.0, help="seconds (%(default)g)")
    options = parser.parse_args(arguments)
    members = len(options.clients)
    if len(options.peers) != members or len({*options.clients, *options.peers}) < 2 * members:
        parser.error("--clients and --peers name a port each for every member, all different")
    if options.id is not None and options.id not in range(members):
        parser.error(f"--id is 0 to {members - 1}")
    return options


def say(text: str) -> None:
    """In one write: the members share a terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run_one(options: argparse.Namespace) -> int:
    """One member, until it is told to stop. Gives the exit code."""
    own_id, name = options.id, f"member {options.id}"
    try:
        journal = Journal(options.dir / str(own_id), own_id, len(options.peers))
        peers = Peers(own_id, options.peers, lambda text: say(f"{name} {text}"))
        member = Member(own_id, len(options.peers), journal, peers.send, options.answer_within)
        clients = ClientPort(member, options.clients)
    except (JournalError, ValueError, OSError) as error:
        print(f"{name} cannot start: {error}", file=sys.stderr)
        return 1
    if journal.dropped_bytes:
        say(f"{name} dropped {journal.dropped_bytes} bytes of a write that a crash cut off")
    url = f"http://{HOST}:{options.clients[own_id]}"
    say(f"{name} serves {url}, pid {os.getpid()}, {len(journal.log)} entries in {journal.path}")
    view = View(None, journal.term)
    peers.start(member.deliver)
    for run in (member.tick_forever, clients.serve_forever):
        Thread(target=run, daemon=True).start()
    while True:
        try:
            view = member.next_view(view)
        except MemberStoppedError as error:
            print(f"{name} has stopped: {error}", file=sys.stderr)
            return 1
        say(f"{name} {_describe(view, own_id)}")


def _describe(view: View, own_id: int) -> str:
    if view.leader is None:
        return f"looks for a leader in term {view.term}"
    if view.leader == own_id:
        return f"leads term {view.term}"
    return f"follows member {view.leader} in term {view.term}"


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    options = parse(None)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if options.id is not None:
            return run_one(options)
        say(f"{len(options.peers)} members, data in {options.dir}; Ctrl-C stops them")
        return run_all(len(options.peers), sys.argv[1:], say)
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
