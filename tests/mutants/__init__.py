"""Bugs that are planted to prove that the simulator finds them, one at a time.

    python -m tests.mutants                                           lists them
    python -m tests.mutants vote_not_synced sim run --seeds 1..200    raftctl with one of them
    python -m tests.mutants.gate                                      hunts each: `make mutants`

Each changes a line or two of the product, as others had it wrong. That happens in the memory of one
process alone, and says so loudly when the line is not there any more.
"""
