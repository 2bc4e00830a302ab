"""Every route of the hub, and what it asks of a caller. A new route is given a line here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Need = Literal["see", "read", "write", "admin"]


@dataclass(frozen=True)
class Case:
    """`path` has `{repo}` (with the prefix of its kind, for pages and Git) or `{id}` in it.

    `ok` are the statuses of those who may: often those of a request that asks for nothing, so that
    the repositories stay as they are. `send` holds arguments of the HTTP client.
    """

    need: Need
    path: str
    ok: tuple[int, ...] = (200,)
    send: Mapping[str, Any] = field(default_factory=dict)
    asks_who_first: bool = False
    """Anonymous callers are sent to sign in before the repository is looked at."""


_API = "/api/models/{id}"
_NDJSON = {"content": b"", "headers": {"content-type": "application/x-ndjson"}}
_LFS = "/{repo}.git/info/lfs"
_OID = "0" * 64
_CAS = "/xet/{epoch:segment}/{account:segment}"
_STORE = "/xet/0123abcd/nobody"

API: dict[str, Case] = {
    "GET /api/{kinds:kinds}/{id:id}": Case("see", _API),
    "GET /api/{kinds:kinds}/{id:id}/revision/{rest:rest}": Case("see", f"{_API}/revision/main"),
    "PUT /api/{kinds:kinds}/{id:id}/settings": Case("admin", f"{_API}/settings", send={"json": {}}),
    "POST /api/{kinds:kinds}/{id:id}/duplicate": Case(
        "read", f"{_API}/duplicate", (400,), {"json": {"repository": "no--name/at all"}}
    ),
    "GET /api/{kinds:kinds}/{id:id}/auth-check": Case("read", f"{_API}/auth-check"),
    "GET /api/{kinds:kinds}/{id:id}/auth-check/write": Case("write", f"{_API}/auth-check/write"),
    "POST /api/{kinds:kinds}/{id:id}/preupload/{rest:rest}": Case(
        "write", f"{_API}/preupload/main", send={"json": {"files": []}}
    ),
    "POST /api/{kinds:kinds}/{id:id}/commit/{rest:rest}": Case(
        "write", f"{_API}/commit/main", (400,), _NDJSON
    ),
    "POST /api/{kinds:kinds}/{id:id}/branch/{rest:rest}": Case(
        "write", f"{_API}/branch/refs%2Fpr%2F1", (400,), {"json": {}}
    ),
    "DELETE /api/{kinds:kinds}/{id:id}/branch/{rest:rest}": Case(
        "write", f"{_API}/branch/never", (404,)
    ),
    "POST /api/{kinds:kinds}/{id:id}/tag/{rest:rest}": Case(
        "write", f"{_API}/tag/never", (404,), {"json": {"tag": "v1"}}
    ),
    "DELETE /api/{kinds:kinds}/{id:id}/tag/{rest:rest}": Case("write", f"{_API}/tag/never", (404,)),
    "POST /api/{kinds:kinds}/{id:id}/super-squash/{rest:rest}": Case(
        "write", f"{_API}/super-squash/never", (404,), {"json": {}}
    ),
    "GET /api/{kinds:kinds}/{id:id}/tree/{rest:rawrest}": Case("read", f"{_API}/tree/main"),
    "POST /api/{kinds:kinds}/{id:id}/paths-info/{rest:rest}": Case(
        "read", f"{_API}/paths-info/main", send={"json": {"paths": []}}
    ),
    "GET /api/{kinds:kinds}/{id:id}/refs": Case("read", f"{_API}/refs"),
    "GET /api/{kinds:kinds}/{id:id}/commits/{rest:rest}": Case("read", f"{_API}/commits/main"),
    "GET /api/{kinds:kinds}/{id:id}/compare/{rest:rest}": Case(
        "read", f"{_API}/compare/main..main"
    ),
    "GET /api/{kinds:kinds}/{id:id}/lfs-files": Case("write", f"{_API}/lfs-files"),
    "POST /api/{kinds:kinds}/{id:id}/lfs-files/batch": Case(
        "write", f"{_API}/lfs-files/batch", send={"json": {"deletions": {"sha": []}}}
    ),
    "DELETE /api/{kinds:kinds}/{id:id}/lfs-files/{rest:rest}": Case(
        "write", f"{_API}/lfs-files/{_OID}"
    ),
    "POST /api/{kinds:kinds}/{id:id}/lfs-files/duplicate": Case(
        "read",
        f"{_API}/lfs-files/duplicate",
        (200, 404),
        {"json": {"target": {"type": "model", "name": "nobody/nothing"}, "files": []}},
    ),
    "GET /api/{kinds:kinds}/{id:id}/xet-read-token/{rest:rest}": Case(
        "read", f"{_API}/xet-read-token/main"
    ),
    "GET /api/{kinds:kinds}/{id:id}/xet-write-token/{rest:rest}": Case(
        "write", f"{_API}/xet-write-token/main"
    ),
    "GET /api/{kinds:kinds}/{id:id}/discussions": Case("see", f"{_API}/discussions"),
    "POST /api/{kinds:kinds}/{id:id}/discussions": Case(
        "read", f"{_API}/discussions", (501,), {"json": {}}
    ),
    "GET /api/{kinds:kinds}/{id:id}/discussions/{rest:rest}": Case(
        "see", f"{_API}/discussions/1", (404,)
    ),
    "GET /api/{kinds:kinds}/{id:id}/likers": Case("see", f"{_API}/likers"),
    "POST /api/{kinds:kinds}/{id:id}/like": Case("see", f"{_API}/like", (200, 401, 403)),
    "DELETE /api/{kinds:kinds}/{id:id}/like": Case("see", f"{_API}/like", (200, 401, 403)),
    "GET /api/{kinds:kinds}/{id:id}/safetensors-metadata/{rest:rest}": Case(
        "read", f"{_API}/safetensors-metadata/never", (404,)
    ),
    "GET /api/{kinds:kinds}/{id:full}/leaderboard": Case("see", f"{_API}/leaderboard", (404,)),
    "GET /api/{kinds:kinds}/{id:id}/download-stats": Case("see", f"{_API}/download-stats"),
    "GET /api/{kinds:kinds}/{id:id}/runtime": Case("see", f"{_API}/runtime", (404,)),
    "GET /{repo:repo}/resolve/{rest:rawrest}": Case("read", "/{repo}/resolve/main/.gitattributes"),
    "HEAD /{repo:repo}/resolve/{rest:rawrest}": Case("read", "/{repo}/resolve/main/.gitattributes"),
    "GET /{repo:repo}/raw/{rest:rawrest}": Case("read", "/{repo}/raw/main/.gitattributes"),
    "HEAD /{repo:repo}/raw/{rest:rawrest}": Case("read", "/{repo}/raw/main/.gitattributes"),
    "POST /api/repos/move": Case(
        "admin", "/api/repos/move", (400,), {"json": {"fromRepo": "{id}", "toRepo": "no--name/x x"}}
    ),
    "DELETE /api/repos/delete": Case(
        "admin", "/api/repos/delete", send={"json": {"name": "{id}", "type": "model"}}
    ),
}

WIRE: dict[str, Case] = {
    "GET /{repo:repo}/info/refs": Case("read", "/{repo}.git/info/refs?service=git-upload-pack"),
    "POST /{repo:repo}/git-upload-pack": Case(
        "read",
        "/{repo}.git/git-upload-pack",
        send={"content": b"0014command=ls-refs\n0000", "headers": {"git-protocol": "version=2"}},
    ),
    "POST /{repo:repo}/git-receive-pack": Case(
        "write", "/{repo}.git/git-receive-pack", send={"content": b"0000"}
    ),
    "POST /{repo:repo}/info/lfs/objects/batch": Case(
        "read",
        f"{_LFS}/objects/batch",
        send={"json": {"operation": "download", "objects": [{"oid": _OID, "size": 1}]}},
    ),
    "POST /{repo:repo}/info/lfs/objects/verify": Case(
        "read",
        f"{_LFS}/objects/verify",
        (404,),
        {"json": {"oid": _OID, "size": 1}},
    ),
    "POST /{repo:repo}/info/lfs/verify": Case(
        "read", f"{_LFS}/verify", (404,), {"json": {"oid": _OID, "size": 1}}
    ),
    "GET /{repo:repo}/info/lfs/objects/{oid}": Case("read", f"{_LFS}/objects/{_OID}", (404,)),
    "GET /{repo:repo}/info/lfs/locks": Case("read", f"{_LFS}/locks"),
    "POST /{repo:repo}/info/lfs/locks/verify": Case(
        "read", f"{_LFS}/locks/verify", send={"json": {}}
    ),
    "POST /{repo:repo}/info/lfs/locks": Case("write", f"{_LFS}/locks", (400, 422), {"json": {}}),
    "POST /{repo:repo}/info/lfs/locks/{lock_id}/unlock": Case(
        "write", f"{_LFS}/locks/999999/unlock", (404,), {"json": {}}
    ),
}

PAGES: dict[str, Case] = {
    "GET /{repo:repo}": Case("see", "/{repo}"),
    "GET /{repo:repo}/tree/{rest:rawrest}": Case("read", "/{repo}/tree/main"),
    "GET /{repo:repo}/blob/{rest:rawrest}": Case("read", "/{repo}/blob/main/.gitattributes"),
    "GET /{repo:repo}/archive/{name:rest}": Case("read", "/{repo}/archive/main.zip"),
    "GET /{repo:repo}/blame/{rest:rawrest}": Case("read", "/{repo}/blame/main/.gitattributes"),
    "GET /{repo:repo}/compare": Case("read", "/{repo}/compare"),
    "GET /{repo:repo}/compare/{spec:rest}": Case("read", "/{repo}/compare/main...main"),
    "GET /{repo:repo}/commits/{rest:rawrest}": Case("read", "/{repo}/commits/main"),
    "GET /{repo:repo}/commit/{revision:segment}": Case("read", "/{repo}/commit/{head}", (200, 404)),
    "POST /{repo:repo}/like": Case(
        "see", "/{repo}/like", (303, 403), {"data": {"liked": "no"}}, asks_who_first=True
    ),
    "GET /{repo:repo}/rollback/{revision:segment}": Case(
        "write", "/{repo}/rollback/{head}", (200, 404)
    ),
    "POST /{repo:repo}/rollback/{revision:segment}": Case(
        "write", "/{repo}/rollback/{head}", (404, 409), {"data": {}}
    ),
    "GET /{repo:repo}/settings": Case("admin", "/{repo}/settings", asks_who_first=True),
    "POST /{repo:repo}/settings/visibility": Case(
        "admin",
        "/{repo}/settings/visibility",
        (303,),
        {"data": {"visibility": "{visibility}"}},
    ),
    "POST /{repo:repo}/settings/rename": Case(
        "admin",
        "/{repo}/settings/rename",
        (400, 409, 422),
        {"data": {"name": "no--name"}},
        asks_who_first=True,
    ),
    "POST /{repo:repo}/settings/delete": Case(
        "admin",
        "/{repo}/settings/delete",
        (400, 422),
        {"data": {"typed": "something else"}},
        asks_who_first=True,
    ),
}

REPO_ROUTES = API | WIRE | PAGES

OPEN = {
    "GET /api/openapi.json",
    "HEAD /api/openapi.json",
    "GET /-/healthz",
    "GET /-/readyz",
    "GET /api/agent-harnesses",
    "GET /api/telemetry/{topic:rest}",
    "HEAD /api/telemetry/{topic:rest}",
    "POST /api/telemetry/{topic:rest}",
    "GET /api/tasks",
    "GET /api/spaces/templates",
    "GET /api/spaces/hardware",
    "GET /static/{version}/{name:path}",
    "GET /favicon.ico",
    "GET /robots.txt",
    "GET /-/patterns",
    "GET /-/avatars/{name}.svg",
}
"""Ask nobody who they are."""

FOR_ALL = {
    "GET /api/{kinds:kinds}": "/api/models",
    "GET /api/{kinds:kinds}/facets": "/api/models/facets",
    "GET /api/models-tags-by-type": "/api/models-tags-by-type",
    "GET /api/quicksearch": "/api/quicksearch",
    "GET /api/datasets-tags-by-type": "/api/datasets-tags-by-type",
    "GET /api/users/{name}/overview": "/api/users/{user}/overview",
    "GET /api/users/{name}/followers": "/api/users/{user}/followers",
    "GET /api/users/{name}/following": "/api/users/{user}/following",
    "GET /api/users/{name}/avatar": "/api/users/{user}/avatar",
    "GET /api/users/{name}/likes": "/api/users/{user}/likes",
    "GET /api/organizations/{name}/overview": "/api/organizations/{org}/overview",
    "GET /api/organizations/{name}/members": "/api/organizations/{org}/members",
    "GET /api/organizations/{name}/followers": "/api/organizations/{org}/followers",
    "GET /api/organizations/{name}/avatar": "/api/organizations/{org}/avatar",
    "GET /api/docs": "/api/docs",
    "GET /": "/",
    "GET /models": "/models",
    "GET /datasets": "/datasets",
    "GET /spaces": "/spaces",
    "GET /search": "/search",
    "GET /{name:segment}": "/{user}",
    "POST /api/validate-yaml": "/api/validate-yaml",
    "GET /-/metrics": "/-/metrics",
}
"""Serve everybody, but no wrong token."""

SIGNED_IN = {
    "GET /api/whoami": "/api/whoami",
    "GET /api/whoami-v2": "/api/whoami-v2",
    "GET /api/settings/repositories": "/api/settings/repositories",
    "GET /api/organizations/{name}/settings/repositories": (
        "/api/organizations/{org}/settings/repositories"
    ),
    "POST /api/repos/create": "/api/repos/create",
    "GET /settings": "/settings",
    "GET /settings/profile": "/settings/profile",
    "POST /settings/profile": "/settings/profile",
    "GET /settings/password": "/settings/password",
    "POST /settings/password": "/settings/password",
    "GET /settings/sessions": "/settings/sessions",
    "POST /settings/sessions/end-others": "/settings/sessions/end-others",
    "POST /settings/sessions/{which}/end": "/settings/sessions/nothing/end",
    "GET /settings/tokens": "/settings/tokens",
    "POST /settings/tokens": "/settings/tokens",
    "POST /settings/tokens/{number}/revoke": "/settings/tokens/999999/revoke",
    "GET /settings/organizations": "/settings/organizations",
    "POST /settings/organizations/{name:segment}/leave": "/settings/organizations/{org}/leave",
    "GET /organizations/new": "/organizations/new",
    "POST /organizations/new": "/organizations/new",
    "GET /organizations/{name:segment}/settings": "/organizations/{org}/settings",
    "POST /organizations/{name:segment}/settings": "/organizations/{org}/settings",
    "POST /organizations/{name:segment}/members": "/organizations/{org}/members",
    "POST /organizations/{name:segment}/members/{user:segment}/remove": (
        "/organizations/{org}/members/{user}/remove"
    ),
    "GET /settings/people": "/settings/people",
    "POST /settings/people/{name:segment}/password": "/settings/people/{user}/password",
    "POST /settings/people/{name:segment}/disable": "/settings/people/{user}/disable",
    "POST /settings/people/{name:segment}/enable": "/settings/people/{user}/enable",
    "GET /settings/invitations": "/settings/invitations",
    "POST /settings/invitations": "/settings/invitations",
    "POST /settings/invitations/{number}/revoke": "/settings/invitations/999999/revoke",
    "GET /new": "/new",
    "POST /new": "/new",
}
"""Send anonymous callers away."""

TICKETS = {
    "PUT /-/lfs/upload/{oid}": f"/-/lfs/upload/{_OID}",
    "PUT /-/lfs/part/{oid}": f"/-/lfs/part/{_OID}",
    "POST /-/lfs/complete/{oid}": f"/-/lfs/complete/{_OID}",
    "POST /-/lfs/verify/{oid}": f"/-/lfs/verify/{_OID}",
    "GET /-/lfs/download/{oid}": f"/-/lfs/download/{_OID}",
    "HEAD /-/lfs/download/{oid}": f"/-/lfs/download/{_OID}",
    "GET /-/xet/bytes/{sha256}": f"/-/xet/bytes/{_OID}",
    f"GET {_CAS}/v1/reconstructions": f"{_STORE}/v1/reconstructions",
    f"GET {_CAS}/v1/reconstructions/{{file}}": f"{_STORE}/v1/reconstructions/{_OID}",
    f"GET {_CAS}/v2/reconstructions/{{file}}": f"{_STORE}/v2/reconstructions/{_OID}",
    f"HEAD {_CAS}/v1/files/{{file}}": f"{_STORE}/v1/files/{_OID}",
    f"GET {_CAS}/v1/chunks/{{prefix}}/{{chunk}}": f"{_STORE}/v1/chunks/default/{_OID}",
    f"HEAD {_CAS}/v1/xorbs/{{prefix}}/{{xorb}}": f"{_STORE}/v1/xorbs/default/{_OID}",
    f"POST {_CAS}/v1/xorbs/{{prefix}}/{{xorb}}": f"{_STORE}/v1/xorbs/default/{_OID}",
    f"POST {_CAS}/v1/shards": f"{_STORE}/v1/shards",
    f"POST {_CAS}/v2/shards": f"{_STORE}/v2/shards",
    f"POST {_CAS}/v1/telemetry": f"{_STORE}/v1/telemetry",
}
"""Let in who has a signed address or token, which says for whom and for what it was made."""

NOWHERE = {
    f"{method} /xet/{{rest:rest}}" for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
}
"""Addresses of the chunk store that this hub does not have: 404 for everybody."""

FORMS = {
    "GET /login",
    "POST /login",
    "POST /logout",
    "GET /setup/{secret}",
    "POST /setup/{secret}",
    "GET /join",
    "POST /join",
    "GET /join/{secret}",
    "POST /join/{secret}",
    "GET /reset/{secret}",
    "POST /reset/{secret}",
}
"""The ways in, which have tests of their own."""

ALL = {*REPO_ROUTES, *OPEN, *FOR_ALL, *SIGNED_IN, *TICKETS, *NOWHERE, *FORMS}
