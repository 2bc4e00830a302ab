"""The history of a revision or a path, and one commit with its changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby, zip_longest
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
    """`note` is a message id instead of, or above, the lines. `sizes` are those of a large file
    before and after; `before` and `after` are addresses of a picture.
    """

    path: str
    anchor: str
    state: State
    lines: tuple[DiffLine, ...] = ()
    old_path: str = ""
    url: str = ""
    note: str = ""
    is_lfs: bool = False
    sizes: tuple[int | None, int | None] = (None, None)
    before: str = ""
    after: str = ""
    is_folded: bool = False

    @property
    def pairs(self) -> Iterator[tuple[DiffLine | None, DiffLine | None]]:
        """The lines for two columns: what went beside what came instead. Gaps stand left."""
        for kind, group in groupby(self.lines, key=lambda line: line.kind in ("add", "del")):
            if not kind:
                yield from ((line, line if line.kind == "same" else None) for line in group)
                continue
            run = list(group)
            gone = [line for line in run if line.kind == "del"]
            yield from zip_longest(gone, [line for line in run if line.kind == "add"])

    @property
    def added(self) -> int:
        return sum(line.kind == "add" for line in self.lines)

    @property
    def removed(self) -> int:
        return sum(line.kind == "del" for line in self.lines)


@dataclass(frozen=True)
class Layouts:
    """Where the same changes stand in one column, and in two."""

    one_url: str
    two_url: str
    is_split: bool = False


@dataclass(frozen=True)
class CommitPage:
    """`back_url` leads those who may write to rolling a branch back to this commit."""

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
    layouts: Layouts = Layouts("", "")
    is_reachable: bool = True
    is_cut: bool = False
    back_url: str = ""

    @property
    def added(self) -> int:
        return sum(file.added for file in self.files)

    @property
    def removed(self) -> int:
        return sum(file.removed for file in self.files)


@dataclass(frozen=True)
class ComparePage:
    """`commits` are those that `head` has and `base` has not; None where nothing was compared yet.

    `names` are branches and tags to choose from, `refused` a translated sentence.
    """

    repo: RepoHead
    base: str
    head: str
    action: str
    names: tuple[str, ...]
    commits: tuple[CommitLine, ...] | None = None
    has_more: bool = False
    is_unrelated: bool = False
    files: tuple[DiffFile, ...] = ()
    file_count: int = 0
    is_cut: bool = False
    layouts: Layouts = Layouts("", "")
    swapped_url: str = ""
    refused: str = ""

    @property
    def added(self) -> int:
        return sum(file.added for file in self.files)

    @property
    def removed(self) -> int:
        return sum(file.removed for file in self.files)


@dataclass(frozen=True)
class RollbackPage:
    """What would change on `branch`, which is at `head`, if it got the files of `commit`."""

    repo: RepoHead
    commit: CommitLine
    branch: str
    branches: tuple[str, ...]
    head: str
    action: str
    compare_url: str
    files: tuple[tuple[State, str], ...]
    file_count: int
    message: str = ""
    refused: str = ""
