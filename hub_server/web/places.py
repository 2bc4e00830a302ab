"""Where things of a repository are: addresses of its pages, and what an address means."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy.orm import Session

from hub_server import contents, repos
from hub_server.contents import Hub, RefInfo, Snapshot
from hub_server.db.tables.repos import Repo
from hub_server.edge import at_revision
from hub_server.web.views.shared import Crumb, Revisions


@dataclass(frozen=True)
class Place:
    """A path of a repository at a revision, as the address spelled it."""

    repo: Repo
    revision: str
    path: str
    snapshot: Snapshot

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2] or self.repo.name

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]


def find_place(hub: Hub, session: Session, repo: Repo, rest: str) -> Place:
    """What `rest` (revision and path) names; raises RevisionNotFound."""
    return at_revision(
        rest,
        lambda revision, path: Place(
            repo, revision, path, contents.snapshot(hub, session, repo, revision)
        ),
    )


def quoted(path: str) -> str:
    """A path for an address; names that are no text travel as the bytes they are."""
    return quote(path.encode("utf-8", "surrogateescape"), safe="/~!$'()*,;:@&=+-._")


def address(repo: Repo, page: str, revision: str, path: str = "") -> str:
    """`/ada/tiny/tree/feat%2Fx/runs`, without the hub's prefix."""
    encoded = quote(revision.encode("utf-8", "surrogateescape"), safe="")
    base = f"{quoted(repos.web_path(repo.kind, repo.full_name))}/{page}/{encoded}"
    return f"{base}/{quoted(path)}" if path else base


def crumbs(place: Place) -> tuple[Crumb, ...]:
    """From the root of the repository to the folder above."""
    if not place.path:
        return ()
    root = Crumb(place.repo.name, address(place.repo, "tree", place.revision))
    return (root, *(_crumb(place, above) for above in _above(place.path)))


def _above(path: str) -> Iterator[str]:
    parts = path.split("/")
    for depth in range(1, len(parts)):
        yield "/".join(parts[:depth])


def _crumb(place: Place, path: str) -> Crumb:
    return Crumb(path.rpartition("/")[2], address(place.repo, "tree", place.revision, path))


def revisions(hub: Hub, session: Session, place: Place, page: str) -> Revisions:
    """The branch picker of a page that shows `place`."""
    refs = contents.list_refs(hub, session, place.repo)

    def linked(found: list[RefInfo]) -> tuple[tuple[str, str], ...]:
        return tuple((ref.name, address(place.repo, page, ref.name, place.path)) for ref in found)

    branches = linked(refs.branches)
    is_branch = any(name == place.revision for name, _ in branches)
    return Revisions(place.revision, is_branch, branches, linked(refs.tags))
