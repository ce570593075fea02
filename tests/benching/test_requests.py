"""What a load asks for: which keys, how often, and which of it are reads."""

from collections import Counter
from itertools import islice

import cbor2
import pytest

from raftctl.benching.requests import Asked, Distribution, key_numbers, one_of
from raftctl.errors import CliError
from raftctl.exit_codes import Exit

KEYS = 100
DRAWS = 20_000


def drawn(distribution: Distribution) -> Counter[int]:
    return Counter(islice(key_numbers(KEYS, distribution), DRAWS))


def test_sequential_keys_come_in_turn() -> None:
    assert list(islice(key_numbers(3, "sequential"), 7)) == [0, 1, 2, 0, 1, 2, 0]


def test_uniform_keys_come_about_as_often_each() -> None:
    counts = drawn("uniform")
    assert set(counts) == set(range(KEYS))
    assert max(counts.values()) < 2 * DRAWS / KEYS
    assert min(counts.values()) > DRAWS / KEYS / 2


def test_zipfian_keys_come_as_often_as_their_rank_says() -> None:
    counts = drawn("zipfian")
    assert counts[0] == pytest.approx(DRAWS * 0.19, rel=0.1)  # 1 / (1 + 2**-0.99 + 3**-0.99 ...)
    assert counts[0] / counts[9] == pytest.approx(10**0.99, rel=0.2)
    assert set(counts) <= set(range(KEYS))


@pytest.mark.parametrize(("mode", "reads"), [("put", 0), ("get", 1000), ("mixed", 900)])
def test_as_many_are_reads_as_was_asked_for_and_they_are_made_as_such(
    mode: str, reads: int
) -> None:
    asked = Asked(one_of("", mode, "put", "get", "mixed"), 8, KEYS, "uniform", 0.9)
    is_read, make = asked.reads(), asked.maker()
    kinds = Counter(is_read(number) for number in range(1000))
    assert kinds[True] == reads
    for number in range(100):
        kind, key, *value = cbor2.loads(make(number))
        assert (kind == "get") == is_read(number)
        assert 0 <= int(key.removeprefix("key-")) < KEYS
        assert value == ([] if kind == "get" else [b"x" * 8])


def test_word_that_is_none_of_the_known_ones_is_a_usage_error() -> None:
    with pytest.raises(CliError) as caught:
        one_of("--read", "dirty", "linearizable", "lease", "stale")
    assert caught.value.exit_code == Exit.USAGE
    assert caught.value.hint == "linearizable, lease or stale"
