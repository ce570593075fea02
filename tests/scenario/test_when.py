"""The moments that a step may wait for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.scenario.errors import ScenarioError
from node.scenario.when import After, At, LeaderChange, Mark, When, mark_of, parse_when

marks = st.builds(Mark, st.sampled_from(["cut", "a-1", "leader-changes"]), st.booleans())
delays_us = st.integers(0, 10**9)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("5s", At(5_000_000)),
        ("0s", At(0)),
        ("1.5", At(1_500_000)),
        ("cut", After(Mark("cut"))),
        ("cut + 2s", After(Mark("cut"), 2_000_000)),
        ("cut+2s", After(Mark("cut"), 2_000_000)),
        ("cut.healed", After(Mark("cut", True))),
        ("cut.healed + 250ms", After(Mark("cut", True), 250_000)),
        ("leader-change", LeaderChange()),
        ("leader-change + 1s", LeaderChange(None, 1_000_000)),
        ("leader-change after cut", LeaderChange(Mark("cut"))),
        ("leader-change  after  cut.healed + 1s", LeaderChange(Mark("cut", True), 1_000_000)),
    ],
)
def test_moments_as_people_write_them(text: str, when: When) -> None:
    assert parse_when(text) == when


@given(
    st.builds(At, delays_us)
    | st.builds(After, marks, delays_us)
    | st.builds(LeaderChange, st.none() | marks, delays_us)
)
def test_moments_there_and_back(when: When) -> None:
    assert parse_when(str(when)) == when


@pytest.mark.parametrize(
    "text",
    ["", "+ 5s", "cut +", "cut + soon", "5s + 2s", "cut - 2s", "cut.ended", "leader", "all", "n1",
     "leader-change before cut", "leader-change after", "leader-change after 5s", "a b", "-5s"],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_when(text)
    assert caught.value.hint


def test_what_a_moment_waits_for() -> None:
    waits = [mark_of(parse_when(text)) for text in ("5s", "cut + 2s", "leader-change after cut")]
    assert waits == [None, Mark("cut"), Mark("cut")]
