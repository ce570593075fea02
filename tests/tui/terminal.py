"""A terminal of its own for a viewer that is measured from outside."""

import asyncio
import fcntl
import os
import pty
import re
import struct
import sys
import termios
import time

import psutil

CHOSEN = "┏".encode()
"""Is written when another node is chosen, and then only."""


class Terminal:
    """A command of Python's in a pty, 104x40, and when it wrote what."""

    def __init__(self, *arguments: str) -> None:
        self.started = time.perf_counter()
        pid, self._descriptor = pty.fork()
        if pid == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execv(sys.executable, [sys.executable, *arguments])
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 104, 0, 0))
        self.process = psutil.Process(pid)
        self._written = bytearray()
        self._arrived = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)

    def _read(self) -> None:
        try:
            self._written += os.read(self._descriptor, 65_536)
        except OSError:
            asyncio.get_running_loop().remove_reader(self._descriptor)
        self._arrived.set()

    def press(self, key: str) -> None:
        os.write(self._descriptor, key.encode())

    async def wrote(self, text: bytes, seconds: float = 20.0) -> float:
        """When the text was written, from now on."""
        return await self.wrote_like(re.escape(text), seconds)

    async def wrote_like(self, pattern: bytes, seconds: float) -> float:
        """As `wrote`, for a regular expression."""
        async with asyncio.timeout(seconds):
            while not re.search(pattern, self._written):
                self._arrived.clear()
                await self._arrived.wait()
        return time.perf_counter()

    def forget(self) -> None:
        self._written.clear()

    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system

    async def quit(self) -> None:
        self.press("q")
        await asyncio.to_thread(os.waitpid, self.process.pid, 0)

    async def echoes(self, count: int) -> list[float]:
        """From pressing a key that chooses a node until that is written, in milliseconds."""
        found = []
        for number in range(count):
            await asyncio.sleep(0.13)
            self.forget()
            pressed = time.perf_counter()
            self.press(str(2 - number % 2))
            found.append((await self.wrote(CHOSEN) - pressed) * 1000)
        return found
