#!/usr/bin/env bash
# A Raft cluster in a minute: start three nodes, write, kill the leader, read back.
# The cluster lives in .demo/ in this folder, away from your own clusters, and is taken down at the
# end. With KEEP=1 it stays up. It needs .venv: `make demo` makes it first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export RAFTCTL_HOME="$PWD/.demo" RAFTCTL_CLUSTER=demo
raftctl=.venv/bin/raftctl
finished=no

say() { printf '\n# %s\n' "$*"; }
# The command as it can be typed, and then what it says.
run() {
    local word
    printf '$ raftctl'
    for word in "$@"; do
        case $word in
        *\'*) printf ' %q' "$word" ;;
        '' | *[!A-Za-z0-9_./:=%,-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
    "$raftctl" "$@"
}
now_ms() { .venv/bin/python -c 'import time; print(time.monotonic_ns() // 1_000_000)'; }

down() { "$raftctl" down demo --purge --yes; }
on_exit() {
    local status=$?
    [ "$finished" = yes ] && return
    echo "demo: stopped early (exit $status); taking the cluster down" >&2
    down >&2 || true
}

if [ ! -x "$raftctl" ]; then
    echo "demo: $raftctl is missing; run: make demo" >&2
    exit 3
fi
# A cluster that an earlier run with KEEP=1 left behind.
[ ! -d "$RAFTCTL_HOME/clusters/demo" ] || down >/dev/null 2>&1
trap on_exit EXIT

say "Three nodes, each its own process with its own database"
run up demo -n 3

say "A write is acknowledged once two of the three have it on disk"
run put greeting hello
run get greeting
run status

say "Kill the leader with SIGKILL, and write again as soon as a new one accepts"
before=$(now_ms)
run kill leader
run put greeting "hello again" --timeout 10s
after=$(now_ms)
echo "from the kill to the next accepted write: $((after - before)) ms, two command starts included"

say "Nothing acknowledged is lost, and the dead node keeps its row"
run get greeting
run status

finished=yes
if [ "${KEEP:-}" = 1 ]; then
    say "The cluster keeps running. Next:"
    cat <<NEXT
  export RAFTCTL_HOME="$RAFTCTL_HOME" PATH="$PWD/.venv/bin:\$PATH"
  raftctl start all            bring the killed node back
  raftctl partition leader --for 10s
  raftctl status -o wide
  raftctl down demo --purge
NEXT
else
    say "Take it down"
    run down demo --purge --yes
    say "Next, with a cluster of your own:"
    cat <<NEXT
  export PATH="$PWD/.venv/bin:\$PATH"
  raftctl up -n 5
  raftctl put k v
  raftctl partition leader --for 10s
  raftctl status -o wide
  raftctl --help
NEXT
fi
