"""For machines that watch the hub: alive, ready, figures; and for clients that ask about it."""

import ipaddress
from collections.abc import Iterator

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from starlette.responses import JSONResponse, PlainTextResponse, Response

from hub_server.contents import Hub
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.jobs import Job
from hub_server.db.tables.repos import Repo
from hub_server.edge import CurrentCaller, TheHub
from hub_server.errors import Forbidden, Unavailable

router = APIRouter(include_in_schema=False)


@router.get("/-/healthz")
def alive() -> Response:
    return PlainTextResponse("ok\n")


@router.get("/-/readyz")
def ready(request: Request, hub: TheHub) -> Response:
    """Database and blob store answer, and this worker is not stopping."""
    if request.app.state.application.draining:
        raise Unavailable("This node is stopping.")
    hub.database.ping()
    hub.blobs.check()
    return PlainTextResponse("ready\n")


@router.get("/-/metrics")
def metrics(request: Request, hub: TheHub, caller: CurrentCaller) -> Response:
    """Prometheus figures, for administrators and for this machine."""
    client = request.state.origin.client
    if not caller.is_admin and not ipaddress.ip_address(client).is_loopback:
        raise Forbidden("Figures are for administrators' tokens and for this machine.")
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Counts(hub))
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")


class _Counts(Collector):
    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    def collect(self) -> Iterator[Metric]:
        with self.hub.database.read() as session:
            kept = select(Repo.kind, func.count()).where(Repo.deleted_at.is_(None))
            repos = session.execute(kept.group_by(Repo.kind)).all()
            jobs = session.execute(select(Job.state, func.count()).group_by(Job.state)).all()
            accounts = session.execute(
                select(Account.kind, func.count()).group_by(Account.kind)
            ).all()
        yield _gauge("hub_repos", "Repositories by kind", "kind", repos)
        yield _gauge("hub_jobs", "Jobs by state", "state", jobs)
        yield _gauge("hub_accounts", "Accounts by kind", "kind", accounts)


def _gauge(name: str, text: str, label: str, rows: object) -> Metric:
    metric = GaugeMetricFamily(name, text, labels=[label])
    for value, count in rows:  # type: ignore[attr-defined]
        metric.add_metric([value], count)
    return metric


@router.get("/api/agent-harnesses")
def agent_harnesses() -> Response:
    """Asked once a day by every Python client; an empty answer is remembered."""
    return JSONResponse({"standardEnvVars": [], "harnesses": {}})


@router.api_route("/api/telemetry/{topic:rest}", methods=["HEAD", "GET", "POST"])
def telemetry() -> Response:
    """Nothing is recorded; clients do not look at the answer."""
    return Response(status_code=204)
