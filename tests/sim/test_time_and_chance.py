"""Virtual time, clocks that are off, and streams of chance that do not disturb each other."""

import random

import pytest

from node.sim.clock import PPM, Clock
from node.sim.kernel import Kernel
from node.sim.streams import Numbered, stream
from node.verify.observation import Violation


def test_what_is_due_happens_in_order_and_ties_in_the_order_of_asking() -> None:
    kernel, seen = Kernel(), list[tuple[int, str]]()

    def note(name: str) -> None:
        seen.append((kernel.now, name))

    kernel.at(20, "timer", note, "later")
    kernel.at(10, "timer", note, "one")
    kernel.at(10, "deliver", note, "two")
    kernel.after(15, "fault", note, "between")
    kernel.run(20)

    assert seen == [(10, "one"), (10, "two"), (15, "between")]
    assert (kernel.now, kernel.events, kernel.by_kind["timer"]) == (20, 3, 1)
    kernel.run(21)
    assert seen[-1] == (20, "later")


def test_what_is_asked_for_too_late_happens_now() -> None:
    kernel, seen = Kernel(), list[int]()
    kernel.run(100)
    kernel.at(5, "timer", lambda: seen.append(kernel.now))
    kernel.run(101)
    assert seen == [100]


def test_loop_in_one_moment_is_told_instead_of_run_for_ever() -> None:
    kernel = Kernel()

    def again() -> None:
        kernel.after(0, "timer", again)

    kernel.at(5, "timer", again)
    with pytest.raises(Violation, match="time_goes_on: 10000 things happen at 5 us"):
        kernel.run(10)


def test_digest_tells_runs_apart() -> None:
    def run(time: int, data: bytes) -> str:
        kernel = Kernel()
        kernel.at(time, "deliver", kernel.note, data)
        kernel.run(100)
        return kernel.digest

    assert run(5, b"a") == run(5, b"a")
    assert len({run(5, b"a"), run(6, b"a"), run(5, b"b")}) == 3


@pytest.mark.parametrize("rate_ppm", [PPM, PPM // 2, 2 * PPM, 950_001])
def test_clock_shows_no_earlier_time_than_it_was_asked_for(rate_ppm: int) -> None:
    kernel = Kernel()
    clock = Clock(kernel, 1_000_003, rate_ppm)
    kernel.run(777)
    wanted = clock.now() + 12_345
    at = clock.time_of(wanted)
    kernel.run(at - 1)
    assert clock.now() <= wanted
    kernel.run(at)
    assert clock.now() >= wanted


def test_clock_goes_on_from_where_it_was_when_its_rate_changes() -> None:
    kernel = Kernel()
    clock = Clock(kernel, 0, PPM)
    kernel.run(1000)
    clock.run_at(2 * PPM)
    assert clock.now() == 1000
    kernel.run(1500)
    assert clock.now() == 2000
    clock.jump(5000)
    assert clock.now() == 7000


def test_streams_of_other_names_have_nothing_in_common() -> None:
    draws = {name: stream(1, *name).random() for name in [("a",), ("b",), ("a", 1), ("a", 2)]}
    assert len(set(draws.values())) == 4
    assert stream(1, "a").random() == draws["a",]
    assert stream(2, "a").random() != draws["a",]


def test_numbered_draws_do_not_depend_on_those_before() -> None:
    numbers = Numbered(1, "link", 1, 2)
    numbers.begin(17)
    first = [numbers.random() for _ in range(3)]
    numbers.begin(3)
    numbers.random()
    numbers.begin(17)
    assert [numbers.random() for _ in range(3)] == first


def test_numbered_draws_are_even_and_are_those_of_a_random_source() -> None:
    numbers = Numbered(7, "x")
    draws = []
    for number in range(4000):
        numbers.begin(number)
        draws.append(numbers.uniform(0, 10))
    assert isinstance(numbers, random.Random)
    assert 4.8 < sum(draws) / len(draws) < 5.2
    assert all(350 < sum(tenth <= draw < tenth + 1 for draw in draws) < 450 for tenth in range(10))
    numbers.begin(1)
    assert 0 <= numbers.getrandbits(130) < 1 << 130
