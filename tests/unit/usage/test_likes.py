"""Likes: exact whatever happens at once, and nobody learns of what they may not see."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from hub_server import repos, usage
from hub_server.accounts import ANONYMOUS, OPERATOR, Caller
from hub_server.accounts.callers import TokenGrant
from hub_server.db import Database, now
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.repos import Repo
from hub_server.db.tables.usage import Like
from hub_server.errors import Forbidden, Unauthorized
from hub_server.events import HEARING, Events
from hub_server.usage import Place
from tests.support.people import caller, make_repo, make_user

PEOPLE = [f"user{number}" for number in range(12)]


@pytest.fixture
def people(database: Database) -> list[Caller]:
    """Each has a public repository `tiny` and a private one `own`."""
    with database.write() as session:
        for name in PEOPLE:
            user = make_user(session, name)
            make_repo(session, user)
            make_repo(session, user, "own", private=True)
    return [caller(database, name) for name in PEOPLE]


def found(database: Database, name: str) -> Repo:
    with database.read() as session:
        return session.scalars(select(Repo).where(Repo.full_name == name)).one()


def like(database: Database, who: Caller, name: str, *, likes: bool = True) -> None:
    change = usage.like if likes else usage.unlike
    with database.write() as session:
        change(session, who, found(database, name))


def counted(database: Database, name: str) -> tuple[int, int]:
    """By the repository's row, and by the rows of likes."""
    repo = found(database, name)
    with database.read() as session:
        rows = select(func.count()).select_from(Like).where(Like.repo_id == repo.id)
        return repo.likes, session.scalar(rows) or 0


def test_a_like_is_counted_once(database: Database, people: list[Caller]) -> None:
    for _ in range(2):
        like(database, people[0], "user1/tiny")
    like(database, people[2], "user1/tiny")
    assert counted(database, "user1/tiny") == (2, 2)
    for _ in range(2):
        like(database, people[0], "user1/tiny", likes=False)
    assert counted(database, "user1/tiny") == (1, 1)


def test_a_race_of_likes(database: Database, people: list[Caller]) -> None:
    """Twelve people like three repositories and change their minds, all at once."""
    names = ["user0/tiny", "user1/tiny", "user2/tiny"]

    def work(number: int) -> None:
        for turn in range(12):
            like(database, people[number], names[(number + turn) % 3], likes=turn % 4 != 3)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(12)))
    for name in names:
        row, rows = counted(database, name)
        assert row == rows
    assert sum(counted(database, name)[0] for name in names) > 0


def test_one_person_in_two_places_at_once(database: Database, people: list[Caller]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: like(database, people[0], "user1/tiny"), range(16)))
    assert counted(database, "user1/tiny") == (1, 1)


def grant(role: str) -> TokenGrant:
    return TokenGrant(1, "t", role, (), now(), None, stale=False)  # type: ignore[arg-type]


def test_who_may_like(database: Database, people: list[Caller]) -> None:
    for who in (ANONYMOUS, OPERATOR):
        with pytest.raises(Unauthorized):
            like(database, who, "user1/tiny")
    for role in ("read", "fine-grained"):
        with pytest.raises(Forbidden):
            like(database, replace(people[0], token=grant(role)), "user1/tiny")
    like(database, replace(people[0], token=grant("write")), "user1/tiny")
    assert counted(database, "user1/tiny") == (1, 1)


def test_likers_page_by_page(database: Database, people: list[Caller]) -> None:
    for who in people[1:8]:
        like(database, who, "user0/tiny")
    repo, seen = found(database, "user0/tiny"), []
    with database.read() as session:
        after = None
        while page := usage.likers(session, repo, after=after, limit=3):
            seen += [account.name for account, _ in page]
            after = Place(page[-1][1], page[-1][0].id)
    assert seen == [f"user{number}" for number in range(7, 0, -1)]


def test_likes_of_private_repositories_are_for_those_who_see_them(
    database: Database, people: list[Caller]
) -> None:
    owner, other = people[0], people[1]
    for name in ("user0/own", "user0/tiny", "user2/tiny"):
        like(database, owner, name)
    stranger = replace(ANONYMOUS, reads_public=False)
    for who, count in ((owner, 3), (other, 2), (ANONYMOUS, 2), (stranger, 0)):
        with database.read() as session:
            rows = usage.liked(session, who, owner.user_id or 0)
            assert len(rows) == usage.count_liked(session, who, owner.user_id or 0) == count
            names = [repo.full_name for repo, _ in rows]
        assert ("user0/own" in names) == (who is owner)
        assert names == [
            name for name in ("user2/tiny", "user0/tiny", "user0/own") if name in names
        ]


def test_likes_go_with_their_account(database: Database, people: list[Caller]) -> None:
    """Also where its row stays, for the sake of its deleted repositories."""
    events = Events()
    usage.subscribe(events)
    database.session_info[HEARING] = events
    for who in people[:3]:
        like(database, who, "user5/tiny")
    with database.write() as session:
        account = session.get_one(Account, people[0].user_id)
        repos.delete_namespace(session, account, with_repositories=True)
        assert account.deleted_at is not None
    assert counted(database, "user5/tiny") == (2, 2)


def test_a_page_that_begins_behind_nothing(database: Database, people: list[Caller]) -> None:
    with database.read() as session:
        repo = found(database, "user0/tiny")
        assert usage.likers(session, repo, after=Place(now(), 1)) == []
        assert not usage.is_liked(session, ANONYMOUS, repo)
