"""The tables of a run: ratios, and what is aimed at, marked as it is."""

from tests.benchmark import targets
from tests.benchmark.tables import compared, markdown

PUTS = targets.throughput("put", 256)


def row(metrics: targets.Metrics, name: str) -> list[str]:
    _, rows = compared(metrics)
    (found,) = (row for row in rows if row[0] == name)
    return found


def test_ratio_is_own_to_other_and_targets_are_marked_by_it() -> None:
    found = row({PUTS: {"raftctl": 4000.0, "etcd": 1000.0, "PySyncObj": 1000.0}}, PUTS)
    assert found == [PUTS, "4,000", "1,000", "4.00x", "✓ ≥ 4x", "1,000", "4.00x", "✗ ≥ 5x"]


def test_less_is_better_where_a_target_says_so() -> None:
    found = row({targets.KILL: {"raftctl": 51.0, "etcd": 1500.0}}, targets.KILL)
    assert found[1:5] == ["51 ✗ ≤ 50", "1,500", "0.03x", "✗ ≤ 1/30x"]
    found = row({targets.KILL: {"raftctl": 50.0, "etcd": 1500.0}}, targets.KILL)
    assert found[1:5] == ["50 ✓ ≤ 50", "1,500", "0.03x", "✓ ≤ 1/30x"]


def test_system_that_was_left_out_leaves_its_columns_empty() -> None:
    assert row({PUTS: {"raftctl": 4000.0}}, PUTS)[2:] == [""] * 6


def test_every_target_is_of_a_metric_once() -> None:
    names = [(target.metric, target.against) for target in targets.TARGETS]
    assert len(names) == len(set(names))


def test_markdown_has_a_row_of_lines_below_its_head() -> None:
    assert markdown(["", "a"], [["x", "1"]]) == ["|  | a |", "| --- | ---: |", "| x | 1 |"]
