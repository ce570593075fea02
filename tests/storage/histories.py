"""What a node saves in its life, made from a seed: the same in each process."""

import random
from collections.abc import Iterator
from operator import itemgetter

from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import HardState, Ready
from tests.storage.batches import LARGER, batch, snapshot

_WEIGHTS = {"append": 12, "vote": 2, "commit": 1, "replace": 2, "compact": 2, "install": 1}


def history(seed: int, saves: int, large: int = 3000) -> Iterator[Ready]:
    """Batches of a log that grows, is cut off, is compacted and is replaced. `large`: the bytes of
    every tenth entry or so.
    """
    rng = random.Random(seed)
    base, term, commit, terms = 0, 1, 0, [0]  # the terms by index
    yield batch(HardState(1, None))
    for kind in rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=saves - 1):
        made = Ready(1)
        if kind == "vote":
            term += 1
            made.hard_state = HardState(term, rng.choice([None, 1, 2**62]))
        elif kind == "compact" and commit > base:
            index = rng.randint(base + 1, commit)
            base = rng.randint(base, index)
            made.snapshot = snapshot(index, terms[index])
            made.base = EntryId(terms[base], base) if base else None
        elif kind == "install":
            base = commit = commit + rng.randint(1, 40)
            terms = [*terms[:base], *[term] * (base + 1 - len(terms[:base]))]
            made.snapshot, made.base = snapshot(base, terms[-1], LARGER), EntryId(terms[-1], base)
            made.truncate_from = base + 1
        elif kind == "replace" and len(terms) - 1 > commit:
            made.truncate_from = rng.randint(commit + 1, len(terms) - 1)
            del terms[made.truncate_from :]
        if kind in ("append", "replace", "install") or (kind == "compact" and rng.random() < 0.5):
            values = [None, b"", b"small", LARGER, bytes([rng.randrange(256)]) * large]
            weights = [1, 1, 6, 1, 1]
            some = [
                (rng.randint(terms[-1], term), rng.choices(values, weights)[0])
                for _ in range(rng.randint(1, 12))
            ]
            made.first_index = len(terms)
            made.entries = [LogEntry(*each) for each in sorted(some, key=itemgetter(0))]
            terms += [each.term for each in made.entries]
        made.commit_index = commit = rng.randint(commit, len(terms) - 1)
        yield made
