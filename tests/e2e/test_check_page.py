"""A drawn history in a browser, from its file."""

import asyncio
from pathlib import Path

import pytest

from tests.e2e.browser import CHROMIUM, browsing, page_of
from tests.measure.commands import PROJECT, Raftctl

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

ARTEFACT = PROJECT / "build" / "test-artefacts" / "check.png"
LONG = 120
"""Operations before the violation, more than fit into a window."""


def test_the_violation_is_in_sight_when_the_page_opens(raftctl: Raftctl, tmp_path: Path) -> None:
    lines = [
        f'{{"process": 0, "type": "{kind}", "f": "write", "value": {value}}}'
        for value in range(LONG)
        for kind in ("invoke", "ok")
    ]
    lines += [
        '{"process": 1, "type": "invoke", "f": "read"}',
        '{"process": 1, "type": "ok", "f": "read", "value": 0}',
    ]
    (tmp_path / "h.jsonl").write_text("\n".join(lines), encoding="utf-8")
    drawn = tmp_path / "page.html"
    raftctl.run("check", str(tmp_path / "h.jsonl"), "--html", str(drawn), check=False)
    ARTEFACT.parent.mkdir(parents=True, exist_ok=True)

    async def look(port: int) -> None:
        async with page_of(port) as page:
            await page.resize(1000, 700)
            await page.open(drawn.as_uri())
            culprit = "document.querySelector('svg .culprit').getBoundingClientRect().left"
            assert 100 < await page.evaluate(culprit) < 1000
            assert await page.evaluate("document.title.endsWith(': failed')") is True
            assert page.requests == [drawn.as_uri()], "nothing else was asked for"
            ARTEFACT.write_bytes(await page.photograph())

    with browsing(tmp_path / "browser", "about:blank") as port:
        asyncio.run(look(port))
