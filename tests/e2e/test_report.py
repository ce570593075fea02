"""The report of a chaos run in a browser, from its file."""

import asyncio
from pathlib import Path

import pytest

from raftctl.chaos.report.page import write_report
from tests.chaos.recorded import copied
from tests.e2e.browser import CHROMIUM, Page, browsing, page_of
from tests.measure.commands import PROJECT

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

ARTEFACTS = PROJECT / "build" / "test-artefacts"
SEEN = """[...document.querySelectorAll("figure")].map(each => {
  const drawing = each.querySelector(".drawing");
  const shapes = drawing.querySelectorAll("rect, path, circle").length;
  const box = drawing.getBoundingClientRect();
  const isThere = shapes > 2 && box.width > 300 && box.height > 20;
  return [each.querySelector("strong").textContent, isThere];
})"""
WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
AREA = "document.querySelector('.scroll')"


async def look(page: Page, url: str) -> None:
    await page.resize(1280, 900)
    await page.open(url)
    assert page.requests == [url], "nothing else was asked for"
    assert await page.evaluate("document.title") == "✗ cut-then-power, seed 42: failed"
    text = await page.evaluate("document.body.innerText")
    assert "longest without a success: write 3,980 of 1,500 ms" in text
    assert await page.evaluate(SEEN) == [
        [name, True]
        for name in ("Faults", "Throughput", "Latency", "Availability", "Nodes", "Operations")
    ]
    assert await page.evaluate("document.getElementById('copy').hidden") is False, "its script ran"
    await page.evaluate("document.querySelector('.zoom20').click()")
    assert await page.evaluate(f"{AREA}.scrollWidth / {AREA}.clientWidth") > 15
    await page.evaluate("document.querySelector('.zoom1').click()")
    for width in (1280, 600):
        await page.resize(width, 900)
        whole, window = await page.evaluate(WIDTHS)
        assert whole <= window, f"at {width} pixels one has to scroll to the side"
        picture = await page.photograph(whole=True)
        (ARTEFACTS / f"chaos-report-{width}.png").write_bytes(picture)
    assert page.requests == [url], "and nothing later"


def test_a_browser_shows_all_of_it_and_asks_for_nothing(tmp_path: Path) -> None:
    run = copied(tmp_path / "run")
    write_report(run)
    ARTEFACTS.mkdir(parents=True, exist_ok=True)

    async def use(port: int) -> None:
        async with page_of(port) as page:
            await look(page, run.report.as_uri())

    with browsing(tmp_path / "browser", "about:blank") as port:
        asyncio.run(use(port))
