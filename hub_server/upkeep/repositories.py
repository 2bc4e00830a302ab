"""One repository: its packs, its refs, everything they reach, and its pointers to large files."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice

from sqlalchemy import select

from hub_server import git
from hub_server.db.tables.git import GitRef
from hub_server.db.tables.repos import Repo
from hub_server.git import Broken, Census, GitError, ObjectId, Pack, Tip
from hub_server.gitstore import HEADS
from hub_server.gitstore.records import PackRecord, live_packs
from hub_server.lfs import LARGEST
from hub_server.upkeep.findings import Finding, several
from hub_server.upkeep.looking import Look
from hub_server.upkeep.packs import open_pack, verified
from hub_server.upkeep.pointers import Pointers, pointer_findings

NAMED = 3
"""Ids of objects that a finding about many of them names."""
OBJECT_LIMIT = 2**31
FROM_A_CLONE = (
    "Bring the packs back from a backup of the store; without one, create the repository anew and "
    "push a complete clone of it."
)


@dataclass(frozen=True)
class Known:
    """What the database says of one repository at one moment."""

    id: int
    label: str
    head: str | None
    expected_head: str | None
    refs: Mapping[bytes, tuple[ObjectId, ObjectId | None]]
    packs: list[PackRecord]


def label(kind: str, full_name: str, *, deleted: bool = False) -> str:
    """`model/ada/tiny`, as `--repo` takes it."""
    return f"{kind}/{full_name}" + (" (deleted)" if deleted else "")


def known(look: Look, repo_id: int) -> Known | None:
    """The rows as they are now; None if the repository has been purged."""
    with look.hub.database.read() as session:
        columns = (Repo.kind, Repo.full_name, Repo.deleted_at, Repo.default_branch, Repo.head)
        row = session.execute(select(*columns).where(Repo.id == repo_id)).one_or_none()
        if row is None:
            return None
        lines = select(GitRef.name, GitRef.value, GitRef.peeled).where(GitRef.repo_id == repo_id)
        refs = {name: (value, peeled) for name, value, peeled in session.execute(lines)}
        packs = live_packs(session, repo_id)
    main = HEADS + row.default_branch.encode("utf-8", "surrogateescape")
    named = label(row.kind, row.full_name, deleted=row.deleted_at is not None)
    expected = refs[main][0] if main in refs else None
    return Known(repo_id, named, row.head, expected, refs, packs)


def check_repository(look: Look, repo_id: int) -> Iterator[Finding]:
    """Everything that is wrong with one repository, at most a few dozen findings of each kind."""
    repo = known(look, repo_id)
    if repo is None:
        return
    if repo.head != repo.expected_head:
        message = f"The row has the head {repo.head}, the default branch is {repo.expected_head}."
        advice = f"Run `hub-server reindex --repo {repo.label}`."
        yield Finding("error", "head-differs", "head", message, repo.label, advice)
    with ExitStack() as stack:
        packs: list[Pack] = []
        for record in repo.packs:
            pack, finding = open_pack(look, repo.id, repo.label, record, stack)
            packs += [pack] if pack else []
            if finding is not None:
                yield finding
        limit = max(look.hub.settings.max_git_object, OBJECT_LIMIT)
        census = Census(packs, limit=limit, small=LARGEST)
        for pack in packs if not look.fast else ():
            yield from verified(repo.label, census, pack)
        yield from _refs(repo, census)
        yield from _reached(look, repo, census)


def _refs(repo: Known, census: Census) -> Iterator[Finding]:
    """Refs that name nothing, or a tag whose commit is another than the row says."""
    finding = partial(Finding, "error", repo=repo.label, advice=FROM_A_CLONE)
    broken = (
        finding("ref-broken", _shown(name), f"{_shown(name)} names {value}, which is not there.")
        for name, (value, _) in sorted(repo.refs.items())
        if value not in census.objects
    )
    yield from several(
        broken, lambda count: finding("ref-broken", "…", f"{count} more refs name nothing.")
    )
    finding = partial(Finding, "error", repo=repo.label, advice="Delete and push the tag again.")
    differing = (
        finding("tag-differs", _shown(name), f"{_shown(name)} leads to {is_}, the row says {was}.")
        for name, was, is_ in _peeled(repo, census)
        if is_ != was
    )
    yield from several(
        differing, lambda count: finding("tag-differs", "…", f"{count} more tags differ.")
    )


def _peeled(
    repo: Known, census: Census
) -> Iterator[tuple[bytes, ObjectId | None, ObjectId | None]]:
    """For each ref that is there: its name, the commit its row has, the commit it leads to."""
    for name, (value, peeled) in sorted(repo.refs.items()):
        try:
            is_tag = census.objects.kind(value) == "tag"
            yield name, peeled, git.peel(census.objects, value) if is_tag else None
        except git.NotACommit:
            yield name, peeled, None
        except GitError:
            continue  # told as missing or damaged


def _reached(look: Look, repo: Known, census: Census) -> Iterator[Finding]:
    pointers = Pointers(look, repo.id)
    tips = [
        Tip(value, _shown(name))
        for name, (value, _) in sorted(repo.refs.items())
        if value in census.objects
    ]
    broken = census.reach(tips, pointers.meet)
    first = list(islice(broken, NAMED))
    if first:
        count = len(first) + sum(1 for _ in broken)
        yield _incomplete(repo.label, count, first)
    pointers.settle()
    yield from pointer_findings(repo.label, pointers, census.objects, tips)


def _incomplete(repo: str, count: int, first: Iterable[Broken]) -> Finding:
    said = "; ".join(f"{each.object_id} {each.reason} ({each.by} names it)" for each in first)
    message = f"Its refs reach {count} objects that are not as they should be: {said}."
    return Finding("error", "objects-missing", "objects", message, repo, FROM_A_CLONE)


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
