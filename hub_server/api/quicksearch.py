"""What somebody may mean who types into the search box: repositories, people, organizations."""

from collections.abc import Sequence
from typing import Any, Literal

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session

from hub_server.accounts import Caller, users
from hub_server.api.shapes import account_summary, many
from hub_server.catalog import TagSets, names
from hub_server.db.tables.repos import KINDS, Kind
from hub_server.edge import CurrentCaller, ReadSession, TheSets
from hub_server.errors import BadRequest, Unauthorized

router = APIRouter(tags=["listings"])

USUAL, MOST = 8, 50
LONGEST = 1_000
ACCOUNTS: tuple[tuple[Literal["user", "org"], str], ...] = (("user", "users"), ("org", "orgs"))
ELSEWHERE = ("papers", "collections", "posts")
"""What the public Hub finds beside these, and this hub has none of."""


@router.get("/api/quicksearch")
def quicksearch(
    request: Request, session: ReadSession, sets: TheSets, caller: CurrentCaller
) -> dict[str, Any]:
    """Suggestions for `q` of each `type`, all unless told; `limit` of each, 8 unless told.

    Where nothing is found, `didYouMean` has the words that names have in place of mistyped ones.
    """
    if not caller.reads_public:
        raise Unauthorized("Invalid username or password.")
    typed, limit, types = _typed(request), _limit(request), _types(request)
    kinds = [kind for kind in KINDS if not types or kind in types]
    found = _repos(session, sets, caller, kinds, (typed, limit))
    for kind, name in ACCOUNTS:
        if not types or kind in types:
            some, count = users.beginning(session, kind, typed, limit)
            found[name] = [account_summary(request, account) for account in some]
            found[f"{name}Count"] = count
    if not any(found.values()):
        found["didYouMean"] = names.meant(session, typed)
    none: dict[str, Any] = {
        key: value for name in ELSEWHERE for key, value in ((name, []), (f"{name}Count", 0))
    }
    return {"q": typed, **found, **none}


def _typed(request: Request) -> str:
    typed = request.query_params.get("q", "")
    if len(typed) > LONGEST:
        raise BadRequest("A search takes at most {most} characters.", most=LONGEST)
    return typed.encode("utf-8", "replace").decode().strip()


def _limit(request: Request) -> int:
    text = request.query_params.get("limit") or str(USUAL)
    if not text.isdecimal():
        raise BadRequest('"limit" must be a number.')
    return min(int(text[:6]), MOST) or 1


def _types(request: Request) -> set[str]:
    """As `model` or `models`, one or several; empty for all."""
    words = {word for text in many(request, "type") for word in text.split(",")}
    return {word.strip().removesuffix("s") for word in words} - {"", "all"}


def _repos(
    session: Session, sets: TagSets, caller: Caller, kinds: Sequence[Kind], asked: tuple[str, int]
) -> dict[str, Any]:
    """`asked`: what was typed, and how many of each kind are wanted."""
    typed, limit = asked
    found = {kind: names.suggest(session, sets, caller, kind, typed, limit) for kind in kinds}
    full = [kind for kind, some in found.items() if len(some) == limit]
    counts = names.counts(session, sets, caller, full, typed) if full else {}
    answer: dict[str, Any] = {}
    for kind, some in found.items():
        answer[f"{kind}s"] = [
            {
                "_id": each.public_id,
                "id": each.full_name,
                "private": each.private,
                "trendingWeight": each.trending,
            }
            for each in some
        ]
        answer[f"{kind}sCount"] = max(counts.get(kind, 0), len(some))
    return answer
