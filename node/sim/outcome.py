"""What came of a step of a plan: one that changed nothing proves nothing."""

from dataclasses import dataclass


@dataclass(slots=True)
class Outcome:
    """Of the step with this line, as far as it is known."""

    line: str
    has_changed: bool = False
    refusal: str = ""
    """Why it was not carried out, or only in part."""
    idle: str = ""
    """Why nothing changed when it was carried out."""
    refused: str = ""
    """Which nodes would not start on data that a step damaged, as is right, and what they said."""
    resolved: str = ""
    """The line with names of nodes in the place of selectors; empty: it meant nobody."""
    nodes: tuple[int, ...] = ()
    """Whom it was about."""
    began_us: int = 0
    ended_us: int | None = None
    """When its fault was over."""

    def changed(self) -> None:
        """Something is otherwise than without the step."""
        self.has_changed = True

    def refused_by(self, node_id: int, why: str) -> None:
        """That it did not start is what the step shows."""
        self.changed()
        self.refused += (
            f"{'; ' if self.refused else ''}n{node_id} refused to start: {why.partition(';')[0]}"
        )

    @property
    def reason(self) -> str:
        """What is known of why it came to nothing; empty where it may have an effect yet."""
        return self.refusal or ("" if self.has_changed else self.idle)

    @property
    def is_vain(self) -> bool:
        """Whether the step came to nothing, now that all is over."""
        return bool(self.reason) or not self.has_changed

    @property
    def why_not(self) -> str | None:
        """Why the step came to nothing, in a sentence with its line; None: it did not."""
        if not self.is_vain:
            return None
        return f"{self.line}: {self.reason}" if self.reason else f"{self.line} never took effect"
