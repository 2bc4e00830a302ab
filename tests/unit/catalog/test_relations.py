"""Who refers to whom: by every name that leads there, visible to the caller, counted exactly."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from hub_server import catalog, repos
from hub_server.accounts import ANONYMOUS, OPERATOR, Caller, users
from hub_server.catalog import Related
from hub_server.db import Database
from hub_server.db.tables.repos import Alias, Kind, Repo
from tests.support.people import caller, make_repo, make_user
from tests.unit.catalog.shelves import listening

STRANGER = replace(ANONYMOUS, reads_public=False)


class Shelf:
    """Repositories of ada's and bob's that name each other in their cards."""

    def __init__(self, database: Database) -> None:
        self.database = listening(database)
        with database.write() as session:
            for name in ("ada", "bob"):
                make_user(session, name)
        self.ada, self.bob = caller(database, "ada"), caller(database, "bob")

    def add(
        self, name: str, *tags: str, kind: Kind = "model", private: bool = False, **facts: Any
    ) -> None:
        """`add("ada/child", "base_model:finetune:ada/base")`."""
        owner, short = name.split("/")
        typed = [dict(zip(("type", "name"), tag.split(":", 1), strict=True)) for tag in tags]
        with self.database.write() as session:
            account = users.user_named(session, owner)
            facts["typed_tags"] = typed
            made = make_repo(session, account, short, kind=kind, private=private, facts=facts)
            catalog.follow(session, [made.id])

    def repo(self, name: str, kind: Kind = "model") -> Repo:
        with self.database.read() as session:
            found = repos.find(session, kind, name)
        assert found is not None
        return found

    def related(self, name: str, who: Caller = ANONYMOUS, kind: Kind = "model") -> Related:
        with self.database.read() as session:
            return catalog.related(session, who, self.repo(name, kind))

    def children(self, name: str, who: Caller = ANONYMOUS) -> dict[str, int]:
        repo = self.repo(name)
        with self.database.read() as session:
            counts = catalog.children_counts(session, who, [repo])[repo.id]
        listed = self.related(name, who).children
        assert {word: listed[word].total for word in listed} == {
            word: count for word, count in counts.items() if count
        }
        return {word: count for word, count in counts.items() if count}


@pytest.fixture
def shelf(database: Database) -> Shelf:
    return Shelf(database)


def test_children_by_relation_and_who_may_count_them(shelf: Shelf) -> None:
    shelf.add("ada/base")
    for number in range(7):
        shelf.add(f"bob/f{number}", "base_model:ada/base", "base_model:finetune:ada/base")
    shelf.add("bob/a", "base_model:ada/base", "base_model:adapter:ada/base")
    shelf.add("bob/q", "base_model:quantized:ada/base", private=True)
    shelf.add("bob/other", "base_model:finetune:ada/other")
    public = {"finetune": 7, "adapter": 1}
    assert shelf.children("ada/base") == shelf.children("ada/base", shelf.ada) == public
    assert shelf.children("ada/base", shelf.bob) == public | {"quantized": 1}
    assert shelf.children("ada/base", OPERATOR) == public | {"quantized": 1}
    assert shelf.children("ada/base", STRANGER) == {}
    assert len(shelf.related("ada/base").children["finetune"].repos) == 5


def test_the_most_used_come_first(shelf: Shelf) -> None:
    shelf.add("ada/base")
    for number in range(3):
        shelf.add(f"bob/f{number}", "base_model:finetune:ada/base")
    with shelf.database.write() as session:
        found = repos.find(session, "model", "bob/f1")
        assert found is not None
        found.trending = 2.0
    names = [repo.full_name for repo in shelf.related("ada/base").children["finetune"].repos]
    assert names == ["bob/f1", "bob/f2", "bob/f0"]


def test_what_is_deleted_counts_no_more_and_comes_back(shelf: Shelf) -> None:
    shelf.add("ada/base")
    shelf.add("bob/f", "base_model:finetune:ada/base")
    with shelf.database.write() as session:
        child = repos.find(session, "model", "bob/f")
        assert child is not None
        repos.delete(session, child)
        number = child.id
    assert shelf.children("ada/base") == {}
    with shelf.database.write() as session:
        repos.restore(session, session.get_one(Repo, number))
    assert shelf.children("ada/base") == {"finetune": 1}


def test_former_names_and_aliases_lead_here_too(shelf: Shelf) -> None:
    shelf.add("ada/Base")
    shelf.add("bob/one", "base_model:finetune:ada/Base")
    shelf.add("bob/two", "base_model:finetune:ada/base", base_models=["ada/base"])
    shelf.add("bob/three", "base_model:finetune:base", base_models=["base"])
    with shelf.database.write() as session:
        session.add(Alias(kind="model", name_key="base", target="ada/Base"))
        found = repos.find(session, "model", "ada/base")
        assert found is not None
        repos.move(session, shelf.ada, found, "ada/Foundation")
    shelf.add("bob/four", "base_model:finetune:ada/Foundation", "base_model:finetune:ada/base")
    assert shelf.children("ada/foundation")["finetune"] >= 3
    for name in ("bob/two", "bob/three"):
        base = shelf.related(name).bases[0]
        assert base.repo is not None
        assert base.repo.full_name == "ada/Foundation"


def test_a_repository_that_names_itself_and_a_circle(shelf: Shelf) -> None:
    shelf.add("ada/a", "base_model:finetune:ada/a", "base_model:finetune:ada/b")
    shelf.add("ada/b", "base_model:finetune:ada/a", base_models=["ada/a"])
    assert shelf.children("ada/a") == {"finetune": 1}
    assert shelf.children("ada/b") == {"finetune": 1}


def test_ids_that_are_not_here_and_those_that_are_hidden_look_alike(shelf: Shelf) -> None:
    shelf.add("bob/hidden", private=True)
    shelf.add("ada/m", base_models=["bob/hidden", "nobody/nothing"], datasets=["bob/hidden", "x"])
    seen = shelf.related("ada/m")
    assert [(each.id, each.repo) for each in seen.bases] == [
        ("bob/hidden", None),
        ("nobody/nothing", None),
    ]
    assert [each.repo for each in seen.datasets] == [None, None]
    own = shelf.related("ada/m", shelf.bob).bases[0].repo
    assert own is not None
    assert own.full_name == "bob/hidden"


def test_datasets_and_models_trained_on_them(shelf: Shelf) -> None:
    shelf.add("ada/words", kind="dataset")
    shelf.add("ada/words")  # a model of this name is another matter
    shelf.add("bob/m", "dataset:ada/words", datasets=["ada/words", "nobody/lost"])
    shelf.add("bob/secret", "dataset:ada/words", private=True)
    dataset = shelf.related("ada/words", kind="dataset")
    assert [repo.full_name for repo in dataset.trained.repos] == ["bob/m"]
    assert dataset.trained.total == 1
    assert shelf.related("ada/words", shelf.bob, "dataset").trained.total == 2
    model = shelf.related("bob/m")
    assert [each.repo.kind if each.repo else None for each in model.datasets] == ["dataset", None]


def test_spaces_and_what_they_use(shelf: Shelf) -> None:
    shelf.add("ada/m")
    shelf.add("ada/words", kind="dataset")
    shelf.add("bob/app", kind="space", models=["ada/m", "x/y"], datasets=["ada/words"])
    shelf.add("bob/own", kind="space", models=["ada/m"], private=True)
    assert [repo.full_name for repo in shelf.related("ada/m").spaces.repos] == ["bob/app"]
    assert shelf.related("ada/words", kind="dataset").spaces.total == 1
    space = shelf.related("bob/app", kind="space")
    assert [each.id for each in space.models] == ["ada/m", "x/y"]
    assert [each.repo is None for each in space.models] == [False, True]
    with shelf.database.read() as session:
        repo = shelf.repo("ada/m")
        assert catalog.spaces_using(session, ANONYMOUS, [repo]) == {repo.id: ["bob/app"]}
        both = catalog.spaces_using(session, shelf.bob, [repo])[repo.id]
        assert sorted(both) == ["bob/app", "bob/own"]


def test_papers_that_others_cite_as_well(shelf: Shelf) -> None:
    shelf.add("ada/m", "arxiv:2401.00001", "arxiv:2401.00002", arxiv=["2401.00001", "2401.00002"])
    shelf.add("bob/words", "arxiv:2401.00001", kind="dataset")
    shelf.add("bob/secret", "arxiv:2401.00002", private=True)
    papers = shelf.related("ada/m").papers
    assert {paper: group.total for paper, group in papers.items()} == {"2401.00001": 1}
    assert shelf.related("ada/m", shelf.bob).papers["2401.00002"].total == 1


def test_the_same_number_of_statements_for_few_and_for_many(shelf: Shelf) -> None:
    def cost(name: str) -> int:
        asked.clear()
        repo = shelf.repo(name)
        asked.clear()
        with shelf.database.read() as session:
            catalog.related(session, shelf.ada, repo)
        return len([each for each in asked if each.startswith(("SELECT", "WITH"))])

    asked: list[str] = []
    listen = event.listens_for(shelf.database.engine, "before_cursor_execute")
    listen(lambda *told: asked.append(str(told[2])))
    shelf.add("ada/m", base_models=["ada/m", "x/y"], datasets=["x/y"], arxiv=["2401.00001"])
    shelf.add("bob/f", "base_model:finetune:ada/m", "arxiv:2401.00001")
    few = cost("ada/m")
    for number in range(20):
        shelf.add(f"bob/f{number}", "base_model:finetune:ada/m", "arxiv:2401.00001")
        shelf.add(f"bob/s{number}", kind="space", models=["ada/m"])
    assert cost("ada/m") == few <= 6
