"""What the hottest routes may cost the database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from hub_server import contents
from hub_server.accounts import Caller, caller_for, users
from hub_server.accounts.tokens import NewToken, create_token
from hub_server.app import create_app
from hub_server.contents import AddFile, CommitRequest, Hub
from hub_server.settings import Settings
from tests.support.people import make_user


class Site:
    def __init__(self, client: TestClient, hub: Hub, token: str) -> None:
        self.client = client
        self.hub = hub
        self.token = {"Authorization": f"Bearer {token}"}
        self.asked: list[str] = []
        event.listen(hub.database.engine, "before_cursor_execute", self._note)

    def _note(self, *told: object) -> None:
        self.asked.append(str(told[2]))

    def cost(self, method: str, path: str, *, token: bool = False, ok: int = 200) -> int:
        self.asked.clear()
        headers = self.token if token else {}
        answer = self.client.request(method, path, headers=headers)
        assert answer.status_code == ok, answer.text
        return len([each for each in self.asked if not each.startswith(("BEGIN", "PRAGMA"))])


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    settings = Settings(
        data_dir=tmp_path, database_url=database_url, secret_key="k" * 40, jobs=False
    )
    application = create_app(settings)
    hub = application.hub
    with hub.database.write() as session:
        ada = make_user(session, "ada")
        token = create_token(session, ada, NewToken("test"))[1]
    caller = ada_of(hub)
    repo = contents.create_repository(hub, caller, "model", "ada/tiny")
    files = [AddFile(f"{n}.txt", b"%d" % n) for n in range(50)]
    contents.commit(hub, caller, repo, CommitRequest("main", files, "files"))
    with TestClient(application.routes), TestClient(application) as client:
        yield Site(client, hub, token)


def ada_of(hub: Hub) -> Caller:
    with hub.database.read() as session:
        return caller_for(session, users.user_named(session, "ada"))


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_download_of_a_known_file(site: Site, method: str) -> None:
    path = "/ada/tiny/resolve/main/7.txt"
    site.cost("GET", path)
    site.cost("GET", path, token=True)  # notes that the token was used
    assert site.cost(method, path) <= (1 if method == "HEAD" else 2)
    assert site.cost(method, path, token=True) <= (2 if method == "HEAD" else 3)


def test_the_first_head_of_a_file(site: Site) -> None:
    assert site.cost("HEAD", "/ada/tiny/resolve/main/8.txt") <= 2
    sha = site.client.head("/ada/tiny/resolve/main/8.txt").headers["x-repo-commit"]
    assert site.cost("HEAD", f"/ada/tiny/resolve/{sha}/9.txt") <= 3
    assert site.cost("HEAD", "/ada/tiny/resolve/main/nope.txt", ok=404) <= 2
    assert site.cost("HEAD", "/ada/tiny/resolve/main/nope.txt", ok=404) == 1


def test_a_listing_costs_the_same_for_one_and_for_many(site: Site) -> None:
    few = site.cost("GET", "/api/models")
    caller = ada_of(site.hub)
    for number in range(10):
        contents.create_repository(site.hub, caller, "model", f"ada/more-{number}")
    assert site.cost("GET", "/api/models") == few <= 5


def test_a_tree(site: Site) -> None:
    assert site.cost("GET", "/api/models/ada/tiny/tree/main?recursive=true&expand=true") <= 3
