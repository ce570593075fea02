"""What an invariant is called: in its file, in what it reports, and in scenarios."""

import inspect
import re

import pytest

from node.verify.invariants import ALL, BY_NAME, asked_for
from node.verify.invariants.index_order import IndexOrder
from node.verify.invariants.log_matching import LogMatching


@pytest.mark.parametrize("name", BY_NAME)
def test_file_and_reports_have_the_name_of_the_rule(name: str) -> None:
    module = inspect.getmodule(BY_NAME[name])
    assert module is not None
    assert module.__name__ == f"node.verify.invariants.{name}"
    reported = re.findall(r'Violation\(\s*"([a-z_]+)"', inspect.getsource(module))
    assert set(reported) == {name}


def test_some_all_or_none_are_asked_for() -> None:
    assert asked_for("all") == ALL
    assert asked_for("none") == ()
    assert set(asked_for(("log_matching", "index_order"))) == {IndexOrder, LogMatching}
    with pytest.raises(LookupError, match="no invariant log_machting"):
        asked_for(("index_order", "log_machting"))
