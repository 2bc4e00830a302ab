"""A hub that really runs: `hub-server serve` on a loopback port, with its own data directory."""

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from sqlalchemy.orm import Session

from hub_server.accounts import NewUser, orgs, passwords, users
from hub_server.db import Database
from tests.support.people import make_token
from tests.support.processes import free_port

READY_SECONDS = 60
CLEAN = {key: value for key, value in os.environ.items() if not key.startswith(("HUB_", "HF_"))}


class DidNotStart(Exception):
    """Says what the server printed."""


@dataclass
class LiveHub:
    """`settings` are HUB_… variables. `url` has no slash at its end."""

    module: ClassVar[str] = "hub_server"

    data_dir: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    workers: int = 1
    process: "subprocess.Popen[bytes] | None" = None
    _log_begin: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.data_dir / "serve.log"

    def start(self) -> "LiveHub":
        """Returns when it serves. Raises DidNotStart."""
        self.launch()
        return self.await_ready()

    def launch(self) -> None:
        """Begin to start, and do not wait."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._log_begin = self.log.stat().st_size if self.log.exists() else 0
        command = [
            sys.executable, "-m", self.module, "serve", "--port", str(self.port),
            "--workers", str(self.workers),
        ]  # fmt: skip
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )

    def await_ready(self) -> "LiveHub":
        assert self.process
        deadline = time.monotonic() + READY_SECONDS
        while b"Listening on" not in self.log.read_bytes()[self._log_begin :]:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise DidNotStart(self.log.read_text()[-4000:])
            time.sleep(0.05)
        return self

    @property
    def environment(self) -> dict[str, str]:
        return {**CLEAN, "HUB_DATA_DIR": str(self.data_dir), **self.settings}

    def stop(self) -> int:
        """SIGTERM, as an operator would; returns the exit status."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """SIGKILL to all its processes at once."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def close(self) -> None:
        """Stop, so that what was covered is saved; kill what does not listen."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()

    def command(self, *words: str, given: str = "") -> str:
        """`hub-server …` beside the running server; its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "hub_server", *words],
            input=given, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def setup_link(self) -> str | None:
        match = re.search(r"http://\S+/setup/\S+", self.log.read_text())
        return match[0] if match else None

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Its database, beside the running server."""
        embedded = f"sqlite:///{self.data_dir}/hub.db"
        database = Database(self.settings.get("HUB_DATABASE_URL", embedded), pool_size=1)
        try:
            with database.write() as session:
                yield session
        finally:
            database.dispose()

    def make_user(self, name: str | None = None, *, admin: bool = False) -> "LiveUser":
        """A user with a write token; the name is made up unless given."""
        name = name or f"u{secrets.token_hex(4)}"
        password = secrets.token_urlsafe(12)
        new = NewUser(name, f"{name}@example.org", "", passwords.make(password), is_admin=admin)
        with self.writing() as session:
            token = make_token(session, users.create_user(session, new), role="write")
        return LiveUser(self, name, token, password)

    def make_org(self, name: str | None = None, *members: str) -> str:
        """With members as `ada:write`."""
        name = name or f"o{secrets.token_hex(4)}"
        with self.writing() as session:
            made = orgs.create_org(session, name)
            for member, _, role in (each.partition(":") for each in members):
                user = users.user_named(session, member)
                orgs.set_member(session, made, user, orgs.check_role(role))
        return name

    def client(self, token: str | None = None, **options: Any) -> httpx.Client:
        """A plain HTTP client with this hub as base; `token` goes into every request."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        options = {"timeout": 60, "trust_env": False, **options}
        return httpx.Client(base_url=self.url, headers=headers, **options)


@dataclass(frozen=True)
class LiveUser:
    hub: LiveHub
    name: str
    token: str
    password: str

    def client(self, **options: Any) -> httpx.Client:
        return self.hub.client(self.token, **options)

    def make_repo(
        self, name: str | None = None, *, kind: str = "model", private: bool = False
    ) -> str:
        """The full name of a new repository of this user's."""
        name = name or f"r{secrets.token_hex(4)}"
        body = {"name": name, "type": kind, "private": private}
        if kind == "space":
            body["sdk"] = "static"
        with self.client() as client:
            answer = client.post("/api/repos/create", json=body)
        assert answer.status_code == 200, answer.text
        return f"{self.name}/{name}"

    def git_url(self, repo: str, *, kind: str = "model", suffix: str = "") -> str:
        prefix = "" if kind == "model" else f"{kind}s/"
        return f"http://{self.name}:{self.token}@127.0.0.1:{self.hub.port}/{prefix}{repo}{suffix}"


@pytest.fixture
def make_hub(tmp_path: Path) -> Iterator[Callable[..., LiveHub]]:
    """`make_hub(workers=1, HUB_…="…")`: a server of this test's own, killed at its end."""
    made: list[LiveHub] = []

    def make(*, workers: int = 1, data_dir: Path | None = None, **settings: str) -> LiveHub:
        folder = data_dir or tmp_path / f"hub{len(made)}"
        made.append(LiveHub(folder, settings, workers=workers))
        return made[-1].start()

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHub]:
    """One server for all tests of a process; tests make users and repositories of their own."""
    live = LiveHub(tmp_path_factory.mktemp("live") / "data").start()
    yield live
    live.close()


@pytest.fixture(scope="session")
def ada(hub: LiveHub) -> LiveUser:
    return hub.make_user("ada")


@pytest.fixture(scope="session")
def bob(hub: LiveHub) -> LiveUser:
    return hub.make_user("bob")


@pytest.fixture(scope="session")
def teacher(hub: LiveHub) -> LiveUser:
    """The administrator."""
    return hub.make_user("teacher", admin=True)
