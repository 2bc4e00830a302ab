"""Error pages: what happened, whether anything was lost, what to do. `app` hands this to edge."""

from http import HTTPStatus

from fastapi import Request
from starlette.responses import Response

from hub_server import repos
from hub_server.edge.paths import RepoRef
from hub_server.errors import EntryNotFound, HubError, RepoNotFound, RevisionNotFound, Unauthorized
from hub_server.web.places import quoted
from hub_server.web.rendering import caller_of, catalog_of, here_of, render
from hub_server.web.views.errors import ErrorPage
from hub_server.web.views.page import Link

# Their words are made for programs; the page's own say the same to people.
WORDLESS = (RepoNotFound, Unauthorized)


def error_page(request: Request, error: HubError) -> Response:
    """An error as a page, in the reader's language."""
    caller = caller_of(request)
    anonymous = caller is None
    status = HTTPStatus.UNAUTHORIZED if _asks_to_sign_in(error, anonymous) else error.status
    said = "" if _is_wordless(error) else str(catalog_of(request).error(error))
    safe = request.method in ("GET", "HEAD")
    view = ErrorPage(
        status=status,
        code=error.code,
        said=said,
        request_id=str(getattr(request.state, "request_id", "")),
        anonymous=anonymous,
        retry_url=here_of(request) if safe else "",
        repo=_repo(request, error),
    )
    return render(request, "errors/error.html", view, status=status)


def _repo(request: Request, error: HubError) -> Link | None:
    """The repository in which a revision or a path is missing: the reader may see it."""
    found = request.scope.get("path_params", {}).get("repo")
    if not isinstance(error, RevisionNotFound | EntryNotFound) or not isinstance(found, RepoRef):
        return None
    return Link(found.name, quoted(repos.web_path(found.kind, found.name)))


def _asks_to_sign_in(error: HubError, anonymous: bool) -> bool:
    return isinstance(error, RepoNotFound) and anonymous


def _is_wordless(error: HubError) -> bool:
    if isinstance(error, RevisionNotFound):
        return False
    return isinstance(error, WORDLESS) or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
