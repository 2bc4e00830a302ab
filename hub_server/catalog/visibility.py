"""Which repositories a caller may see, as a set: what `accounts.visible_clause` says of rows."""

from collections.abc import Iterable, Iterator, Sequence

from pyroaring import BitMap
from sqlalchemy import select

from hub_server.accounts import Caller, visible_clause
from hub_server.catalog import tagging
from hub_server.catalog.sets import EMPTY, View, union
from hub_server.catalog.tagging import Pair
from hub_server.db.tables.repos import KINDS, Kind, Repo


def visible(view: View, caller: Caller, kinds: Sequence[Kind] = KINDS) -> BitMap:
    """All of these kinds that the caller may know of."""
    pairs = [pair for kind in kinds for pair in visible_pairs(caller, kind)]
    return union([view.tagged(pairs), *(named(view, caller, kind) for kind in kinds)])


def visible_pairs(caller: Caller, kind: Kind) -> list[Pair]:
    """Tags whose repositories the caller may see; `named` has the rest."""
    if not caller.reads_public:
        return []
    return [tagging.public(kind), *_hidden(caller, kind)]


def _hidden(caller: Caller, kind: Kind) -> Iterator[Pair]:
    spaces = _namespaces(caller)
    token = caller.token
    if token is None or token.role != "fine-grained":
        if caller.is_admin:
            yield tagging.hidden(kind)
        else:
            yield from (tagging.private(number, kind) for number in spaces)
        return
    whole = (scope for scope in token.scopes if scope.kind in (None, kind))
    for number in (scope.namespace_id for scope in whole):
        if number is not None and (caller.is_admin or number in spaces):
            yield tagging.private(number, kind)


def _namespaces(caller: Caller) -> frozenset[int]:
    own = [] if caller.user_id is None else [caller.user_id]
    return frozenset([*own, *caller.roles])


def named(view: View, caller: Caller, kind: Kind) -> BitMap:
    """What sets of namespaces cannot tell, from rows: the repositories that a token names, and all
    where the caller may not see every public one."""
    statement = select(Repo.id).where(Repo.kind == kind, visible_clause(caller))
    if caller.reads_public:
        ids = list(_scoped(caller))
        if not ids:
            return EMPTY
        statement = statement.where(Repo.id.in_(ids))
    elif caller.user_id is None and not caller.roles and not caller.is_admin:
        return EMPTY
    return BitMap(view.session.connection().execute(statement).scalars())


def _scoped(caller: Caller) -> Iterable[int]:
    token = caller.token
    if token is None or token.role != "fine-grained":
        return ()
    return (scope.repo_id for scope in token.scopes if scope.repo_id is not None)
