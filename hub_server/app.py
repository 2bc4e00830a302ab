"""The composition root: which implementations there are, and who hears of what."""

import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from hub_server import (
    __version__,
    accounts,
    api,
    catalog,
    contents,
    faults,
    objects,
    repos,
    upkeep,
    usage,
    web,
    wire,
)
from hub_server.blobs import Incoming, open_store
from hub_server.contents import Hub
from hub_server.db import Database, now
from hub_server.edge import Budget, errors
from hub_server.edge.bodies import FormLimit
from hub_server.edge.disks import DiskFailures
from hub_server.edge.headers import SafeHeaders
from hub_server.edge.logs import RequestLog
from hub_server.edge.origin import OriginMiddleware, Origins
from hub_server.edge.paths import RawPath
from hub_server.events import Events, RefsUpdated, ReposChanged, ReposPurged
from hub_server.git import GitProgram
from hub_server.gitstore import GitStore, Heartbeat, blobs_are_kept
from hub_server.jobs import Handler, Periodic, Worker
from hub_server.keys import Keys
from hub_server.objects import Objects
from hub_server.settings import Settings

EXPOSED = (
    "X-Repo-Commit",
    "X-Request-Id",
    "X-Error-Code",
    "X-Error-Message",
    "X-Total-Count",
    "X-Linked-Etag",
    "X-Linked-Size",
    "X-Xet-Hash",
    "X-Xet-Cas-Url",
    "X-Xet-Access-Token",
    "X-Xet-Token-Expiration",
    "ETag",
    "Link",
    "Accept-Ranges",
    "Content-Range",
)
HOUR = 3600.0
VALIDATORS = min(4, max(2, os.cpu_count() or 1))
"""Xorbs, and shards, that are checked at a time: more would only take memory."""
REGISTRATIONS = 16
"""Shards that take turns at it; what is known of their xorbs is in memory."""


def build_hub(settings: Settings) -> Hub:
    """The stores and the database, ready for use; `settings` has its secret key."""
    assert settings.secret_key  # noqa: S101 - ensured by the command line
    faults.arm(settings.fault)
    database = Database(settings.database_url, pool_size=settings.connections)
    blobs = open_store(settings)
    incoming = Incoming(blobs.incoming_folder or settings.cache_folder / "incoming")
    keys = Keys.of(settings.secret_key.get_secret_value())
    return Hub(
        settings=settings,
        database=database,
        blobs=blobs,
        incoming=incoming,
        spool=Incoming(settings.cache_folder / "spool", durable=False),
        git=GitStore(
            database,
            blobs,
            settings.cache_folder,
            settings.cache_size,
            object_limit=settings.max_git_object,
        ),
        git_program=GitProgram.find(settings.git_binary) if settings.git_binary else None,
        objects=Objects(database, blobs, incoming, settings),
        keys=keys,
        events=subscriptions(),
    )


def subscriptions() -> Events:
    events = Events()
    usage.subscribe(events)
    events.on(RefsUpdated, catalog.refs_updated)
    events.on(ReposChanged, catalog.repos_changed)
    events.on(ReposPurged, catalog.repos_purged)
    return events


def handlers(hub: Hub) -> dict[str, Handler]:
    """What each kind of job does."""
    return {
        **objects.handlers(hub.objects),
        **contents.handlers(hub),
        **catalog.handlers(hub),
        **upkeep.handlers(hub),
        **usage.handlers(hub.database),
        "accounts.clean_up": lambda _: clean_accounts(hub),
        "repos.purge": lambda _: purge_repos(hub),
    }


def clean_accounts(hub: Hub) -> None:
    with hub.database.write() as session:
        accounts.clean_up(session)


def purge_repos(hub: Hub) -> None:
    """Rows of repositories deleted long ago go; their blobs are left to garbage collection."""
    before = now() - timedelta(days=hub.settings.deleted_repo_days)
    with hub.database.write() as session:
        if blobs_are_kept(session):
            return  # a backup copies what it saw; the next turn comes within the hour
        repos.purge_deleted(session, before=before)


PERIODIC = (
    Periodic("objects.expire", HOUR / 4),
    Periodic("objects.find_plain", HOUR / 4),
    Periodic(usage.REFRESH, HOUR / 6),
    Periodic("gitstore.sweep", HOUR),
    Periodic("repos.purge", HOUR),
    Periodic("accounts.clean_up", HOUR),
    Periodic(upkeep.COLLECT, 24 * HOUR),
)


def make_worker(hub: Hub) -> Worker:
    return Worker(hub.database, handlers(hub), periodic=PERIODIC)


class Application:
    """The ASGI application, outermost first: request log, headers, origin, raw path, routes."""

    def __init__(self, hub: Hub, routes: FastAPI) -> None:
        self.hub = hub
        self.routes = routes
        self.draining = False
        inner: ASGIApp = RawPath(FormLimit(routes))
        refuse: ASGIApp = errors.refuse_host(routes)  # type: ignore[assignment]
        inner = OriginMiddleware(inner, Origins(hub.settings), refuse)
        inner = SafeHeaders(inner, foreign_images=hub.settings.card_images == "allow")
        self.entry: ASGIApp = RequestLog(inner)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.entry(scope, receive, send)


def create_app(settings: Settings) -> Application:
    """The whole hub for one process; the database has been migrated."""
    hub = build_hub(settings)
    routes = FastAPI(
        title="hub server",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    routes.state.hub = hub
    routes.state.sets = catalog.TagSets()
    routes.state.error_page = web.error_page
    routes.state.budget = Budget(settings.cache_size)
    errors.install(routes)
    routes.add_middleware(DiskFailures)
    if settings.cors_origin_list:
        routes.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origin_list,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=EXPOSED,
        )
    for router in (api.router, wire.router, web.router):
        routes.include_router(router)
    application = Application(hub, routes)
    routes.state.application = application
    return application


@asynccontextmanager
async def _lifespan(routes: FastAPI) -> AsyncIterator[None]:
    hub: Hub = routes.state.hub
    to_thread.current_default_thread_limiter().total_tokens = hub.settings.threads
    routes.state.generators = CapacityLimiter(max(2, hub.settings.threads // 2))
    routes.state.validators = CapacityLimiter(VALIDATORS)
    routes.state.registrars = CapacityLimiter(VALIDATORS)
    routes.state.registrations = CapacityLimiter(REGISTRATIONS)
    working = make_worker(hub)
    thread = threading.Thread(target=working.run, name="jobs", daemon=True)
    heartbeat = Heartbeat(hub.database)
    heartbeat.start()
    hub.downloads.start()
    if hub.settings.jobs:
        thread.start()
    try:
        yield
    finally:
        working.stop()
        if thread.is_alive():
            await to_thread.run_sync(thread.join, 10)
        await to_thread.run_sync(heartbeat.stop)
        await to_thread.run_sync(hub.downloads.stop)
        hub.close()
