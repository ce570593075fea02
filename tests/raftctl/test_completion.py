"""What <TAB> offers, asked the way a shell asks."""

import subprocess

import pytest

from tests.measure.commands import RAFTCTL, Raftctl

pytestmark = pytest.mark.e2e

BASH = """
eval "$(raftctl --show-completion)"
COMP_WORDS=({words}) COMP_CWORD={position}
_raftctl_completion raftctl
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def cluster(raftctl: Raftctl) -> Raftctl:
    raftctl.run("up", "shop", "-n", "3", "--wait", "none")
    return raftctl


def offered(raftctl: Raftctl, *words: str) -> list[str]:
    """What bash offers for the last of `words`."""
    quoted = " ".join(f"'{word}'" for word in ("raftctl", *words))
    script = BASH.format(words=quoted, position=len(words))
    env = {**raftctl.env, "PATH": f"{RAFTCTL.parent}:{raftctl.env['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=env, capture_output=True, text=True, timeout=30
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["st"], ["status", "start", "stop"]),
        (["log", ""], ["show", "diff", "verify"]),
        (["help", "st"], ["status", "start", "stop"]),
        (["kill", "n"], ["n1", "n2", "n3"]),
        (["kill", "fol"], ["follower", "followers"]),
        (["-c", ""], ["shop"]),
        (["down", ""], ["shop"]),
        (["status", "-c", "sh"], ["shop"]),
        (["status", "-o", "js"], ["json", "jsonl"]),
        (["status", "--out"], ["--output"]),
        (["get", "k", "--at", "le"], ["leader"]),
        (["wait", "con"], ["converged"]),
        (["schema", "up"], ["up", "up-plan"]),
        (["heal", "-c", "shop", ""], ["all"]),
        (["kill", "-c", "other", "le"], ["leader"]),
    ],
)
def test_tab_offers_verbs_options_nodes_and_clusters(
    cluster: Raftctl, words: list[str], expected: list[str]
) -> None:
    assert offered(cluster, *words) == expected
