"""The pictures of a report in the documentation: python -m tests.chaos.screenshots FOLDER."""

import asyncio
import sys
import tempfile
from pathlib import Path

from raftctl.chaos.report.page import write_report
from tests.chaos.recorded import copied
from tests.e2e.browser import Page, browsing, page_of

WIDTH = 1100
SCENES = {
    # name -> what is at the top and at the bottom of the picture
    "chaos-report": ("header", "#checks"),
    "chaos-timeline": ("#timeline", "#timeline"),
}
PLACE = "document.querySelector({!r}).getBoundingClientRect().{} + scrollY"
MARGIN = 16


async def photograph(page: Page, top: str, bottom: str) -> bytes:
    """That part of the page, in its whole width."""
    from_y = await page.evaluate(PLACE.format(top, "top"))
    to_y = await page.evaluate(PLACE.format(bottom, "bottom"))
    clip = {
        "x": 0, "y": from_y - MARGIN, "width": WIDTH, "height": to_y - from_y + 2 * MARGIN,
        "scale": 1,
    }  # fmt: skip
    return await page.photograph(whole=True, clip=clip)


async def photograph_all(port: int, url: str, folder: Path) -> None:
    async with page_of(port) as page:
        await page.prefer("light")
        await page.resize(WIDTH, 900)
        await page.open(url)
        for name, (top, bottom) in SCENES.items():
            path = folder / f"{name}.png"
            path.write_bytes(await photograph(page, top, bottom))
            print(path)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as mine:
        run = copied(Path(mine) / "run")
        write_report(run)
        with browsing(Path(mine) / "browser", "--hide-scrollbars", "about:blank") as port:
            asyncio.run(photograph_all(port, run.report.as_uri(), Path(sys.argv[1])))
