"""Signals end the viewer as its key does: what an exception interrupts in the middle of Textual, or
of the loop, may be left locked, and the process would hang.
"""

import asyncio
import signal
from functools import partial
from typing import Any

from textual.app import App

ENDING = (signal.SIGTERM, signal.SIGHUP)


def end_by_signals(app: App[Any]) -> None:
    """From now on, where the command takes them: who ignores one, as under nohup, goes on so. The
    return code is that of a process that the signal ended, as shells have it.
    """
    loop = asyncio.get_running_loop()
    for number in ENDING:
        if callable(signal.getsignal(number)):
            loop.add_signal_handler(number, partial(app.exit, return_code=128 + number))
