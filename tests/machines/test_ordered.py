"""The ordered map, against a plain dict, and what a capture of it costs: counted, not timed."""

from collections.abc import Iterator
from typing import ClassVar

from hypothesis import given, settings
from hypothesis import strategies as st

from node.machines.ordered import BLOCK_ITEMS_MAX, OrderedMap

MANY = 20 * BLOCK_ITEMS_MAX


class Key(str):
    """Counts how often something looks at a key."""

    looks: ClassVar[int] = 0

    def __hash__(self) -> int:
        Key.looks += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        Key.looks += 1
        return super().__eq__(other)

    def __lt__(self, other: str) -> bool:
        Key.looks += 1
        return super().__lt__(other)


class Value:
    """Counts how many of them there are."""

    alive: ClassVar[int] = 0

    def __init__(self) -> None:
        Value.alive += 1

    def __del__(self) -> None:
        Value.alive -= 1


def key(number: int) -> str:
    return f"{number:06}"


def filled(count: int = MANY) -> OrderedMap[int]:
    made: OrderedMap[int] = OrderedMap()
    for number in range(count):
        made.put(Key(key(number)), number)
    return made


def falls(steps: Iterator[object]) -> list[int]:
    """How many values each of `steps` freed."""
    found, before = [], Value.alive
    for _ in steps:
        found.append(before - Value.alive)
        before = Value.alive
    return found


# -- what it costs ---------------------------------------------------------------------------------
def test_a_capture_looks_at_no_key_however_many_there_are() -> None:
    made = filled()
    before = Key.looks
    image = made.capture()
    assert Key.looks == before
    assert len(list(image)) == MANY


def test_the_first_write_to_a_block_after_a_capture_copies_it_and_no_other() -> None:
    made = filled()
    image = made.capture()
    for number in (3, 4):  # in the same block
        before = list(made._blocks)
        made.put(key(number), -1)
        copied = [a for a, b in zip(before, made._blocks, strict=True) if a is not b]
        assert len(copied) == (number == 3)
        assert all(len(block) <= BLOCK_ITEMS_MAX for block in copied)
    before = list(made._blocks)
    made.remove(key(MANY - 1))
    assert [a is b for a, b in zip(before, made._blocks, strict=True)].count(False) == 1
    assert list(image) == [(key(number), number) for number in range(MANY)]


def test_a_write_without_a_capture_copies_nothing() -> None:
    made = filled()
    before = list(made._blocks)
    for number in range(0, MANY, 7):
        made.put(key(number), -1)
    assert all(a is b for a, b in zip(before, made._blocks, strict=True))


def test_what_was_written_over_goes_block_by_block_as_the_capture_is_taken() -> None:
    made: OrderedMap[Value] = OrderedMap()
    for number in range(MANY):
        made.put(key(number), Value())
    image = made.capture()
    for number in range(MANY):
        made.put(key(number), Value())
    assert Value.alive == 2 * MANY
    freed = falls(image)
    assert max(freed) <= BLOCK_ITEMS_MAX
    assert Value.alive - MANY <= BLOCK_ITEMS_MAX, "the last block is through with the last item"
    del image
    assert Value.alive == MANY


def test_a_map_is_dismantled_block_by_block_and_a_capture_of_it_stays() -> None:
    made: OrderedMap[Value] = OrderedMap()
    for number in range(MANY):
        made.put(key(number), Value())
    freed = falls(made.dismantle())
    assert (sum(freed), Value.alive) == (MANY, 0)
    assert max(freed) <= BLOCK_ITEMS_MAX

    captured = filled()
    image = captured.capture()
    for _ in captured.dismantle():
        pass
    assert list(image) == [(key(number), number) for number in range(MANY)]


def test_blocks_stay_small_and_go_when_they_are_empty() -> None:
    made = filled()
    assert all(len(block) <= BLOCK_ITEMS_MAX for block in made._blocks)
    for number in range(MANY):
        assert made.remove(key(number))
    assert (made._firsts, made._blocks, made._is_shared) == ([], [{}], [False])


# -- against a plain dict --------------------------------------------------------------------------
KEYS = st.text("ab\U0001f600", max_size=3)
WRITES = st.lists(st.tuples(KEYS, st.none() | st.integers(0, 9)), max_size=60)


@settings(max_examples=300)
@given(st.lists(WRITES, max_size=4), KEYS)
def test_it_does_what_a_dict_does_and_no_capture_changes(runs: list[list], start: str) -> None:  # type: ignore[type-arg]
    made: OrderedMap[int] = OrderedMap(block_items_max=3)
    model: dict[str, int] = {}
    captures = []
    for writes in runs:
        for name, value in writes:
            if value is None:
                assert made.remove(name) == (model.pop(name, None) is not None)
            else:
                assert made.put(name, value) == (name in model)
                model[name] = value
            assert made.get(name) == model.get(name)
        captures.append((made.capture(), sorted(model.items())))
        expected = [item for item in sorted(model.items()) if item[0] >= start]
        assert list(made.items(start)) == expected
    for image, expected in captures:
        assert list(image) == expected
