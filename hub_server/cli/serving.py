"""`serve`, `worker` and `migrate`."""

import multiprocessing
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import uvicorn
from sqlalchemy.orm import Session

from hub_server import accounts
from hub_server.cli.base import open_database, settings_from, with_settings
from hub_server.db import Database
from hub_server.db.facts import claim_fact
from hub_server.db.schema import Schema
from hub_server.keys import Keys
from hub_server.settings import Settings, SettingsError, data_path

if TYPE_CHECKING:
    from hub_server.app import Application

WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


class Server(uvicorn.Server):
    """Says when it is ready, and that it is about to stop."""

    def __init__(self, config: uvicorn.Config, app: "Application", ready: Any) -> None:
        super().__init__(config)
        self.app = app
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.ready()

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.app.draining = True
        super().handle_exit(sig, frame)


@click.command()
@click.option("--host", help="Address to listen on (default: 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (default: 8000).")
@click.option("--workers", type=int, help="Worker processes (default: 1, or HUB_WORKERS).")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="See README.")
def serve(host: str | None, port: int | None, workers: int | None, data_dir: Path | None) -> None:
    """Migrate, then serve until SIGTERM or Ctrl-C.

    Ready when "Listening on http://…" appears on stderr; at a stop, transfers may end first.
    """
    settings = settings_from(data_dir=data_dir, workers=workers)
    listener = bind(host or "127.0.0.1", 8000 if port is None else port)
    address = host or "127.0.0.1"
    welcome = _prepare(settings, address, listener.getsockname()[1])
    _log(settings)
    if settings.workers == 1:
        _serve(settings, listener, lambda: click.echo(welcome, err=True))
    else:
        sys.exit(Supervisor(settings, listener, welcome).run())


@click.command()
@with_settings
def worker(settings: Settings) -> None:
    """Work background jobs off, without serving."""
    from hub_server.app import build_hub, make_worker  # other commands need not wait for it

    _log(settings)
    with open_database(settings):
        pass
    hub = build_hub(settings)
    working = make_worker(hub)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: working.stop())
    click.echo("Working", err=True)
    working.run()
    hub.close()


@click.command()
@click.option("--to", "target", default="head", help="A revision (default: the newest).")
@click.option("--down", is_flag=True, help="Go back to the revision of --to.")
@with_settings
def migrate(settings: Settings, target: str, *, down: bool) -> None:
    """Bring the database to this release's schema; SQLite is copied before."""
    database = Database(settings.database_url, pool_size=2)
    schema = Schema(database, data_path("migrations"))
    (schema.downgrade if down else schema.upgrade)(target)
    click.echo(schema.current() or "(empty)")
    database.dispose()


def _log(settings: Settings) -> None:
    from hub_server.edge import logs  # the edge is the web application

    logs.configure(settings)


def bind(host: str, port: int) -> socket.socket:
    """A listening address, or one sentence."""
    try:
        family, kind, proto, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
    except OSError as failure:
        raise SettingsError(
            f"{host}:{port} cannot be listened on: {failure.strerror}. Is another hub running? "
            "Choose another port with --port."
        ) from None
    listener.listen(2048)
    listener.set_inheritable(True)
    return listener


def _prepare(settings: Settings, host: str, port: int) -> str:
    """Migrate, check that this is the right key, and compose what is said when ready."""
    with open_database(settings) as database, database.write() as session:
        _check_key(session, settings)
        secret = accounts.ensure_setup_link(session)
    shown = lan_address() if host in WILDCARDS else host
    url = (settings.public_urls or [f"http://{shown}:{port}"])[0]
    lines = [f"Listening on http://{shown if host in WILDCARDS else host}:{port}"]
    if host in WILDCARDS:
        lines.append(f"Students type: export HF_ENDPOINT={url}")
    if secret:
        lines.append(f"Create the administrator: {url}/setup/{secret}")
    return "\n".join(lines)


def _check_key(session: Session, settings: Settings) -> None:
    """All nodes of one database sign with the same key, or links and sessions would break."""
    assert settings.secret_key  # noqa: S101 - ensured before
    keys = Keys.of(settings.secret_key.get_secret_value())
    known = claim_fact(session, "secret-key", keys.fingerprint())
    if known not in {Keys((secret,)).fingerprint() for secret in keys.secrets}:
        raise SettingsError(
            "HUB_SECRET_KEY is not the key this database was made with; give the old one, or "
            "`new,old` to change it."
        )


def lan_address() -> str:
    """The address by which other machines of this network reach us, as far as one can tell."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: only asks the routing table
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def _serve(settings: Settings, listener: socket.socket, ready: Any) -> None:
    from hub_server.app import create_app  # other commands need not wait for it

    app = create_app(settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=settings.grace,
        lifespan="on",
    )
    Server(config, app, ready).run(sockets=[listener])


def _serve_worker(settings: Settings, listener: socket.socket, ready: Connection) -> None:
    _log(settings)
    _serve(settings, listener, lambda: ready.send(True))


class Supervisor:
    """Worker processes on one listening socket; one that dies is replaced."""

    def __init__(self, settings: Settings, listener: socket.socket, welcome: str) -> None:
        self.settings = settings
        self.listener = listener
        self.welcome = welcome
        self.context = multiprocessing.get_context("spawn")
        self.stopping = threading.Event()

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        started = [self._start() for _ in range(self.settings.workers)]
        processes = [process for process, _ in started]
        if not self._all_ready(started):
            self._stop(processes)
            return 1
        click.echo(self.welcome, err=True)
        while not self.stopping.wait(1):
            processes = [each if each.is_alive() else self._start()[0] for each in processes]
        return self._stop(processes)

    def _start(self) -> tuple[Any, Connection]:
        receiver, sender = self.context.Pipe(duplex=False)
        arguments = (self.settings, self.listener, sender)
        process = self.context.Process(target=_serve_worker, args=arguments)
        process.start()
        sender.close()
        return process, receiver

    def _all_ready(self, started: Sequence[tuple[Any, Connection]]) -> bool:
        for process, receiver in started:
            while not self.stopping.is_set() and not receiver.poll(0.2):
                if not process.is_alive():
                    return False
            if self.stopping.is_set():
                return True
            try:
                receiver.recv()
            except EOFError:
                return False
        return True

    def _stop(self, processes: Sequence[Any]) -> int:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(self.settings.grace + 10)
            if process.is_alive():
                process.kill()
        return 0
