"""A browser without a window, spoken to by its debugging protocol."""

import asyncio
import base64
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SECONDS_MAX = 30.0


@contextmanager
def browsing(folder: Path, *options: str) -> Iterator[int]:
    """The port of a browser that runs meanwhile; `folder` is its own."""
    browser = subprocess.Popen(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu",
            "--remote-debugging-port=0", f"--user-data-dir={folder}", *options,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"HOME": str(folder)},
    )  # fmt: skip
    try:
        yield _debugging_port(folder / "DevToolsActivePort")
    finally:
        browser.terminate()
        browser.wait(10)


def _debugging_port(path: Path) -> int:
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline:
        if path.exists() and (lines := path.read_text().splitlines()):
            return int(lines[0])
        time.sleep(0.05)
    raise AssertionError("the browser did not start")


class Page:
    """A page of it. `requests` are the addresses that it asked for."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.requests: list[str] = []
        self.happened: set[str] = set()

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a method of the protocol."""
        self._number += 1
        number = self._number
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(SECONDS_MAX):
            while (answer := await self._receive()).get("id") != number:
                pass
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    async def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._socket.receive_json()
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        self.happened.add(message.get("method", ""))
        return message

    async def open(self, url: str) -> None:
        """Go there, and wait until all of it is loaded."""
        for domain in ("Network", "Page"):
            await self.call(f"{domain}.enable")
        self.happened.clear()
        await self.call("Page.navigate", url=url)
        async with asyncio.timeout(SECONDS_MAX):
            while "Page.loadEventFired" not in self.happened:
                await self._receive()

    async def evaluate(self, expression: str) -> Any:
        """What an expression of JavaScript is."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def resize(self, width: int, height: int) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    async def prefer(self, scheme: str) -> None:
        """`light` or `dark`."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        await self.call("Emulation.setEmulatedMedia", features=[feature])

    async def photograph(self, whole: bool = False, **part: Any) -> bytes:
        """A PNG of what is in the window, or of all of the page; `clip`: of that part of it."""
        found = await self.call("Page.captureScreenshot", captureBeyondViewport=whole, **part)
        return base64.b64decode(found["data"])


@asynccontextmanager
async def page_of(port: int) -> AsyncIterator[Page]:
    """The page that the browser shows."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json") as reply:
            pages = await reply.json()
        target = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
        async with session.ws_connect(target, max_msg_size=0) as socket:
            yield Page(socket)
