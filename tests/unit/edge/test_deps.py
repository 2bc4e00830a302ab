"""What routes are handed: callers by token or cookie, units that end before the answer leaves."""

import base64
import io
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from fastapi import FastAPI, Request
from sqlalchemy import text
from starlette.responses import Response
from starlette.testclient import TestClient

from hub_server import edge
from hub_server.accounts import sessions
from hub_server.db import Database
from hub_server.db.facts import read_fact, write_fact
from hub_server.db.tables.accounts import BrowserSession, Token
from hub_server.db.tables.repos import RepoRedirect
from hub_server.edge import csrf, errors
from hub_server.edge.deps import sent_token
from hub_server.edge.logs import RequestLog
from hub_server.edge.origin import OriginMiddleware, Origins
from hub_server.errors import InvalidCredentials, Unauthorized
from hub_server.keys import Keys
from hub_server.settings import Settings
from tests.support.people import make_token, make_user

app = FastAPI()
errors.install(app)


@app.get("/who")
@app.post("/who")
def who(caller: edge.CurrentCaller) -> str:
    return caller.name


@app.post("/git")
def git(caller: edge.TokenCaller) -> str:
    return caller.name


@app.post("/signed-in")
def signed_in(caller: edge.SignedIn) -> str:
    return caller.name


@app.post("/write")
def write(session: edge.WriteSession, fails: bool = False) -> str:
    write_fact(session, "written", "yes")
    if fails:
        session.execute(text("PRAGMA defer_foreign_keys=ON"))
        session.add(RepoRedirect(kind="model", name_key="a/b", repo_id=7))
    return "done"


@app.get("/download")
def download(request: Request, hub: edge.TheHub, session: edge.ReadSession) -> Response:
    read_fact(session, "anything")
    pool = hub.database.engine.pool

    def opener(start: int, length: int | None) -> io.BytesIO:
        return io.BytesIO(b"%d" % pool.checkedout())  # type: ignore[attr-defined]

    return edge.send(request, edge.Download(opener, 1, "etag", "x"))


@pytest.fixture
def database(sqlite_database_url: str, make_database: Callable[..., Database]) -> Database:
    return make_database(sqlite_database_url, pool_size=2)


@pytest.fixture
def client(database: Database) -> TestClient:
    settings = Settings()
    app.state.hub = SimpleNamespace(
        database=database, settings=settings, keys=Keys.of("a-secret-of-these-tests")
    )
    entry = RequestLog(OriginMiddleware(app, Origins(settings), app))
    return TestClient(entry, base_url="http://127.0.0.1", raise_server_exceptions=False)


@pytest.fixture
def token(database: Database) -> str:
    with database.write() as session:
        return make_token(session, make_user(session, "ada"))


@pytest.fixture
def cookie(database: Database) -> str:
    with database.write() as session:
        return sessions.open_session(session, make_user(session, "bob").id)[0]


def basic(pair: str | bytes) -> str:
    data = pair.encode() if isinstance(pair, str) else pair
    return "Basic " + base64.b64encode(data).decode()


def request(header: str | None) -> Request:
    headers = [] if header is None else [(b"authorization", header.encode("latin-1"))]
    state = {"origin": SimpleNamespace(base_url="http://h/hub")}
    return Request({"type": "http", "headers": headers, "state": state})


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ("", None),
        ("Bearer hf_x", "hf_x"),
        ("bearer   hf_x ", "hf_x"),
        (basic("ada:hf_x"), "hf_x"),
        (basic("hf_x:"), "hf_x"),
        (basic(":hf_x"), "hf_x"),
        (basic("hf_x"), "hf_x"),
    ],
)
def test_where_a_token_stands(header: str | None, found: str | None):
    assert sent_token(request(header)) == found


@pytest.mark.parametrize(
    "header",
    ["Digest x", "Basic !!!", "Basic \xff\xff", basic(b"\xff:hf_x"), "Token hf_x", "Basic aGk"],
)
def test_what_is_no_way_to_say_who_one_is(header: str):
    with pytest.raises(InvalidCredentials):
        sent_token(request(header))


@pytest.mark.parametrize("pair", ["ada:correct horse", ":", "ada"])
def test_passwords_are_refused_with_the_place_of_tokens(pair: str):
    with pytest.raises(Unauthorized, match="a token from http://h/hub/settings/tokens"):
        sent_token(request(basic(pair)))


def test_a_token_is_its_user(client: TestClient, token: str):
    headers = {"Authorization": f"Bearer {token}"}
    for path in ("/who", "/git", "/signed-in"):
        assert client.post(path, headers=headers).json() == "ada"
    assert client.post("/git", headers={"Authorization": basic(f"x:{token}")}).json() == "ada"


@pytest.mark.parametrize("given", ["hf_unknown", "", "hf_" + "x" * 5000, "hf_\xff"])
def test_a_token_that_nobody_has_is_refused_not_anonymous(client: TestClient, given: str):
    answer = client.get("/who", headers={"Authorization": f"Bearer {given}".encode("latin-1")})
    assert answer.status_code == 401
    assert answer.json()["error"] == "Invalid credentials in Authorization header"


def test_nobody(client: TestClient):
    assert client.get("/who").json() == ""
    assert client.post("/signed-in").status_code == 401


def test_a_cookie_is_its_user_where_it_may_count(client: TestClient, cookie: str):
    client.cookies.set(csrf.SESSION_COOKIE, cookie)
    assert client.get("/who").json() == "bob"
    assert client.post("/who").status_code == 403
    signed = app.state.hub.keys.sign("csrf", f"session:{cookie}".encode())
    headers = {"Origin": "http://127.0.0.1", "X-CSRF-Token": signed}
    assert client.post("/who", headers=headers).json() == "bob"
    assert client.post("/git", headers=headers).json() == "", "Git does not look at cookies"


def test_a_token_goes_before_a_cookie(client: TestClient, cookie: str, token: str):
    client.cookies.set(csrf.SESSION_COOKIE, cookie)
    headers = {"Authorization": f"Bearer {token}"}
    assert client.post("/who", headers=headers).json() == "ada"
    assert client.post("/who", headers={"Authorization": "Bearer hf_no"}).status_code == 401


@pytest.mark.parametrize("value", ["unknown", "", "a" * 5000])
def test_a_cookie_that_nobody_has_is_nobody(client: TestClient, value: str):
    client.cookies.set(csrf.SESSION_COOKIE, value)
    assert client.get("/who").json() == ""


def test_when_they_were_last_used_is_noted_once_a_minute(
    client: TestClient, token: str, cookie: str, database: Database
):
    headers = {"Authorization": f"Bearer {token}"}
    client.get("/who", headers=headers)
    client.cookies.set(csrf.SESSION_COOKIE, cookie)
    client.get("/who")
    with database.read() as session:
        first = session.query(Token.last_used_at).scalar()
        assert session.query(BrowserSession.seen_at).scalar()
    client.get("/who", headers=headers)
    with database.read() as session:
        assert session.query(Token.last_used_at).scalar() == first is not None


def test_a_commit_that_fails_is_a_failure_the_client_sees(client: TestClient, database: Database):
    assert client.post("/write?fails=1").status_code == 500
    with database.read() as session:
        assert read_fact(session, "written") is None
    assert client.post("/write").json() == "done"
    with database.read() as session:
        assert read_fact(session, "written") == "yes"


def test_a_download_holds_no_connection(client: TestClient):
    assert client.get("/download").text == "0"
