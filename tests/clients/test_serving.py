"""`hub-server serve` as an operator runs it: start, refusals, stop, workers, logs."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.server import CLEAN, LiveHub, LiveUser
from tests.support.transfers import SlowClient, put_file, put_large

MakeHub = Callable[..., LiveHub]


def serve(data: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """`hub-server serve` that is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-m", "hub_server", "serve", "--data-dir", str(data), *words],
        env={**CLEAN, **settings}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def refusal(data: Path, *words: str, **settings: str) -> str:
    done = serve(data, "--port", "0", *words, **settings)
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("hub-server: ")
    assert lines[0].endswith((".", "?"))
    return lines[0]


def children(hub: LiveHub) -> set[int]:
    """The workers of a hub with several; not multiprocessing's helper."""
    assert hub.process
    listed = Path(f"/proc/{hub.process.pid}/task/{hub.process.pid}/children").read_text()
    return {
        int(pid)
        for pid in listed.split()
        if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    }


def lives(pid: int) -> bool:
    """Whether the process is there and not only waits for its parent to look."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [1, 3])
def test_listening_is_said_once_when_all_are_ready(make_hub: MakeHub, workers: int):
    hub = make_hub(workers=workers)
    with hub.client() as client:
        for _ in range(6):
            assert client.get("/-/readyz").text == "ready\n"
    time.sleep(0.3)
    assert hub.log.read_text().count("Listening on") == 1
    assert f"Listening on {hub.url}\n" in hub.log.read_text()
    assert hub.stop() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(hub.url)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_is_a_stop_too(make_hub: MakeHub, workers: int):
    hub = make_hub(workers=workers)
    assert hub.process
    os.killpg(hub.process.pid, signal.SIGINT)  # as a terminal does, to all of them
    assert hub.process.wait(20) == 0
    assert "Traceback" not in hub.log.read_text()


def test_endless_headers_are_refused(hub: LiveHub):
    for begin in (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"GET /"):
        with socket.create_connection(("127.0.0.1", hub.port), timeout=20) as client:
            answer = b""
            with contextlib.suppress(ConnectionError):
                client.sendall(begin)
                for _ in range(100):
                    client.sendall(b"a" * 1_000_000)
            with contextlib.suppress(ConnectionError):
                answer = client.recv(100)
        assert answer == b"" or b" 431 " in answer
    assert hub.process
    status = Path(f"/proc/{hub.process.pid}/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak
    assert int(peak[1]) < 600_000
    long = httpx.get(f"{hub.url}/api/models/{'a' * 60_000}")
    assert long.status_code in (400, 401, 404)


def test_the_first_start_prints_a_link_that_makes_the_administrator_once(make_hub: MakeHub):
    hub = make_hub()
    link = hub.setup_link()
    assert link
    assert link.startswith(f"{hub.url}/setup/")
    with httpx.Client() as browser:
        page = browser.get(link, headers={"Accept": "text/html"})
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert token
        form = {
            "csrf_token": token[1], "name": "ada", "email": "ada@example.org",
            "password": "correct horse battery",
        }  # fmt: skip
        made = browser.post(link, data=form, headers={"Origin": hub.url})
        assert made.status_code == 303, made.text
        assert browser.get(f"{hub.url}/settings/tokens").status_code == 200
    assert httpx.get(link).status_code == 410
    assert link.rsplit("/", 1)[1] not in hub.log.read_text().replace(link, ""), "logged"
    hub.stop()
    hub.log.unlink()
    hub.start()
    assert hub.setup_link() is None


def start_download(hub: LiveHub, data: bytes) -> tuple[SlowClient, bytes]:
    """A download of a large file that stands still after its first bytes."""
    ada = hub.make_user("ada")
    repo = ada.make_repo("big")
    with ada.client() as client:
        put_large(client, f"models/{repo}", "model.bin", data)
        place = f"{hub.url}/{repo}/resolve/main/model.bin"
        target = client.head(place).headers.get("location", place)
    slow = SlowClient("GET", target)
    status, begun = slow.head()
    assert status == 200
    return slow, begun


def readiness(hub: LiveHub) -> int | None:
    """The status of /-/readyz, None where nobody listens."""
    try:
        return httpx.get(f"{hub.url}/-/readyz").status_code
    except httpx.TransportError:
        return None


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_lets_a_slow_download_end(make_hub: MakeHub, workers: int):
    hub = make_hub(workers=workers)
    data = os.urandom(30_000_000)
    slow, begun = start_download(hub, data)
    assert readiness(hub) == 200
    assert hub.process
    hub.process.send_signal(signal.SIGTERM)
    wait_for(lambda: readiness(hub) != 200)
    if workers == 1:
        assert readiness(hub) == 503
        assert httpx.get(f"{hub.url}/-/healthz").status_code == 200
    time.sleep(0.5)
    assert hub.process.poll() is None, "it waits for the download"
    assert begun + slow.rest() == data
    slow.close()
    assert hub.process.wait(15) == 0


def test_a_stop_waits_no_longer_than_grace(make_hub: MakeHub):
    hub = make_hub(HUB_GRACE="1s")
    ada = hub.make_user("ada")
    repo = ada.make_repo("big")
    with ada.client() as client:
        put_file(client, f"models/{repo}", "a.txt", b"a" * 100)
    slow = SlowClient(
        "POST", f"{hub.url}/api/models/{repo}/commit/main",
        {"Authorization": f"Bearer {ada.token}", "Content-Type": "application/x-ndjson"},
        length=1000,
    )  # fmt: skip
    slow.send(b"{")
    time.sleep(0.5)
    begun = time.monotonic()
    assert hub.stop() == 0
    assert time.monotonic() - begun < 12
    slow.close()


def test_a_worker_that_dies_is_replaced(make_hub: MakeHub):
    hub = make_hub(workers=2)
    before = children(hub)
    assert len(before) == 2
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: len(children(hub) - {victim}) == 2)
    fresh = (children(hub) - before).pop()
    wait_for(lambda: f"Started server process [{fresh}]" in hub.log.read_text())
    time.sleep(1)
    assert lives(fresh), "the new one lives on"
    assert "a worker ended and is replaced" in hub.log.read_text()
    with hub.client() as client:
        assert [client.get("/-/healthz").status_code for _ in range(5)] == [200] * 5
    assert hub.stop() == 0


def test_workers_end_when_their_supervisor_is_killed(make_hub: MakeHub):
    hub = make_hub(workers=2)
    workers = children(hub)
    assert hub.process
    hub.process.kill()
    hub.process.wait()
    wait_for(lambda: not any(map(lives, workers)))


def test_a_port_in_use_is_one_sentence(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = serve(tmp_path, "--port", port)
    assert done.returncode == 1
    assert done.stderr == (
        f"hub-server: 127.0.0.1:{port} cannot be listened on: Address already in use. Is another "
        "hub running? Choose another port with --port.\n"
    )


def test_an_unknown_host_is_one_sentence(tmp_path: Path):
    assert "no.such.host.invalid:0 cannot be listened on" in refusal(
        tmp_path, "--host", "no.such.host.invalid"
    )


SECRET = {"HUB_SECRET_KEY": "a-secret-for-these-tests"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"HUB_DATABASE_URL": "postgresql://hub:hidden@127.0.0.1:1/hub",
          **SECRET}, "HUB_DATABASE_URL"),
        ({"HUB_DATABASE_URL": "sqlite:////proc/none/hub.db"}, "HUB_DATABASE_URL"),
        ({"HUB_DATABASE_URL": "postgresql://127.0.0.1:1/hub"}, "HUB_SECRET_KEY"),
        ({"HUB_BLOBS": "s3://bucket", "HUB_S3_ENDPOINT": "http://127.0.0.1:1",
          "HUB_S3_ACCESS_KEY_ID": "key", "HUB_S3_SECRET_ACCESS_KEY": "hidden"}, "HUB_BLOBS"),
        ({"HUB_BLOBS": "file:///proc/none/blobs"}, "HUB_BLOBS"),
        ({"HUB_WORKERS": "none"}, "HUB_WORKERS"),
        ({"HUB_WORKER": "2"}, "HUB_WORKERS"),
        ({"HUB_TRUSTED_PROXIES": "proxy"}, "HUB_TRUSTED_PROXIES"),
        ({"HUB_CACHE_DIR": "/proc/none/cache"}, "HUB_CACHE_DIR"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_one_sentence_that_names_the_setting(
    tmp_path: Path, settings: dict[str, str], named: str
):
    said = refusal(tmp_path / "data", **settings)
    assert named in said
    assert "hidden" not in said


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path):
    (tmp_path / "hub.db").write_bytes(b"something else entirely " * 100)
    assert "HUB_DATABASE_URL: the database cannot be used" in refusal(tmp_path)


def test_a_bucket_that_is_not_there_is_one_sentence(tmp_path: Path, moto_endpoint: str):
    said = refusal(
        tmp_path, HUB_BLOBS="s3://no-such-bucket", HUB_S3_ENDPOINT=moto_endpoint,
        HUB_S3_ACCESS_KEY_ID="key", HUB_S3_SECRET_ACCESS_KEY="hidden",
    )  # fmt: skip
    assert "HUB_BLOBS: s3://no-such-bucket" in said
    assert "there is no bucket no-such-bucket" in said


def test_another_secret_key_is_refused_and_a_rotation_is_not(make_hub: MakeHub):
    hub = make_hub(HUB_SECRET_KEY="the-first-secret-key")
    hub.stop()
    said = refusal(hub.data_dir, HUB_SECRET_KEY="quite-another-secret-key")
    assert "HUB_SECRET_KEY is not the key this database was made with" in said
    hub.settings = {"HUB_SECRET_KEY": "the-second-secret-key,the-first-secret-key"}
    hub.start()
    assert hub.stop() == 0


def test_a_schema_from_the_future_is_refused(make_hub: MakeHub):
    hub = make_hub()
    hub.stop()
    import sqlite3

    with sqlite3.connect(hub.data_dir / "hub.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    assert "newer than this release" in refusal(hub.data_dir)


def test_on_all_addresses_it_says_what_students_type(tmp_path: Path):
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "hub_server", "serve", "--data-dir", str(tmp_path / "data"),
             "--host", "0.0.0.0", "--port", "0"],
            env=CLEAN, stderr=log,
        )  # fmt: skip
    try:
        wait_for(lambda: b"/setup/" in (tmp_path / "log").read_bytes())
        said = (tmp_path / "log").read_text()
        place = re.search(r"Listening on (http://([\d.]+):(\d+))\n", said)
        assert place
        assert place[2] != "0.0.0.0"
        assert re.search(rf"export HF_ENDPOINT={re.escape(place[1])}[ \n]", said)
        assert f"{place[1]}/setup/" in said
        assert httpx.get(f"http://127.0.0.1:{place[3]}/-/healthz").status_code == 200
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_the_first_public_address_is_what_people_are_told(make_hub: MakeHub):
    hub = make_hub(HUB_PUBLIC_URL="https://hub.example.org/hub")
    assert "Create the administrator: https://hub.example.org/hub/setup/" in hub.log.read_text()
    assert f"Listening on {hub.url}\n" in hub.log.read_text()


def test_commands_work_while_the_server_runs(make_hub: MakeHub):
    hub = make_hub()
    ada = hub.make_user("ada")
    hub.make_org("lab", "ada:write")
    with ada.client() as client:
        me = client.get("/api/whoami-v2").json()
        assert (me["name"], [org["name"] for org in me["orgs"]]) == ("ada", ["lab"])
        busy = threading.Thread(target=lambda: [ada.make_repo() for _ in range(5)])
        busy.start()
        for number in range(3):
            hub.command("token", "create", "ada", "--name", f"t{number}", "--role", "read")
        busy.join()
        hub.command("user", "disable", "ada")
        assert client.get("/api/whoami-v2").status_code in (401, 403)


@pytest.fixture
def shared(tmp_path: Path, postgres_url: str) -> dict[str, str]:
    return {
        "HUB_DATABASE_URL": postgres_url,
        "HUB_BLOBS": f"file://{tmp_path}/blobs",
        **SECRET,
    }


@pytest.fixture
def worker(tmp_path: Path, shared: dict[str, str]) -> Iterator[Callable[[], Path]]:
    """Starts `hub-server worker` on the same stores; the file it writes to."""
    started = []

    def start() -> Path:
        log = tmp_path / "worker.log"
        with log.open("wb") as output:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "hub_server", "worker"],
                    env={**CLEAN, "HUB_DATA_DIR": str(tmp_path / "worker"), **shared},
                    stderr=output,
                )
            )
        wait_for(lambda: b"Working" in log.read_bytes())
        return log

    yield start
    for process in started:
        process.terminate()
        assert process.wait(20) == 0


def jobs_waiting(url: str) -> list[tuple[str, str, int]]:
    from sqlalchemy import select

    from hub_server.db import Database
    from hub_server.db.tables.jobs import Job

    database = Database(url, pool_size=1)
    try:
        with database.read() as session:
            found = session.execute(select(Job.kind, Job.state, Job.attempts)).all()
            return [(kind, state, attempts) for kind, state, attempts in found]
    finally:
        database.dispose()


@pytest.mark.postgres
def test_jobs_run_in_a_worker_beside_a_server_that_runs_none(
    make_hub: MakeHub, shared: dict[str, str], worker: Callable[[], Path]
):
    hub = make_hub(HUB_JOBS="false", **shared)
    time.sleep(1.5)
    assert jobs_waiting(shared["HUB_DATABASE_URL"]) == [], "no worker has planned anything yet"
    log = worker()
    wait_for(lambda: jobs_waiting(shared["HUB_DATABASE_URL"]))
    wait_for(
        lambda: all(
            (state, attempts) == ("ready", 0)
            for _, state, attempts in jobs_waiting(shared["HUB_DATABASE_URL"])
        )
    )
    assert "job failed" not in log.read_text()
    with hub.client() as client:
        assert client.get("/-/readyz").status_code == 200


def log_lines(hub: LiveHub) -> list[dict[str, object]]:
    lines = hub.log.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_json_logs_name_each_request_and_hold_no_secret(make_hub: MakeHub):
    hub = make_hub(HUB_LOG_FORMAT="json", HUB_LOG_LEVEL="debug")
    ada: LiveUser = hub.make_user("ada")
    repo = ada.make_repo("private", private=True)
    with ada.client() as client:
        put_large(client, f"models/{repo}", "model.bin", os.urandom(5000))
        answer = client.get(f"/{repo}/resolve/main/model.bin", follow_redirects=True)
        assert answer.status_code == 200
        traced = client.get("/-/healthz", headers={"X-Amzn-Trace-Id": "mine-1"})
        wrong = client.get("/api/whoami-v2", headers={"Authorization": "Bearer hf_wrongwrong"})
    httpx.get(ada.git_url(repo) + "/info/refs?service=git-upload-pack")
    httpx.get(f"{hub.url}/reset/AAAABBBBCCCCDDDDEEEEFFFF")
    assert wrong.status_code == 401
    hub.stop()
    text = hub.log.read_text()
    for secret in (ada.token, ada.token[3:], ada.password, "ticket=", "hf_wrongwrong", "AAAABBBB"):
        assert secret not in text
    requests = [line for line in log_lines(hub) if line.get("event") == "request"]
    by_id = {line["request_id"]: line for line in requests}
    assert len(by_id) == len(requests) >= 8
    assert traced.headers["x-request-id"].endswith(";mine-1")
    assert by_id[traced.headers["x-request-id"]]["path"] == "/-/healthz"
    refused = by_id[wrong.headers["x-request-id"]]
    assert (refused["status"], refused["method"]) == (401, "GET")
    assert by_id[answer.headers["x-request-id"]]["caller"] in ("ada", "")
    strays = [line for line in text.splitlines() if not line.startswith("{")]
    assert all(line.startswith(("Listening", "Create the", "Database up")) for line in strays)
