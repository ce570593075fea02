"""Where two nodes' logs part, and whether they may.

Two logs that have the same term at an index are the same up to there, and what is committed is in
every later leader's log (paper 5.3, 5.4). So logs may differ at their ends, in what is not
committed, and nowhere else.
"""

from dataclasses import dataclass

from raftctl.cluster.nodelogs import NodeLog


def common(left: NodeLog, right: NodeLog) -> range:
    """The indices of which both have the entry."""
    first = max(left.first_index, right.first_index)
    return range(first, min(left.last_index, right.last_index) + 1)


def parting(left: NodeLog, right: NodeLog) -> int | None:
    """The first index at which they differ, or that only one of them has; None when they end
    together. What a snapshot stands for is not looked at.
    """
    base = max(left.base.index, right.base.index)
    if _contradict(left, right, base):
        return base
    for index in common(left, right):
        if left.entry_at(index) != right.entry_at(index):
            return index
    if left.last_index == right.last_index:
        return None
    return min(left.last_index, right.last_index) + 1


def _contradict(left: NodeLog, right: NodeLog, index: int) -> bool:
    """Whether both know of which term the entry at `index` is, and do not agree."""
    terms = (left.term_at(index), right.term_at(index))
    return None not in terms and terms[0] != terms[1]


def illegal_at(left: NodeLog, right: NodeLog) -> int | None:
    """The first entry that both say is committed, or of which both say that it is of one term, and
    that is not the same.
    """
    index = parting(left, right)
    if index is None or index > min(left.last_index, right.last_index):
        return None
    is_committed = index <= min(left.commit_index, right.commit_index)
    is_one_term = left.term_at(index) == right.term_at(index)
    return index if is_committed or is_one_term else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`parts_at` as `parting` gives it; `verdict` is one of `logdocs.Verdict`."""

    parts_at: int | None
    verdict: str
    text: str


def compare(left: NodeLog, right: NodeLog) -> Comparison:
    """What there is to say about two logs."""
    lower, higher = sorted((left, right), key=lambda log: log.last_index)
    for one, other in ((left, right), (right, left)):
        if one.last_index < other.base.index:
            text = (
                f"nothing to compare: {one.name} ends at {one.last_index:,}, and {other.name} has "
                f"a snapshot for all up to {other.base.index:,}"
            )
            return Comparison(None, "apart", text)
    index = parting(left, right)
    if index is None:
        return Comparison(None, "same", f"the same: both end at {left.last_index:,}")
    if index > lower.last_index:
        text = f"no contradiction: {lower.name} lacks the last {_entries(higher, index)}"
        return Comparison(index, "behind", text)
    return _differing(left, right, index)


def _differing(left: NodeLog, right: NodeLog, index: int) -> Comparison:
    if illegal_at(left, right) is not None:
        if left.term_at(index) == right.term_at(index):
            text = f"ILLEGAL: entry {index:,} of term {left.term_at(index)} is not the same in both"
        else:
            text = f"ILLEGAL: both say that entry {index:,} is committed"
        return Comparison(index, "illegal", text)
    for log, other in ((right, left), (left, right)):
        if other.commit_index >= index:
            text = f"legal: {log.name}'s {_entries(log, index)} never committed; "
            return Comparison(index, "legal", text + f"{_they(log, index)} will be truncated")
    text = (
        f"legal: neither knows entry {index:,} to be committed; whoever leads next decides which "
        "stays"
    )
    return Comparison(index, "undecided", text)


def counted(count: int) -> str:
    """1 entry, 2 entries."""
    return "1 entry" if count == 1 else f"{count:,} entries"


def _entries(log: NodeLog, first: int) -> str:
    return counted(log.last_index - first + 1)


def _they(log: NodeLog, first: int) -> str:
    return "it" if log.last_index == first else "they"
