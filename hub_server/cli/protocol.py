"""HTTP/1.1 as uvicorn speaks it: with a bound on what comes before a body, and sendfile."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from hub_server.cli.sendfile import ZeroCopy

LARGEST_HEAD = 512 * 1024
REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class HubProtocol(HttpToolsProtocol):
    """Ends the connection of a client whose request line and headers go on and on.

    The parser below keeps them in memory until they are complete.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_head = True
        self._seen = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._in_head:
            return
        self._seen += len(data)
        if self._seen > LARGEST_HEAD and not self.transport.is_closing():
            self.logger.warning("A request with endless headers was refused.")
            self.transport.write(REFUSAL)
            self.transport.close()

    def on_message_begin(self) -> None:
        self._in_head, self._seen = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        served: Any = ZeroCopy(app, cycle)
        super()._start_asgi_task(cycle, served)
