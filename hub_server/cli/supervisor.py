"""Worker processes on one listening socket."""

import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import structlog

log = structlog.get_logger("hub.serve")

LOOK_SECONDS = 0.5

Serve = Callable[[Any, socket.socket, Connection], None]
"""Runs in a worker: serves with these settings and sends True when it is ready."""


@dataclass(frozen=True)
class Child:
    """`ready` stays open for as long as the process lives, which writes to it."""

    process: Any
    ready: Connection


class Supervisor:
    """`count` workers; one that dies is replaced, all are told to stop when we are."""

    def __init__(self, count: int, grace: int, serve: Serve) -> None:
        self.count = count
        self.grace = grace
        self.serve = serve
        self.context = multiprocessing.get_context("spawn")
        self.stopping = False  # no Event: a signal handler must not wait for a lock

    def run(self, settings: Any, listener: socket.socket, welcome: Callable[[], None]) -> int:
        """Until SIGTERM or SIGINT; `welcome` is called when all are ready. The exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told)
        children = [self._start(settings, listener) for _ in range(self.count)]
        if not all(self._is_ready(child) for child in children):
            self._stop(children, listener)
            return 0 if self.stopping else 1
        welcome()
        while not self.stopping:
            time.sleep(LOOK_SECONDS)
            for place, child in enumerate(children):
                if not (self.stopping or child.process.is_alive()):
                    log.error("a worker ended and is replaced", status=child.process.exitcode)
                    child.ready.close()
                    children[place] = self._start(settings, listener)
        self._stop(children, listener)
        return 0

    def _told(self, *_: object) -> None:
        self.stopping = True

    def _start(self, settings: Any, listener: socket.socket) -> Child:
        receiver, sender = self.context.Pipe(duplex=False)
        process = self.context.Process(target=self.serve, args=(settings, listener, sender))
        process.start()
        sender.close()
        return Child(process, receiver)

    def _is_ready(self, child: Child) -> bool:
        while not self.stopping and not child.ready.poll(0.2):
            if not child.process.is_alive():
                return False
        try:
            return not self.stopping and bool(child.ready.recv())
        except EOFError:
            return False

    def _stop(self, children: list[Child], listener: socket.socket) -> None:
        listener.close()  # or connections would wait in its queue for workers that are gone
        for child in children:
            child.process.terminate()
        for child in children:
            child.process.join(self.grace + 10)
            if child.process.is_alive():
                child.process.kill()
                child.process.join()
            child.ready.close()


def end_with_parent() -> None:
    """In a worker: stop as if told to when the supervisor was killed."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
