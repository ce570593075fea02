"""What is wrong with a scenario, with a line of it, or with whom it means."""


class ScenarioError(Exception):
    """Something that cannot be meant, or cannot happen.

    `message` names the key or the step, `hint` says what to write instead. `key` is the dotted path
    of what is wrong (`step.2.do`, counted from 0), `where` the file and line, once it is known.
    """

    def __init__(self, message: str, hint: str = "", key: str = "", where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.message = message
        self.hint = hint
        self.key = key
        self.where = where

    def under(self, key: str, what: str) -> "ScenarioError":
        """The same fault, found in the value of `key`, which people know as `what`."""
        return ScenarioError(f"{what}: {self.message}", self.hint, key)

    def found_at(self, where: str) -> "ScenarioError":
        """The same, with its place."""
        return ScenarioError(self.message, self.hint, self.key, where)


class SelectorError(ScenarioError):
    """Words that select nothing, whatever the cluster does."""


class NoSuchNodeError(SelectorError):
    """Nobody is meant: a node that is unknown, or one of a kind that there is none of now."""


class LeaderlessError(SelectorError):
    """The leader was asked for, where there is none now."""
