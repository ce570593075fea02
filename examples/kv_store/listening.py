"""A server with a thread for each connection, up to a number of them."""

import socketserver
import sys
from threading import BoundedSemaphore
from typing import Any

HOST = "127.0.0.1"
"""Nothing here asks who is calling, so nothing listens to other machines."""


class ThreadedServer(socketserver.ThreadingTCPServer):
    """Listens on `port` of this machine. Raises OSError when it is taken."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        port: int,
        handler: type[socketserver.BaseRequestHandler],
        connections_max: int,
    ) -> None:
        self._free = BoundedSemaphore(connections_max)
        super().__init__((HOST, port), handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as above
        """One connection too many is closed at once."""
        if self._free.acquire(blocking=False):
            try:
                super().process_request(request, client_address)
            except BaseException:
                self._free.release()
                raise
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as above
        """A connection that breaks off is nothing to report; anything else is."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
