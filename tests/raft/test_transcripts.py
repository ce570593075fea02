"""The golden transcripts in transcripts/; see transcript.py for their commands.

After a change that means to alter them: pytest tests/raft --rewrite, then read the diff.
"""

from pathlib import Path

import pytest

from tests.raft.transcript import Transcript

FOLDER = Path(__file__).parent / "transcripts"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.txt")))
def test_transcript(name: str, request: pytest.FixtureRequest) -> None:
    path = FOLDER / f"{name}.txt"
    text = path.read_text(encoding="utf-8")
    now = Transcript().run(text)
    if request.config.getoption("--rewrite"):
        path.write_text(now, encoding="utf-8")
    assert now == path.read_text(encoding="utf-8")
