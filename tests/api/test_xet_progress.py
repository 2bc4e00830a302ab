"""Shards whose verification takes long: lines meanwhile, and nothing left of what went wrong."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from hub_server.accounts.tokens import NewToken, create_token
from hub_server.app import Application, create_app
from hub_server.settings import Settings
from hub_server.wire import verifying
from tests.support.people import make_repo, make_user
from tests.support.xetclient import Sent, XetClient, lines


@pytest.fixture
def application(tmp_path: Path, database_url: str) -> Iterator[Application]:
    made = create_app(
        Settings(data_dir=tmp_path, database_url=database_url, secret_key="k" * 40, jobs=False)
    )
    with TestClient(made.routes):
        yield made


@pytest.fixture
def mine(application: Application, monkeypatch: pytest.MonkeyPatch) -> Iterator[XetClient]:
    """A client whose shards are never quick enough to be answered with a status."""
    monkeypatch.setattr(verifying, "PATIENCE", 0.0)
    monkeypatch.setattr(verifying, "LINE_EVERY", 0.01)
    with application.hub.database.write() as session:
        ada = make_user(session, "ada")
        make_repo(session, ada)
        token = create_token(session, ada, NewToken("test"))[1]
    headers = {"authorization": f"Bearer {token}"}
    client: httpx.Client
    with TestClient(application, headers=headers) as client:
        yield XetClient(client, "models/ada/tiny")


def test_lines_until_it_is_done(mine: XetClient) -> None:
    sent = Sent.fresh(3_000_000)
    mine.put_xorb(sent.xorb)
    said = lines(mine.put_shard(sent.shard(), version=2))
    assert said[-1] == {"type": "result", "result": 1}
    assert said[0] == {"type": "validating", "verified": 0, "total": 0}
    for line in said[:-1]:
        assert line["type"] == "validating"
        assert 0 <= line["verified"] <= line["total"] <= len(sent.data)
    assert mine.read_status(sent) == 200


def test_the_last_line_may_be_an_error(mine: XetClient, application: Application) -> None:
    sent, other = Sent.fresh(), Sent.fresh()
    mine.put_xorb(sent.xorb)
    answer = mine.put_shard(sent.shard(sha256=other.file.sha256), version=2)
    last = lines(answer)[-1]
    assert (answer.status_code, last["type"], last["retryable"]) == (200, "error", False)
    assert "sha256" in last["message"]
    assert mine.read_status(sent) == 404
    assert not list(application.hub.spool.folder.iterdir())
