"""`serve`, `worker` and `migrate`."""

import asyncio
import errno
import math
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import uvicorn
from sqlalchemy.orm import Session

from hub_server import accounts, upkeep
from hub_server.blobs import open_store
from hub_server.cli.base import connected, open_database, settings_from, with_settings
from hub_server.cli.supervisor import Supervisor, end_with_parent
from hub_server.db.facts import claim_fact
from hub_server.db.schema import Schema
from hub_server.errors import HubError
from hub_server.gitstore import Heartbeat, held_cache
from hub_server.jobs import Worker
from hub_server.keys import Keys
from hub_server.settings import Settings, SettingsError, data_path

if TYPE_CHECKING:
    from hub_server.app import Application
    from hub_server.contents import Hub

WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


class Server(uvicorn.Server):
    """Says when it is ready; at a stop first says that it is not, then lets transfers end."""

    def __init__(self, config: uvicorn.Config, app: "Application", ready: Any) -> None:
        super().__init__(config)
        self.app = app
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.ready()

    async def main_loop(self) -> None:
        await super().main_loop()
        await self._drain()

    async def _drain(self) -> None:
        """Until what was running has ended, go on answering: `readyz` is 503 meanwhile."""
        end = time.monotonic() + self.app.hub.settings.grace
        running = set(self.server_state.tasks)
        while not (self.force_exit or all(task.done() for task in running)):
            if time.monotonic() > end:
                break
            await asyncio.sleep(0.1)
            await self.on_tick(0)
        self.config.timeout_graceful_shutdown = max(1, math.ceil(end - time.monotonic()))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self._captured_signals.clear()  # uvicorn would die of them: a stop is no failure

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
    with ExitStack() as held:
        welcome = _prepare(settings, address, listener.getsockname()[1], held)
        _log(settings)
        if settings.workers == 1:
            _serve(settings, listener, lambda: click.echo(welcome, err=True))
        else:
            supervisor = Supervisor(settings.workers, settings.grace, _serve_worker)
            sys.exit(supervisor.run(settings, listener, lambda: click.echo(welcome, err=True)))


@click.command()
@with_settings
def worker(settings: Settings) -> None:
    """Work background jobs off, without serving."""
    from hub_server.app import build_hub, make_worker  # other commands need not wait for it

    _log(settings)
    check_stores(settings)
    with ExitStack() as held:
        with open_database(settings) as database:
            held.enter_context(held_cache(database, settings.cache_folder))
            with database.write() as session:
                _check_key(session, settings)
                upkeep.plan_build(session)
        hub = build_hub(settings)
        _work(hub, make_worker(hub))
        hub.close()


def _work(hub: "Hub", working: Worker) -> None:
    heartbeat = Heartbeat(hub.database)
    heartbeat.start()
    thread = threading.Thread(target=working.run, name="jobs")  # the main thread hears signals
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: working.stop())
    click.echo("Working", err=True)
    thread.start()
    thread.join()
    heartbeat.stop()


@click.command()
@click.option("--to", "target", default="head", help="A revision (default: the newest).")
@click.option("--down", is_flag=True, help="Go back to the revision of --to.")
@with_settings
def migrate(settings: Settings, target: str, *, down: bool) -> None:
    """Bring the database to this release's schema; SQLite is copied before."""
    with connected(settings) as database:
        schema = Schema(database, data_path("migrations"))
        (schema.downgrade if down else schema.upgrade)(target)
        click.echo(schema.current() or "(empty)")


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
        listener.listen(2048)
    except OSError as failure:
        taken = " Is another hub running? Choose another port with --port."
        raise SettingsError(
            f"{host}:{port} cannot be listened on: {failure.strerror}."
            + (taken if failure.errno == errno.EADDRINUSE else "")
        ) from None
    listener.set_inheritable(True)
    return listener


def _prepare(settings: Settings, host: str, port: int, held: ExitStack) -> str:
    """Check store and key, migrate, take the cache, and compose what is said when ready."""
    check_stores(settings)
    with open_database(settings) as database:
        held.enter_context(held_cache(database, settings.cache_folder))
        with database.write() as session:
            _check_key(session, settings)
            secret = accounts.ensure_setup_link(session)
            upkeep.plan_build(session)
    shown = lan_address() if host in WILDCARDS else host
    own = f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
    url = (settings.public_urls or [own])[0]
    lines = [f"Listening on {own}"]
    if host in WILDCARDS:
        lines.append(f"Students type: export HF_ENDPOINT={url}")
    if secret:
        lines.append(f"Create the administrator: {url}/setup/{secret}")
    return "\n".join(lines)


def check_stores(settings: Settings) -> None:
    """One sentence at the start instead of a failure at the first upload."""
    try:
        settings.cache_folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise SettingsError(
            f"HUB_CACHE_DIR: {settings.cache_folder} cannot be used: {failure.strerror}."
        ) from None
    try:
        open_store(settings).check()
    except (HubError, OSError, ValueError) as failure:
        reason = failure.params.get("reason") if isinstance(failure, HubError) else None
        place = settings.blobs
        if settings.s3_endpoint and place.startswith("s3:"):
            place += f" at HUB_S3_ENDPOINT {settings.s3_endpoint}"
        raise SettingsError(f"HUB_BLOBS: {place} cannot be used: {reason or failure}.") from None


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
    from hub_server.cli.protocol import HubProtocol

    app = create_app(settings)
    config = uvicorn.Config(
        app,
        http=HubProtocol,
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
    end_with_parent()
    _log(settings)
    _serve(settings, listener, lambda: ready.send(True))
