"""One cluster of real processes for each module that asks for it."""

from collections.abc import Iterator

import pytest

from tests.measure.commands import Raftctl, fresh_home


@pytest.fixture(scope="module")
def raftctl() -> Iterator[Raftctl]:
    """`raftctl` in a fresh home; its clusters are taken down at the end."""
    with fresh_home() as command:
        yield command
