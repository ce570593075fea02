"""A scenario as TOML, which reads back as the same scenario."""

import tomllib

import pytest
from hypothesis import HealthCheck, given, settings

from node.scenario.errors import ScenarioError
from node.scenario.parsing import parse
from node.scenario.scenario import Option, Scenario
from node.scenario.writing import write
from tests.scenario.examples import EXAMPLE
from tests.scenario.strategies import scenarios


@given(scenarios())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_written_is_read_back(scenario: Scenario) -> None:
    assert parse(write(scenario)) == scenario


def test_the_example_is_written_as_it_stands_but_for_its_comments() -> None:
    bare = [line.partition(" #")[0].rstrip() for line in EXAMPLE.splitlines()]
    first, *written, mark, count = [line for line in write(parse(EXAMPLE)).splitlines() if line]
    assert (first, mark, count) == ("format = 1", "[end]", "steps = 3")
    assert sorted(written) == sorted(bare)
    assert tomllib.loads("\n".join(written)) == tomllib.loads(EXAMPLE)


def test_texts_with_every_kind_of_character_survive() -> None:
    for about in ('say "hi"', "a\\b", "tab\t, line\n, bell\x07, delete\x7f", "é 🙂 \u2028", "'''"):
        assert parse(write(Scenario("x", about=about))).about == about


def test_keys_that_are_not_bare_are_quoted() -> None:
    options: dict[str, Option] = {"a-b_1": 1, "a b": 2.0, "é": True, "": "text", "a.b": 1e300}
    assert parse(write(Scenario("x", sim=options))).sim == options


def test_what_was_written_is_read_whole_or_not_at_all() -> None:
    """Each of these is another scenario, and most would be a fine one."""
    text = write(parse(EXAMPLE))
    lines = text.splitlines(keepends=True)
    for size in range(1, len(lines)):
        with pytest.raises(ScenarioError):
            parse("".join(lines[:size]))
    assert parse(text.rstrip()) == parse(text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format = 1", "format = 2", "format is 2, another version's: this one reads 1"),
        ("format = 1", "format = true", "format has to be a whole number"),
        ("steps = 3", "steps = 4", "end.steps is 4, and the file has 3"),
        ("steps = 3", "", "end.steps is -1, and the file has 3"),
        ("[end]\nsteps = 3\n", "", "the end of the file is missing"),
    ],
)
def test_frame_of_what_was_written_has_to_fit(old: str, new: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        parse(write(parse(EXAMPLE)).replace(old, new))


def test_step_that_is_gone_is_missed_and_who_writes_by_hand_counts_none() -> None:
    text = write(parse(EXAMPLE))
    last = text[text.rindex("[[step]]") : text.index("[random]")]
    changed = text.replace(last, "").replace("[expect.crash]", "[expect.cut]")
    changed = changed[: changed.rindex("[expect.cut]")] + changed[changed.index("[end]") :]
    with pytest.raises(ScenarioError, match="the file has 2"):
        parse(changed)
    by_hand = changed.replace("format = 1\n", "").partition("[end]")[0]
    assert len(parse(by_hand).steps) == 2
