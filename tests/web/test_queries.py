"""A page costs a fixed number of statements, however much it shows; on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from hub_server import contents
from hub_server.app import create_app
from hub_server.contents import Hub
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.repos import KINDS, Repo
from hub_server.events import ReposChanged, announce
from hub_server.settings import Settings
from tests.support.people import caller, make_org, make_repo, make_user


class Site:
    """Pages of an application in this process, and what the database was asked for each."""

    def __init__(self, client: TestClient, hub: Hub) -> None:
        self.client = client
        self.hub = hub
        self.asked: list[str] = []
        event.listen(hub.database.engine, "before_cursor_execute", self._note)

    def _note(self, *told: object) -> None:
        statement = str(told[2])
        if statement.startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")):
            self.asked.append(statement)

    def cost(self, path: str) -> int:
        self.client.get(path)  # what is computed once is not what a page costs
        self.asked.clear()
        answer = self.client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 200, answer.text
        return len(self.asked)


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    settings = Settings(
        data_dir=tmp_path, database_url=database_url, secret_key="k" * 40, jobs=False
    )
    application = create_app(settings)
    with TestClient(application.routes), TestClient(application) as client:
        yield Site(client, application.hub)


def fill(session: Session, owners: list[Account], count: int) -> None:
    made = [
        make_repo(session, owners[number % 2], f"r{number}-{count}", kind=kind)
        for number in range(count)
        for kind in KINDS
    ]
    announce(session, ReposChanged(tuple(repo.id for repo in made)))


@pytest.mark.parametrize(
    ("path", "most"), [("/models", 6), ("/spaces", 6), ("/", 12), ("/ada", 5), ("/lab", 5)]
)
def test_a_list_costs_the_same_for_two_repositories_and_for_fifty(
    site: Site, path: str, most: int
) -> None:
    with site.hub.database.write() as session:
        ada = make_user(session)
        owners = [ada, make_org(session, "lab", write=ada)]
        fill(session, owners, 2)
    few = site.cost(path)
    with site.hub.database.write() as session:
        for account in owners:
            session.merge(account, load=False)
        fill(session, owners, 48)
    assert site.cost(path) == few
    assert 0 < few <= most, site.asked


FILE_PAGES = (
    "tree/main",
    "tree/main/d",
    "blob/main/d/0.json",
    "blame/main/d/0.json",
    "commits/main",
    "commits/main/d",
    "commit/{head}",
    "compare/{first}...main",
    "archive/main.zip",
)


def test_pages_of_files_cost_the_same_for_one_file_and_for_fifty(site: Site) -> None:
    with site.hub.database.write() as session:
        make_user(session)
    ada = caller(site.hub.database, "ada")
    repo = contents.create_repository(site.hub, ada, "model", "ada/tiny")

    def cost(count: int) -> dict[str, int]:
        with site.hub.database.read() as session:
            row = session.get_one(Repo, repo.id)
        files = [contents.AddFile(f"d/{n}.json", b"[%d]\n" % count) for n in range(count)]
        made = contents.commit(site.hub, ada, row, contents.CommitRequest("main", files, "More"))
        named = {"head": made.commit, "first": row.head}
        return {page: site.cost(f"/ada/tiny/{page.format(**named)}") for page in FILE_PAGES}

    few = cost(1)
    assert cost(50) == few
    assert max(few.values()) <= 6, few
