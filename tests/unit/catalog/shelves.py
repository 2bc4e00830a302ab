"""Hubs full of repositories with tags, and what any question must answer, by looking at each."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from pyroaring import BitMap
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub_server import catalog
from hub_server.accounts import ANONYMOUS, OPERATOR, Caller, can_see
from hub_server.accounts.callers import STRANGER, TokenGrant
from hub_server.accounts.scopes import Scope
from hub_server.cards import IndexRecord, Tag
from hub_server.catalog import Question
from hub_server.catalog.pages import COLUMNS
from hub_server.catalog.sets import read_sets
from hub_server.db import Database, now
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.catalog import CardText, CatalogClock, RepoTag, TagBits, TagRow
from hub_server.db.tables.repos import Kind, Repo
from hub_server.events import HEARING, Events, RefsUpdated, ReposChanged, ReposPurged, announce
from tests.support.people import make_org, make_repo, make_user

START = now() - timedelta(days=100)


def listening(database: Database) -> Database:
    """As the database of a hub: what rooms announce is heard."""
    events = Events()
    events.on(RefsUpdated, catalog.refs_updated)
    events.on(ReposChanged, catalog.repos_changed)
    events.on(ReposPurged, catalog.repos_purged)
    database.session_info[HEARING] = events
    return database


def record(kind: Kind = "model", *tags: str, **fields: Any) -> IndexRecord:
    """Of a card with these tags, written `type:name`."""
    typed = tuple(Tag(*tag.split(":", 1)) for tag in tags)  # type: ignore[arg-type]
    texts = tuple(tag.text(kind) for tag in typed)
    return IndexRecord(kind, {}, typed, texts, **fields)


def empty(database: Database) -> None:
    """No repositories, no accounts and no index any more."""
    with database.write() as session:
        for table in (RepoTag, TagBits, CardText, Repo, TagRow, CatalogClock, Account):
            session.execute(delete(table))


@dataclass
class Book:
    """What a repository is like, and what is known of it."""

    tags: tuple[str, ...] = ()
    kind: Kind = "model"
    owner: str = "ada"
    private: bool = False
    gated: bool = False
    deleted: bool = False
    parameters: int = 0
    columns: Mapping[str, Any] = field(default_factory=dict)


def add(session: Session, owner: Account, name: str, book: Book) -> Repo:
    """The row of a repository, before the catalog has heard of it."""
    return make_repo(
        session, owner, name, kind=book.kind, private=book.private,
        gated="auto" if book.gated else None, **book.columns,
    )  # fmt: skip


def record_of(book: Book) -> IndexRecord:
    totals = {"parameters": {}, "total": book.parameters} if book.parameters else None
    pipeline = next((t.partition(":")[2] for t in book.tags if t.startswith("pipeline_tag:")), None)
    return record(book.kind, *book.tags, pipeline_tag=pipeline, safetensors=totals)


def fill(database: Database, books: Iterable[Book]) -> list[int]:
    """`ada`, `bob` and the organization `lab` of both with these repositories; their ids."""
    with database.write() as session:
        ada, bob = make_user(session, "ada"), make_user(session, "bob")
        owners = {"ada": ada, "bob": bob, "lab": make_org(session, "lab", admin=ada, read=bob)}
        made = [
            (add(session, owners[book.owner], f"r{number}", book), book)
            for number, book in enumerate(books)
        ]
        catalog.replace(session, {repo.id: record_of(book) for repo, book in made})
        gone = [repo for repo, book in made if book.deleted]
        for repo in gone:
            repo.deleted_at = now()
        session.flush()
        announce(session, ReposChanged(tuple(repo.id for repo in gone)))
        return [repo.id for repo, _ in made]


def callers(session: Session) -> dict[str, Caller]:
    """Everybody who may ask: nobody, members, administrators, and tokens that narrow them."""
    ids = dict(session.execute(select(Account.name, Account.id)).all())
    ada = Caller(user_id=ids["ada"], name="ada", via="session", roles={ids["lab"]: "admin"})
    bob = Caller(user_id=ids["bob"], name="bob", via="session", roles={ids["lab"]: "read"})
    some = session.scalars(select(Repo.id).order_by(Repo.id).limit(6)).all()
    named = [Scope("repo.read", "x", None, repo_id=number) for number in some]
    spaces = [
        Scope("repo.read", "lab", "model", namespace_id=ids["lab"]),
        Scope("repo.write", "bob", None, namespace_id=ids["bob"]),
    ]
    return {
        "nobody": ANONYMOUS,
        "stranger": STRANGER,
        "operator": OPERATOR,
        "ada": ada,
        "bob": bob,
        "reading": replace(bob, token=_grant("read")),
        "named": replace(bob, token=_grant("fine-grained", named)),
        "spaces": replace(ada, token=_grant("fine-grained", spaces)),
        "both": replace(ada, is_admin=True, token=_grant("fine-grained", [*named, *spaces])),
        "narrow": replace(OPERATOR, token=_grant("fine-grained", spaces)),
        "none": replace(ada, token=_grant("fine-grained")),
        "odd": replace(ada, reads_public=False),
    }


def _grant(role: Any, scopes: Iterable[Scope] = ()) -> TokenGrant:
    return TokenGrant(1, "t", role, tuple(scopes), START, None, stale=False)


def answer(session: Session, question: Question, caller: Caller) -> list[int]:
    """Ids in order, by looking at every row: what `catalog.listing` is measured by."""
    rows = session.scalars(select(Repo).where(Repo.deleted_at.is_(None))).all()
    found = [repo for repo in rows if can_see(caller, repo) and _meets(repo, question)]
    column = COLUMNS[question.sort].key
    found.sort(key=lambda repo: (getattr(repo, column), repo.id), reverse=True)
    return [repo.id for repo in found]


def _meets(repo: Repo, question: Question) -> bool:
    own = [(tag["type"], tag["name"]) for tag in repo.facts.get("typed_tags", ())]
    wanted = (
        repo.kind == question.kind,
        all(_has(own, word) for word in question.filters),
        question.author is None or repo.namespace.lower() == question.author.lower(),
        all(_called(repo.name_key, word.lower()) for word in question.search),
        question.pipeline_tag in (None, repo.pipeline_tag),
        question.gated in (None, repo.gated is not None),
        all(name in repo.facts.get(kind, ()) for kind, name in question.links),
        question.parameters is None or _within(repo.parameters, *question.parameters),
    )
    return all(wanted)


def _called(name: str, piece: str) -> bool:
    """Short pieces begin the namespace or the name."""
    return piece in name if len(piece) > 2 else f"/{piece}" in f"/{name}"


def _has(own: Collection[tuple[str, str]], word: str) -> bool:
    return any(word in (name, f"{kind}:{name}") for kind, name in own)


def _within(parameters: int, least: int | None, most: int | None) -> bool:
    return parameters > 0 and (least or 0) <= parameters <= (most or 2**63)


def contradictions(session: Session) -> Iterator[str]:
    """Where sets, rows and counts do not say the same."""
    public = set(
        session.scalars(select(Repo.id).where(Repo.private.is_(False), Repo.deleted_at.is_(None)))
    )
    rows: dict[int, set[int]] = {}
    for tag, repo in session.execute(select(RepoTag.tag_id, RepoTag.repo_id)):
        rows.setdefault(tag, set()).add(repo)
    tags = {tag.id: tag for tag in session.scalars(select(TagRow))}
    sizes: dict[int, int] = {}
    for tag, n, bits in session.execute(select(TagBits.tag_id, TagBits.n, TagBits.bits)):
        sizes[tag] = sizes.get(tag, 0) + n
        if n != len(BitMap.deserialize(bits)):
            yield f"{tags[tag].name}: a row says {n}"
    sets = read_sets(session, list(tags))
    for number, tag in tags.items():
        wanted = rows.get(number, set())
        if set(sets.get(number, ())) != wanted:
            yield f"{tag.type}:{tag.name}: {set(sets.get(number, ()))} is not {wanted}"
        if not tag.n == sizes.get(number, 0) == len(wanted):
            yield f"{tag.type}:{tag.name}: n is {tag.n}"
        if tag.n_public != len(wanted & public):
            yield f"{tag.type}:{tag.name}: n_public is {tag.n_public}"
