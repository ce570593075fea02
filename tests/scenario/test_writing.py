"""A scenario as TOML, which reads back as the same scenario."""

import tomllib

from hypothesis import HealthCheck, given, settings

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
    written = [line for line in write(parse(EXAMPLE)).splitlines() if line]
    assert sorted(written) == sorted(bare)
    assert tomllib.loads("\n".join(written)) == tomllib.loads(EXAMPLE)


def test_texts_with_every_kind_of_character_survive() -> None:
    for about in ('say "hi"', "a\\b", "tab\t, line\n, bell\x07, delete\x7f", "é 🙂 \u2028", "'''"):
        assert parse(write(Scenario("x", about=about))).about == about


def test_keys_that_are_not_bare_are_quoted() -> None:
    options: dict[str, Option] = {"a-b_1": 1, "a b": 2.0, "é": True, "": "text", "a.b": 1e300}
    assert parse(write(Scenario("x", sim=options))).sim == options
