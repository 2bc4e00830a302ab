"""The same server at another port of this machine, which can break off, go away and come back."""

import contextlib
import socket
import threading
from collections.abc import Callable


class Line:
    """`port` on the loopback interface leads to `target`, from `start` to `stop`.

    With `cut_after`, the connection that carries so many bytes breaks, once; later ones hold.
    `asked` counts the bytes that came from clients.
    """

    def __init__(self, target: int, *, cut_after: int | None = None) -> None:
        self._target = ("127.0.0.1", target)
        self._left = cut_after
        self.asked = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Again, at the same port."""
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._run(self._accept)

    def stop(self) -> None:
        """Every connection ends, and nobody answers any more."""
        for each in (self._server, *self._sockets):
            _end(each)
        for thread in self._threads:
            thread.join(30)
        for each in (self._server, *self._sockets):
            each.close()
        self._threads, self._sockets = [], []

    def _run(self, work: Callable[..., None], *arguments: socket.socket | bool) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                inside = self._server.accept()[0]
                self._sockets.append(inside)
                outside = socket.create_connection(self._target)
            except OSError:
                return
            self._sockets.append(outside)
            self._run(self._carry, inside, outside, True)
            self._run(self._carry, outside, inside, False)

    def _carry(self, source: socket.socket, target: socket.socket, asking: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
                self.asked += len(data) if asking else 0
                if self._left is not None:
                    self._left -= len(data)
                    if self._left < 0:
                        self._left = None
                        break
        _end(source)
        _end(target)


def _end(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
