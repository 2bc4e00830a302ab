"""A file with the commit that brought each of its lines."""

from dataclasses import dataclass

from markupsafe import Markup

from hub_server.web.views.shared import CommitLine, Crumb, RepoHead, Revisions


@dataclass(frozen=True)
class BlameGroup:
    """Lines one below the other that came with one commit, from number `first` on.

    `commit` is None where it was not found in time.
    """

    first: int
    lines: tuple[Markup, ...]
    commit: CommitLine | None


@dataclass(frozen=True)
class BlamePage:
    """`why` is a message id where there are no groups to show, or not all of them are known."""

    repo: RepoHead
    revisions: Revisions
    crumbs: tuple[Crumb, ...]
    name: str
    path: str
    file_url: str
    history_url: str
    groups: tuple[BlameGroup, ...] = ()
    why: str = ""
