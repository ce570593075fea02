"""What came out of checking a history."""

from dataclasses import dataclass

from node.verify.linearizability.explaining import Explanation
from node.verify.linearizability.keys import KeyVerdict, Verdict


@dataclass
class Checked:
    """`keys` in the order in which the history names them; `failed` is the first that failed,
    `text` what there is to say in one line.
    """

    verdict: Verdict
    model: str
    operations: int
    unknown: int
    """Whose outcome nobody was told."""
    keys: list[KeyVerdict]
    failed: KeyVerdict | None
    text: str
    wall_s: float

    @property
    def explanation(self) -> Explanation | None:
        return None if self.failed is None else self.failed.explanation
