"""Commits, refs and differences as the API and the pages show them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub_server.contents.hub import Hub
from hub_server.contents.snapshots import ContentFacts, raw, resolve
from hub_server.db.tables.accounts import Account
from hub_server.errors import BadRequest
from hub_server.git import (
    Commit,
    ObjectId,
    is_ancestor,
    merge_base,
    read_commit,
    search,
    short_name,
)
from hub_server.git.diffs import DiffLimits, FileDiff, file_diffs, unified
from hub_server.git.sources import RefLine
from hub_server.gitstore import CONVERTS, HEADS, PULLS, TAGS


@dataclass(frozen=True, slots=True)
class Author:
    """`user` is the account's name where the e-mail address is known, else what Git says."""

    user: str
    has_account: bool


@dataclass(frozen=True, slots=True)
class Window:
    """Which commits of a log: `limit` of them after `skip`, with `path` those that changed it.

    `most` bounds how many commits are looked at.
    """

    skip: int = 0
    limit: int = 50
    path: str | None = None
    most: int | None = None


FIRST = Window()


@dataclass(frozen=True, slots=True)
class LogPage:
    """`authors` holds one for each commit, in order. `stopped`: where the window's bound ended the
    search; the same log goes on from there."""

    commits: Sequence[Commit]
    authors: Sequence[Author]
    more: bool
    stopped: ObjectId | None = None


@dataclass(frozen=True, slots=True)
class RefInfo:
    """`name` as people say it, `ref` in full; the commit is that of an annotated tag's target."""

    name: str
    ref: str
    target: ObjectId


@dataclass(frozen=True, slots=True)
class Refs:
    branches: list[RefInfo]
    converts: list[RefInfo]
    tags: list[RefInfo]
    pull_requests: list[RefInfo]


def commit_log(
    hub: Hub,
    session: Session,
    repo: ContentFacts,
    revision: str,
    window: Window = FIRST,
) -> LogPage:
    """Newest first. Raises RevisionNotFound."""
    start = resolve(hub, session, repo, revision).commit
    objects = hub.git.open(repo.id, session=session).objects
    wanted = raw(window.path) if window.path else None
    found, stopped = search(
        objects,
        start,
        path=wanted,
        skip=window.skip,
        limit=window.limit + 1,
        most=window.most,
    )
    commits = found[: window.limit]
    more = len(found) > window.limit
    return LogPage(commits, authors_of(session, commits), more, None if more else stopped)


def one_commit(
    hub: Hub, session: Session, repo: ContentFacts, revision: str
) -> tuple[Commit, Author]:
    start = resolve(hub, session, repo, revision).commit
    commit = read_commit(hub.git.open(repo.id, session=session).objects, start)
    return commit, authors_of(session, [commit])[0]


def authors_of(session: Session, commits: Sequence[Commit]) -> list[Author]:
    """One statement for all of them."""
    names = _accounts(session, {commit.author.email.lower() for commit in commits})
    found = []
    for commit in commits:
        name = names.get(commit.author.email.lower())
        found.append(Author(name or commit.author.name or "unknown", name is not None))
    return found


def _accounts(session: Session, emails: Collection[str]) -> Mapping[str, str]:
    """Names of the accounts with these addresses, and with our own made-up ones."""
    known = {email for email in emails if email}
    if not known:
        return {}
    noreply = {email.removesuffix(NOREPLY): email for email in known if email.endswith(NOREPLY)}
    rows = session.execute(
        select(Account.name, Account.name_key, Account.email_key).where(
            Account.email_key.in_(known) | Account.name_key.in_(noreply.keys())
        )
    )
    found: dict[str, str] = {}
    for name, name_key, email_key in rows:
        if email_key in known:
            found[email_key] = name
        if name_key in noreply:
            found[noreply[name_key]] = name
    return found


NOREPLY = "@users.noreply.hub"
"""Who hides an address, or has none, commits over HTTP as `name` at this made-up host."""


def list_refs(
    hub: Hub, session: Session, repo: ContentFacts, *, pull_requests: bool = False
) -> Refs:
    prefixes = [HEADS, CONVERTS, TAGS, *([PULLS] if pull_requests else [])]
    lines = hub.git.open(repo.id, session=session).refs(prefixes)
    under = {
        place: [_ref(line) for line in lines if line.name.startswith(place)]
        for place in (HEADS, CONVERTS, TAGS, PULLS)
    }
    return Refs(under[HEADS], under[CONVERTS], under[TAGS], under[PULLS])


def _ref(line: RefLine) -> RefInfo:
    full = line.name.decode("utf-8", "replace")
    name = short_name(line.name).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if line.name.startswith((PULLS, CONVERTS)):
        name = full.rpartition("/")[2]
    return RefInfo(name, full, line.peeled or line.id)


MOST_TIPS = 50


def is_reachable(hub: Hub, session: Session, repo: ContentFacts, commit: ObjectId) -> bool:
    """Whether a branch or tag holds the commit; the default branch and 50 others are looked at."""
    repository = hub.git.open(repo.id, session=session)
    lines = repository.refs(None)
    tips = dict.fromkeys([*filter(None, [repo.head]), *(line.peeled or line.id for line in lines)])
    objects = repository.objects
    return any(is_ancestor(objects, commit, tip) for tip in list(tips)[:MOST_TIPS])


def compare(hub: Hub, session: Session, repo: ContentFacts, spec: str) -> Iterator[bytes]:
    """The text of `git diff base...head` (since they parted) or `base..head` (between the two).

    Raises BadRequest and RevisionNotFound before the first byte.
    """
    symmetric = "..." in spec
    base, dots, head = spec.partition("..." if symmetric else "..")
    if not dots or not base or not head:
        raise BadRequest("Name two revisions to compare, as in main...dev.")
    old = resolve(hub, session, repo, base).commit
    new = resolve(hub, session, repo, head).commit
    objects = hub.git.open(repo.id, session=session).objects
    start = merge_base(objects, old, new) if symmetric else old
    return unified(objects, start, new)


def commit_diff(
    hub: Hub, session: Session, repo: ContentFacts, commit: Commit, limits: DiffLimits | None = None
) -> Iterator[FileDiff]:
    """What a commit changed, compared with its first parent."""
    objects = hub.git.open(repo.id, session=session).objects
    old = read_commit(objects, commit.parents[0]).tree if commit.parents else None
    return file_diffs(objects, old, commit.tree, limits=limits)
