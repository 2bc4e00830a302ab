"""A request id on every answer, one line a request, no secrets."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import structlog
from fastapi import FastAPI
from starlette.testclient import TestClient

from hub_server.edge import errors
from hub_server.edge.logs import RequestLog, configure
from hub_server.settings import Settings

app = FastAPI()
errors.install(app)


@app.get("/fails/{secret}")
def fails(secret: str) -> None:
    password = f"swordfish {secret}"
    raise LookupError(len(password))


@app.get("/{name:path}")
def anything(name: str) -> str:
    structlog.get_logger("test").info("inside")
    return name


client = TestClient(RequestLog(app), raise_server_exceptions=False)


@dataclass(frozen=True)
class Log:
    captured: pytest.CaptureFixture[str]

    def text(self) -> str:
        return self.captured.readouterr().err

    def lines(self) -> list[dict[str, object]]:
        """What was said with an id: not the test client's own words."""
        found = [json.loads(line) for line in self.text().splitlines()]
        return [line for line in found if "request_id" in line]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Iterator[Log]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Log(capsys)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_one_line_a_request_and_its_id_on_all_that_is_said_meanwhile(log: Log):
    configure(Settings(log_format="json"))
    answer = client.get("/models?search=x")
    inside, request = log.lines()
    assert inside["request_id"] == request["request_id"] == answer.headers["x-request-id"]
    assert (request["event"], request["method"], request["path"], request["status"]) == (
        "request", "GET", "/models", 200,
    )  # fmt: skip
    assert isinstance(request["ms"], float)


def test_ids_quote_a_decent_trace_id_of_the_client(log: Log):
    configure(Settings(log_format="json"))
    ids = [
        client.get("/", headers={"X-Amzn-Trace-Id": given}).headers["x-request-id"]
        for given in ("mine-1", "two words", "a" * 200, "")
    ]
    assert ids[0].endswith(";mine-1")
    assert all(";" not in each for each in ids[1:])
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/setup/0123456789abcdef-_", "/setup/…"),
        ("/hub/join/0123456789abcdef", "/hub/join/…"),
        ("/reset/0123456789abcdef/x", "/reset/…/x"),
        ("/ada/setup/tree/main", "/ada/setup/tree/main"),
        ("/-/lfs/upload/ab?ticket=signed", "/-/lfs/upload/ab"),
        ("/caf%C3%A9%0Aline", "/caf%C3%A9%0Aline"),
        ("/" + "a" * 1000, "/" + "a" * 299),
    ],
)
def test_paths_are_shown_without_secrets(log: Log, path: str, shown: str):
    configure(Settings(log_format="json"))
    client.get(path)
    assert log.lines()[-1]["path"] == shown


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_failure_is_told_once_with_its_place_and_without_values(log: Log, form: str):
    configure(Settings(log_format=form))  # type: ignore[arg-type]
    answer = client.get("/fails/marlin")
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.json()["error"]
    said = log.text()
    assert "LookupError: 16" in said
    assert "unexpected error" in said
    assert "swordfish" not in said.replace('password = f"swordfish {secret}"', "")
    assert answer.headers["x-request-id"] in said


def test_the_level_is_a_setting(log: Log):
    configure(Settings(log_level="error"))
    client.get("/")
    assert log.text() == ""


def test_lines_for_people_begin_with_what_was_asked_and_alarm_nobody(log: Log):
    configure(Settings())
    client.get("/some/path")
    logging.getLogger("uvicorn.error").info("Started")
    said = log.text()
    line = next(line for line in said.splitlines() if "/some/path" in line and "hub.access" in line)
    assert line.index("method=GET") < line.index("path=") < line.index("status=200")
    assert line.index("status=200") < line.index("request_id=")
    assert "uvicorn.error" not in said
