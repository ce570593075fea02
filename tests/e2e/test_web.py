"""The viewer in a browser: who may come in, what is seen there, and what may be done."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.browser import CHROMIUM, SECONDS_MAX, browsing, page_of
from tests.measure.commands import PROJECT, RAFTCTL, Raftctl

pytestmark = pytest.mark.e2e

ARTEFACT = PROJECT / "build" / "test-artefacts" / "tui-web.png"


@contextmanager
def started(
    raftctl: Raftctl, *options: str, folder: Path | None = None
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a viewer that runs meanwhile, in that folder, and its process."""
    with subprocess.Popen(
        [str(RAFTCTL), "tui", "--web", *options],
        env=raftctl.env,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None, "it is a pipe"
        try:
            assert "whoever has this address" in process.stdout.readline()
            yield process.stdout.readline().strip(), process
            process.terminate()
            assert process.wait(10) == 0
            assert process.stdout.read() == "", "neither a traceback nor what a viewer says"
        finally:
            process.kill()  # else one that does not end holds up the tests


@contextmanager
def served(raftctl: Raftctl, *options: str) -> Iterator[str]:
    """The address alone."""
    with started(raftctl, *options) as (url, _):
        yield url


@pytest.fixture(scope="module", autouse=True)
def cluster(raftctl: Raftctl) -> None:
    raftctl.run("up", "-n", "3")


async def seen_by(socket: aiohttp.ClientWebSocketResponse, text: str) -> None:
    """Until the terminal in the browser was sent the text."""
    written = b""
    async with asyncio.timeout(SECONDS_MAX):
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                written += message.data
                if text.encode() in written:
                    return
    raise AssertionError(f"no {text!r} in {written[-2000:]!r}")


def test_only_who_has_the_address_comes_in(raftctl: Raftctl) -> None:
    async def ask(url: str, **headers: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as reply:
            return reply.status, await reply.text()

    with served(raftctl) as url:
        base = url.rsplit("/", 2)[0]
        status, page = asyncio.run(ask(url))
        assert status == 200
        assert "googleapis" not in page, "nothing comes from elsewhere"
        assert url.startswith("http://127.0.0.1:")
        assert asyncio.run(ask(f"{base}/"))[0] == 404
        assert asyncio.run(ask(f"{base}/ws"))[0] == 404
        assert asyncio.run(ask(url, Host="evil.example"))[0] == 403
        assert asyncio.run(ask(f"{url}ws", Origin="http://evil.example"))[0] == 403


@pytest.mark.parametrize(
    ("options", "says"), [((), "read-only"), (("--allow-actions",), "nothing to heal")]
)
def test_it_is_live_and_acts_only_where_that_was_allowed(
    raftctl: Raftctl, options: tuple[str, ...], says: str
) -> None:
    async def use(url: str) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}ws?width=110&height=40") as socket,
        ):
            await seen_by(socket, "LEADER")
            await socket.send_json(["stdin", "H"])
            await seen_by(socket, says)

    with served(raftctl, *options) as url:
        asyncio.run(use(url))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_while_a_browser_is_open(raftctl: Raftctl, number: signal.Signals) -> None:
    """As a terminal does it, and whatever runs services: the viewers are told to end as well."""

    async def use(url: str, process: subprocess.Popen[str]) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}ws?width=110&height=40") as socket,
        ):
            await seen_by(socket, "LEADER")
            os.killpg(process.pid, number)
            assert await asyncio.to_thread(process.wait, 10) == 0

    with started(raftctl) as (url, process):
        asyncio.run(use(url, process))


def test_a_browser_writes_no_file_where_the_server_runs(raftctl: Raftctl, tmp_path: Path) -> None:
    async def use(url: str) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}ws?width=110&height=40") as socket,
        ):
            await seen_by(socket, "LEADER")
            await socket.send_json(["stdin", "\x13"])
            await seen_by(socket, "no folder here")

    with started(raftctl, folder=tmp_path) as (url, _):
        asyncio.run(use(url))
    assert list(tmp_path.iterdir()) == []


def test_a_browser_gets_no_larger_terminal_than_a_screen(raftctl: Raftctl) -> None:
    async def use(url: str) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}ws?width=100000&height=100000", max_msg_size=0) as socket,
        ):
            await seen_by(socket, "LEADER")
            await socket.send_json(["resize", {"width": 10**9, "height": 10**9}])
            await socket.send_json(["stdin", "?"])
            await seen_by(socket, "these keys")

    with served(raftctl) as url:
        asyncio.run(use(url))


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_shows_it(raftctl: Raftctl, tmp_path: Path) -> None:
    with (
        served(raftctl) as url,
        browsing(tmp_path, "--window-size=1250,800", f"{url}?fontsize=15") as port,
    ):
        picture, has_keys = asyncio.run(photograph(port))
    ARTEFACT.parent.mkdir(parents=True, exist_ok=True)
    ARTEFACT.write_bytes(picture)
    assert len(picture) > 40_000, f"{ARTEFACT} shows too little"
    assert has_keys, "what is typed goes to the viewer without a click"


async def photograph(port: int) -> tuple[bytes, bool]:
    """The page, once the cover of the terminal has gone, and whether its keys go to the viewer."""
    async with page_of(port) as page:
        deadline = time.monotonic() + SECONDS_MAX
        picture = b""
        while time.monotonic() < deadline and len(picture) <= 40_000:
            picture = await page.photograph()
            await asyncio.sleep(0.2)
        focus = await page.evaluate("document.activeElement.className")
        return picture, focus == "xterm-helper-textarea"
