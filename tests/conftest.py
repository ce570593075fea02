"""Real clusters for the tests that want one."""

from collections.abc import Iterator

import pytest

from tests.measure.commands import Raftctl, fresh_home


@pytest.fixture(scope="module")
def raftctl() -> Iterator[Raftctl]:
    """`raftctl` in a fresh home for the module; its clusters are taken down at the end."""
    with fresh_home() as command:
        yield command


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite",
        action="store_true",
        help="write golden transcripts and generated pages anew; read the diff",
    )
