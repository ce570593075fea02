"""Accounts with money that only moves between them. The header's `initial` says what they hold at
first: {"a": 10, "b": 10}. All of it is one object.

| f | value | its ok |
|---|---|---|
| transfer | {"from": "a", "to": "b", "amount": 3} | result: false when `from` had too little |
| read | | value: what each account holds |
"""

from bisect import bisect_left
from collections.abc import Sequence
from sys import getsizeof
from typing import Any

from node.verify.models.base import (
    ILLEGAL,
    UNKNOWN,
    Model,
    ShapeError,
    State,
    shown,
    verdict,
    whole,
)

ACCOUNT_BYTES = 100


class Bank(Model):
    """Its state is (account, balance) for each, in the order of their names."""

    name = "bank"
    noun = "accounts"
    names = ("transfer", "read")

    def init(self, given: Any) -> State:  # noqa: ANN401
        if given is None:
            raise ShapeError('a bank needs a header with "initial": what each account holds')
        return _accounts(given)

    def shape(self, f: str, value: Any, result: Any, process: int) -> tuple[Any, Any]:  # noqa: ANN401
        if f == "read":
            return None, result if result is UNKNOWN else _accounts(result)
        if type(value) is not dict or not {"from", "to", "amount"} <= value.keys():
            raise ShapeError(f"the value is {shown(value)}, not from, to and amount")
        amount = value["amount"]
        if whole(amount, "the amount") < 0:
            raise ShapeError(f"the amount is {shown(amount)}, not a number of coins")
        return (str(value["from"]), str(value["to"]), amount), verdict(result)

    def step(self, state: State, f: str, value: Any, result: Any) -> State:  # noqa: ANN401
        if f == "read":
            return state if result is UNKNOWN or result == state else ILLEGAL
        source, target, amount = value
        after = _moved(state, source, target, amount)
        if result is not UNKNOWN and (after is not None) is not result:
            return ILLEGAL
        return state if after is None else after

    def bytes_of(self, state: State) -> int:
        return getsizeof(state) + 2 * ACCOUNT_BYTES

    def readonly(self, f: str, result: Any) -> bool:  # noqa: ANN401
        return f == "read" or result is False

    def totals(self, state: State) -> Sequence[int]:
        return [balance for _, balance in state]

    def adds(self, state: State, f: str, value: Any, result: Any) -> tuple[tuple[int, int], ...]:  # noqa: ANN401
        if self.readonly(f, result):
            return ()
        source, target, amount = value
        places = {name: place for place, (name, _) in enumerate(state)}
        if source == target or not {source, target} <= places.keys():
            return ()
        return (places[source], -amount), (places[target], amount)

    def tell(self, f: str, value: Any, result: Any) -> str:  # noqa: ANN401
        if f == "read":
            return f"read {self.show(result)}"
        source, target, amount = value
        outcome = {True: "", False: ", refused"}.get(result, ", outcome unknown")
        return f"transfer {amount} from {shown(source)} to {shown(target)}{outcome}"

    def show(self, state: State) -> str:
        return ", ".join(f"{name} {balance}" for name, balance in state)


def _moved(state: State, source: str, target: str, amount: int) -> State | None:
    """None when there is no such account, or too little in it."""
    giver, taker = (bisect_left(state, (name,)) for name in (source, target))
    for place, name in ((giver, source), (taker, target)):
        if place == len(state) or state[place][0] != name:
            return None
    if state[giver][1] < amount:
        return None
    accounts = list(state)
    accounts[giver] = source, state[giver][1] - amount
    accounts[taker] = target, accounts[taker][1] + amount
    return tuple(accounts)


def _accounts(value: Any) -> tuple[tuple[str, int], ...]:  # noqa: ANN401
    if type(value) is not dict:
        raise ShapeError(f"the value is {shown(value)}, not what each account holds")
    return tuple(
        sorted((str(name), whole(balance, shown(str(name)))) for name, balance in value.items())
    )
