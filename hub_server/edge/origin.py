"""Who asks and by which address: Host, public addresses, front proxies, the base of our links."""

import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from hub_server.settings import Settings

NOWHERE = "localhost"  # in links of requests without a usable Host
ALWAYS_SERVED = ("/-/healthz", "/-/readyz")  # probes come by any address of the machine


@dataclass(frozen=True)
class Origin:
    """`base_url` starts every absolute link, without a slash at its end; `prefix` is its path.

    `came_by` is scheme and host of the request itself, which differ from those of `base_url` when
    somebody on this machine uses a loopback address.
    """

    base_url: str
    prefix: str
    client: str
    secure: bool
    came_by: str

    @property
    def own(self) -> str:
        """The origin a browser names for our own pages."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc.lower()}"


@dataclass(frozen=True)
class Arrival:
    scheme: str
    host: str
    client: str


class Origins:
    """Works an `Origin` out for each request; refuses a Host that is not ours."""

    def __init__(self, settings: Settings) -> None:
        self.public = settings.public_urls
        self.proxies = [
            ipaddress.ip_network(text, strict=False) for text in settings.trusted_proxy_list
        ]
        self.prefixes = sorted(
            {urlsplit(url).path for url in self.public} - {""}, key=len, reverse=True
        )

    def arrival(self, scope: Scope, headers: Mapping[str, str]) -> Arrival:
        """Scheme, Host and client address, as the nearest trusted proxy saw them."""
        client = (scope.get("client") or ("127.0.0.1", 0))[0]
        scheme, host = scope["scheme"], headers.get("host", "")
        if not self._trusts(client):
            return Arrival(scheme, host, client)
        scheme = headers.get("x-forwarded-proto", scheme).split(",")[0].strip()
        host = headers.get("x-forwarded-host", host).split(",")[0].strip()
        chain = [part.strip() for part in headers.get("x-forwarded-for", "").split(",")]
        for address in reversed([part for part in chain if part]):
            client = address
            if not self._trusts(address):
                break
        return Arrival("https" if scheme == "https" else "http", host, client)

    def accepts(self, host: str) -> bool:
        name = host_name(host)
        return (
            any(host_name(urlsplit(url).netloc) == name for url in self.public)
            or name == "testserver"
            or is_loopback(name)
            or is_this_machine(name)
        )

    def origin(self, arrival: Arrival) -> Origin:
        base = came_by = (
            f"{arrival.scheme}://{arrival.host if host_name(arrival.host) else NOWHERE}"
        )
        listed = [
            url for url in self.public if urlsplit(url).netloc.lower() == arrival.host.lower()
        ]
        if listed:
            same = [url for url in listed if url.startswith(f"{arrival.scheme}:")]
            base = (same or listed)[0]
        elif self.public:
            base = self.public[0]
        secure = base.startswith("https:")
        return Origin(base, urlsplit(base).path, arrival.client, secure, came_by)

    def strip_prefix(self, path: bytes) -> bytes:
        """The path without the path of a public address, where a proxy passes it on."""
        for prefix in self.prefixes:
            raw = prefix.encode()
            if path == raw or path.startswith(raw + b"/"):
                return path[len(raw) :] or b"/"
        return path

    def _trusts(self, client: str) -> bool:
        try:
            address = ipaddress.ip_address(client)
        except ValueError:
            return False
        return any(address in network for network in self.proxies)


class OriginMiddleware:
    """Sets `request.state.origin` and takes a public path prefix off the path."""

    def __init__(self, app: ASGIApp, origins: Origins, refuse: ASGIApp) -> None:
        self.app = app
        self.origins = origins
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        arrival = self.origins.arrival(scope, headers)
        scope.setdefault("state", {})["origin"] = self.origins.origin(arrival)
        raw = scope.get("raw_path") or scope["path"].encode()
        scope = {**scope, "raw_path": self.origins.strip_prefix(raw)}
        served = scope["path"] in ALWAYS_SERVED or self.origins.accepts(arrival.host)
        await (self.app if served else self.refuse)(scope, receive, send)


def host_name(host: str) -> str:
    """A Host header without its port, in lower case, without the brackets of IPv6."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\[\]@/\\?#\s:]+)(:\d*)?", host)
    return match[1].strip("[]").rstrip(".").lower() if match else ""


def is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=256)
def is_this_machine(name: str) -> bool:
    """A loopback address, an address of an interface of this machine, or its own name."""
    own = socket.gethostname().lower()
    if name in (own, own.split(".")[0], own.split(".")[0] + ".local"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET  # noqa: PLR2004
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((name, 0))  # only an address of our own can be bound
        except OSError:
            return False
    return True
