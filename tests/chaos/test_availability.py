"""For how long nothing succeeded."""

from raftctl.chaos.availability import Gap, gaps, longest, share


def test_gaps_lie_between_successes_and_at_both_ends() -> None:
    assert list(gaps([30, 10], 0, 100)) == [Gap(0, 10), Gap(10, 30), Gap(30, 100)]
    assert list(gaps([], 0, 100)) == [Gap(0, 100)]
    assert list(gaps([150], 0, 100)) == [Gap(0, 100)]


def test_longest_is_that_which_the_window_has_a_part_in_however_small() -> None:
    found = [Gap(0, 50), Gap(50, 60), Gap(60, 100)]
    assert longest(found, 51, 59) == Gap(50, 60)
    assert longest(found, 49, 59) == Gap(0, 50)
    assert longest(found, 60, 61) == Gap(60, 100)
    assert longest(found, 100, 120) is None


def test_share_counts_what_is_longer_than_usual() -> None:
    found = list(gaps(list(range(0, 60, 5)) + list(range(80, 101, 5)), 0, 100))
    assert share(found, 5, 0, 100) == 1 - 25 / 100
    assert share(found, 30, 0, 100) == 1.0
