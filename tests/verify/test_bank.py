"""Accounts that there are not, and accounts that were overdrawn from the beginning."""

from typing import Any

import pytest

from node.verify.history import HistoryError
from tests.verify.test_linearizability import checked, history

R, T = "read", "transfer"
ACCOUNTS = {"a": 3, "b": 2}


def moved(source: str, target: str, amount: Any) -> dict[str, Any]:
    return {"from": source, "to": target, "amount": amount}


@pytest.mark.parametrize("amount", [0, 1])
@pytest.mark.parametrize(("source", "target"), [("z", "a"), ("a", "z"), ("z", "z")])
def test_a_transfer_of_an_account_that_is_not_there_has_to_be_refused(
    source: str, target: str, amount: int
) -> None:
    refused = history("bank", (0, 1, T, moved(source, target, amount), False), initial=ACCOUNTS)
    assert checked(refused).verdict == "ok"
    done = history("bank", (0, 1, T, moved(source, target, amount), True), initial=ACCOUNTS)
    assert checked(done).verdict == "failed"
    unknown = history(
        "bank", (0, None, T, moved(source, target, amount)), (2, 3, R, None, ACCOUNTS),
        initial=ACCOUNTS,
    )  # fmt: skip
    assert checked(unknown).verdict == "ok"


def test_nothing_or_to_oneself_can_be_moved_where_there_is_an_account() -> None:
    spans = [
        (0, 1, T, moved("a", "b", 0), True),
        (2, 3, T, moved("a", "a", 3), True),
        (4, 5, T, moved("a", "a", 4), False),
        (6, 7, R, None, ACCOUNTS),
    ]
    assert checked(history("bank", *spans, initial=ACCOUNTS)).verdict == "ok"


def test_what_was_overdrawn_at_the_beginning_may_stay_so_and_nothing_else() -> None:
    initial = {"a": -3, "b": 2}
    right = [
        (0, 1, R, None, initial),
        (2, 3, T, moved("a", "b", 1), False),
        (4, 5, T, moved("b", "a", 1), True),
        (6, 7, R, None, {"a": -2, "b": 1}),
    ]
    assert checked(history("bank", *right, initial=initial)).verdict == "ok"
    lower = checked(history("bank", (0, 1, R, None, {"a": -4, "b": 3}), initial=initial))
    assert (lower.verdict, lower.text) == ("failed", "op 1 read -4 in a")
    below = checked(history("bank", (0, 1, R, None, {"a": 0, "b": -1}), initial=initial))
    assert (below.verdict, below.text) == ("failed", "op 1 read -1 in b")


@pytest.mark.parametrize("amount", [-1, 1.5, True, "1", None])
def test_an_amount_is_a_number_of_coins(amount: Any) -> None:
    with pytest.raises(HistoryError, match="the amount is"):
        history("bank", (0, 1, T, moved("a", "b", amount), True), initial=ACCOUNTS)
