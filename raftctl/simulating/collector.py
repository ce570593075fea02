"""Python's collector of cycles, in a process that only simulates."""

import gc

YOUNG_MAX = 50_000
"""Objects that are made before it looks at them, where Python's own number is 700."""


def ease_collector() -> None:
    """Have it look less often, and never again at what is there already.

    What a run makes goes without it: almost nothing in a simulation refers back to itself, but all
    that is alive is looked at again and again, which is a tenth of a run's time. What does is
    the world itself: collect once a run.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, 20, 20)
