"""The index of the catalog against the rows that it follows from."""

from collections.abc import Iterator

from sqlalchemy import select

from hub_server import catalog
from hub_server.db.tables.repos import Repo
from hub_server.upkeep.findings import Finding, several
from hub_server.upkeep.looking import Look

ANEW = "Run `hub-server reindex --anew`."
SETS = "Run `hub-server reindex --bits`."


def check_catalog(look: Look) -> Iterator[Finding]:
    """Tags of repositories, sets, counts and words of names, of one moment."""
    with look.hub.database.read() as session:
        if catalog.is_built(session):
            found = (_finding(each) for each in catalog.differences(session))
            yield from several(found, _more)
        elif session.scalar(select(Repo.id).where(Repo.deleted_at.is_(None)).limit(1)):
            message = "Nothing has been indexed; listings show nothing."
            yield Finding("note", "catalog-empty", "catalog", message, "", ANEW)


def _finding(found: catalog.Difference) -> Finding:
    advice = SETS if found.by_sets else ANEW
    return Finding("error", "catalog-wrong", found.subject, found.message, "", advice)


def _more(count: int) -> Finding:
    return Finding("error", "catalog-wrong", "catalog", f"{count} more are wrong.", "", ANEW)
