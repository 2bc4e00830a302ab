"""The history of a revision or a path, and one commit with its changes."""

from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Literal

from markupsafe import Markup

from hub_server.web.views.page import Person
from hub_server.web.views.shared import CommitLine, Crumb, Pager, RepoHead, Revisions

State = Literal["added", "removed", "changed", "renamed"]


@dataclass(frozen=True)
class CommitsPage:
    """`searched`: so many commits were looked at, and older ones, at `older_url`, were not."""

    repo: RepoHead
    revisions: Revisions
    commits: tuple[CommitLine, ...]
    pager: Pager
    crumbs: tuple[Crumb, ...] = ()
    path: str = ""
    file_url: str = ""
    searched: int = 0
    older_url: str = ""

    @property
    def days(self) -> list[tuple[datetime, list[CommitLine]]]:
        """Commits of one day together, in the order of the log."""

        def day(commit: CommitLine) -> date:
            return commit.date.date()

        grouped = [list(group) for _, group in groupby(self.commits, key=day)]
        return [(group[0].date, group) for group in grouped]


@dataclass(frozen=True)
class DiffLine:
    """`text` may mark changed words with <ins> and <del>. Gaps carry the hunk's head."""

    kind: Literal["same", "add", "del", "gap"]
    text: str | Markup
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True)
class DiffFile:
    """`note` is a message id instead of, or above, the lines."""

    path: str
    anchor: str
    state: State
    lines: tuple[DiffLine, ...] = ()
    old_path: str = ""
    url: str = ""
    note: str = ""
    is_lfs: bool = False

    @property
    def added(self) -> int:
        return sum(line.kind == "add" for line in self.lines)

    @property
    def removed(self) -> int:
        return sum(line.kind == "del" for line in self.lines)


@dataclass(frozen=True)
class CommitPage:
    """`branches` are the first few that hold the commit; none: it is on no branch or tag."""

    repo: RepoHead
    id: str
    title: str
    body: str
    author: Person
    date: datetime
    parents: tuple[tuple[str, str], ...]
    tree_url: str
    files: tuple[DiffFile, ...]
    file_count: int
    is_reachable: bool = True
    is_cut: bool = False

    @property
    def added(self) -> int:
        return sum(file.added for file in self.files)

    @property
    def removed(self) -> int:
        return sum(file.removed for file in self.files)
