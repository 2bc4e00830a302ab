"""The page of the search box: what it suggests, for those who press Enter or have no script."""

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server.accounts import Caller, users
from hub_server.catalog import TagSets, names
from hub_server.db.tables.repos import KINDS
from hub_server.edge import CurrentCaller, ReadSession, TheSets
from hub_server.errors import Unauthorized
from hub_server.repos import web_path
from hub_server.web import filters
from hub_server.web.rendering import render
from hub_server.web.rows import person
from hub_server.web.views.search import FoundRepo, FoundRepos, SearchPage

router = APIRouter(include_in_schema=False)
OF_EACH = 8
LONGEST = 200


@router.get("/search")
def show_search(
    request: Request, session: ReadSession, sets: TheSets, caller: CurrentCaller
) -> Response:
    if not caller.reads_public:
        raise Unauthorized("Invalid username or password.")
    typed = request.query_params.get("q", "").replace("\0", "")[:LONGEST].strip()
    return render(request, "search/search.html", _found(session, sets, caller, typed))


def _found(session: Session, sets: TagSets, caller: Caller, typed: str) -> SearchPage:
    if not typed:
        return SearchPage("")
    counts = names.counts(session, sets, caller, KINDS, typed)
    groups = []
    for kind in KINDS:
        some = names.suggest(session, sets, caller, kind, typed, OF_EACH)
        repos = tuple(FoundRepo(e.full_name, web_path(kind, e.full_name), e.private) for e in some)
        everything = filters.address(f"/{kind}s", [("search", typed)])
        groups.append(FoundRepos(kind, max(counts.get(kind, 0), len(repos)), everything, repos))
    people = [
        account
        for which in ("user", "org")
        for account in users.beginning(session, which, typed, OF_EACH)[0]
    ]
    nothing = not people and not any(group.repos for group in groups)
    return SearchPage(
        typed,
        tuple(group for group in groups if group.repos),
        tuple(person(account) for account in people),
        nearest=(names.meant(session, typed) or "") if nothing else "",
        in_texts=filters.address("/models", [("text", typed)]),
    )
