"""Locks on paths."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from hub_server.accounts import ANONYMOUS, Caller
from hub_server.db import Database
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.repos import Repo
from hub_server.errors import HubError
from hub_server.lfs import AlreadyLocked, create_lock, list_locks, unlock
from tests.support.people import caller, make_org, make_repo, make_user


@pytest.fixture
def repo(database: Database) -> Repo:
    with database.write() as session:
        people = [make_user(session, name) for name in ("ada", "bob", "eve")]
        org: Account = make_org(session, "lab", admin=people[0], write=people[1])
        return make_repo(session, org)


class People(dict[str, Caller]):
    def __init__(self, database: Database) -> None:
        super().__init__({name: caller(database, name) for name in ("ada", "bob", "eve")})


@pytest.fixture
def people(database: Database, repo: Repo) -> People:
    return People(database)


def lock(session: Session, who: Caller, repo: Repo, path: str = "model.bin") -> dict[str, Any]:
    return create_lock(session, who, repo, path).as_json()


def test_a_lock_and_its_end(database: Database, repo: Repo, people: People) -> None:
    with database.write() as session:
        made = lock(session, people["ada"], repo)
        assert made["path"] == "model.bin"
        assert made["owner"] == {"name": "ada"}
        assert made["locked_at"].endswith("Z")
        listed = list_locks(session, repo, {})
        assert listed.as_json() == {"locks": [made]}
        assert listed.split_json(people["ada"].user_id) == {"ours": [made], "theirs": []}
        assert listed.split_json(people["bob"].user_id) == {"ours": [], "theirs": [made]}
        assert unlock(session, people["ada"], repo, made["id"]).as_json() == made
        assert list_locks(session, repo, {}).as_json() == {"locks": []}


def test_a_path_is_locked_once(database: Database, repo: Repo, people: People) -> None:
    with database.write() as session:
        made = lock(session, people["ada"], repo)
        with pytest.raises(AlreadyLocked) as refusal:
            create_lock(session, people["bob"], repo, "model.bin")
        assert refusal.value.lock.as_json() == made
        assert refusal.value.status == 409
        lock(session, people["bob"], repo, "Model.bin")


def test_anothers_lock_needs_force(database: Database, repo: Repo, people: People) -> None:
    with database.write() as session:
        made = lock(session, people["ada"], repo)
        with pytest.raises(HubError, match="--force"):
            unlock(session, people["bob"], repo, made["id"])
        unlock(session, people["bob"], repo, made["id"], force=True)
        with pytest.raises(HubError) as refusal:
            unlock(session, people["ada"], repo, made["id"])
        assert refusal.value.status == 404


def test_only_writers_lock(database: Database, repo: Repo, people: People) -> None:
    with database.write() as session:
        made = lock(session, people["ada"], repo)
        for who, status in ((people["eve"], 403), (ANONYMOUS, 401)):
            for attempt in (
                lambda who=who: create_lock(session, who, repo, "x"),
                lambda who=who: unlock(session, who, repo, made["id"], force=True),
            ):
                with pytest.raises(HubError) as refusal:
                    attempt()
                assert refusal.value.status == status


def test_long_lists_come_in_pages(database: Database, repo: Repo, people: People) -> None:
    with database.write() as session:
        made = [lock(session, people["ada"], repo, f"{number}.bin") for number in range(105)]
        first = list_locks(session, repo, {})
        assert len(first.locks) == 100
        rest = list_locks(session, repo, {"cursor": first.as_json()["next_cursor"]})
        assert [each["path"] for each in [*first.as_json()["locks"], *rest.as_json()["locks"]]] == [
            each["path"] for each in made
        ]
        assert rest.next is None
        assert len(list_locks(session, repo, {"limit": "2"}).locks) == 2
        assert [each.path for each in list_locks(session, repo, {"path": "7.bin"}).locks] == [
            "7.bin"
        ]
        found = list_locks(session, repo, {"id": made[3]["id"]})
        assert [each.path for each in found.locks] == ["3.bin"]


@pytest.mark.parametrize("path", [None, "", 5, "a\0b", "x" * 5000])
def test_paths_that_are_none(database: Database, repo: Repo, people: People, path: object) -> None:
    with database.write() as session, pytest.raises(HubError) as refusal:
        create_lock(session, people["ada"], repo, path)
    assert refusal.value.status == 422


def test_odd_numbers(database: Database, repo: Repo, people: People) -> None:
    with database.write() as session:
        for query in ({"cursor": "x"}, {"limit": "-1"}, {"id": "9" * 30}, {"limit": "²"}):
            with pytest.raises(HubError) as refusal:
                list_locks(session, repo, query)
            assert refusal.value.status == 400
