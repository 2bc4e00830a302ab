"""A disk that fails under any route: 507 or 503, and a mistake of ours stays a 500."""

import errno
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient

from hub_server.edge import errors
from hub_server.edge.disks import DiskFailures
from hub_server.edge.logs import RequestLog
from hub_server.edge.origin import OriginMiddleware, Origins
from hub_server.faults import InjectedFault
from hub_server.settings import Settings

app = FastAPI()
errors.install(app)
app.add_middleware(DiskFailures)
raised: list[OSError] = []


@app.get("/api/fail")
def fail() -> None:
    raise raised[-1]


@app.get("/api/later")
def later() -> StreamingResponse:
    def body() -> Iterator[bytes]:
        yield b"begun"
        raise raised[-1]

    return StreamingResponse(body())


inner = RequestLog(OriginMiddleware(app, Origins(Settings(public_url="http://h")), app))
client = TestClient(inner, base_url="http://h", raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (OSError(errno.ENOSPC, "full"), 507),
        (OSError(errno.EDQUOT, "over quota"), 507),
        (OSError(errno.EIO, "broken"), 503),
        (InjectedFault("push.read"), 503),
        (OSError(errno.EMFILE, "too many files"), 503),
        (FileNotFoundError(errno.ENOENT, "our own mistake"), 500),
        (OSError("our own mistake"), 500),
    ],
)
def test_which_failures_are_the_disks(failure: OSError, status: int) -> None:
    raised.append(failure)
    answer = client.get("/api/fail")
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) is (status == 503)
    assert answer.json()["error"]


def test_an_answer_that_has_begun_is_cut_off() -> None:
    raised.append(OSError(errno.ENOSPC, "full"))
    with pytest.raises(OSError, match="full"):
        TestClient(inner, base_url="http://h").get("/api/later")
