"""A node's own clock: fast, slow, ahead, and never back."""

from hypothesis import given
from hypothesis import strategies as st

from node.server.clock import Clock, now_us


class Machine:
    """A clock that shows what it is told."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


def test_clock_without_faults_is_that_of_the_machine() -> None:
    before = now_us()
    assert before <= Clock().now() <= now_us()


def test_rate_counts_from_the_moment_in_which_it_changes() -> None:
    machine = Machine()
    clock = Clock(machine)
    clock.run_at(1.5)
    machine.now += 1_000
    assert clock.now() == 1_001_500
    clock.run_at(1.0)
    machine.now += 1_000
    assert clock.now() == 1_002_500


def test_jump_is_ahead_at_once_and_stays() -> None:
    machine = Machine()
    clock = Clock(machine)
    clock.jump(300_000)
    assert clock.now() == 1_300_000
    machine.now += 5
    assert clock.now() == 1_300_005


def test_waiting_takes_the_machine_less_on_a_fast_clock() -> None:
    machine = Machine()
    clock = Clock(machine)
    clock.run_at(2.0)
    assert clock.seconds_until(clock.now() + 1_000_000) == 0.5
    before = clock.now()
    machine.now += 700
    assert clock.elapsed_us(before) == 700


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**9), st.sampled_from([None, 0.01, 0.3, 1.0, 100.0]), st.booleans()
        )
    )
)
def test_clock_never_goes_back(changes: list[tuple[int, float | None, bool]]) -> None:
    machine = Machine()
    clock = Clock(machine)
    shown = clock.now()
    for elapsed_us, rate, jumps in changes:
        machine.now += elapsed_us
        if rate is not None:
            clock.run_at(rate)
        if jumps:
            clock.jump(7)
        assert clock.now() >= shown
        shown = clock.now()
