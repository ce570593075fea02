"""How a node's attempts to lead went, since its core was made: numbers for people alone."""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Rounds of pre-votes that it began and that let it go on, elections that it began and won."""

    prevotes_tried: int = 0
    prevotes_won: int = 0
    elections_tried: int = 0
    elections_won: int = 0
