"""A tiny Git server over the protocol code, for the stock client to talk to.

Repositories are bare ones made by real git; every request opens a fresh view of one.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from hub_server.git import receive
from hub_server.git.advertise import advertise_receive_pack, advertise_upload_pack
from hub_server.git.ancestry import CommitGraph, ancestors
from hub_server.git.errors import GitError
from hub_server.git.listing import Selection, list_objects
from hub_server.git.packs import Pack, PackSet
from hub_server.git.sources import RefLine
from hub_server.git.subprocesses import GitProgram
from hub_server.git.uploadpack import upload_pack

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


class GitFailed(AssertionError):
    """The stock client ended with an error; its words are the message."""


def git(*arguments: str | Path, cwd: Path | None = None, stdin: bytes = b"", **env: str) -> str:
    """Run the stock client; its output. Raises GitFailed with what it wrote to stderr."""
    run = subprocess.run(
        ["git", *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env={**ENVIRONMENT, **env},
        timeout=100,
        check=False,
    )
    if run.returncode:
        raise GitFailed(run.stderr.decode(errors="replace"))
    return run.stdout.decode(errors="surrogateescape").strip()


class PlainSource:
    """A view of a bare repository whose objects are all in packs."""

    def __init__(self, repo: Path, *, program: bool = True) -> None:
        self.git_dir = repo if program else None
        self.repo = repo
        packs = sorted((repo / "objects" / "pack").glob("*.pack"))
        self.objects = PackSet([Pack.open(pack, pack.with_suffix(".idx")) for pack in packs])
        self.head = (repo / "HEAD").read_bytes().strip().removeprefix(b"ref: ")
        text = git("for-each-ref", "--format=%(objectname) %(*objectname) %(refname)", cwd=repo)
        self.lines = [self._line(line) for line in text.splitlines()]

    @staticmethod
    def _line(text: str) -> RefLine:
        value, peeled, name = text.split(" ", 2)
        return RefLine(os.fsencode(name), value, peeled or None)

    def refs(self, prefixes: Sequence[bytes] | None) -> list[RefLine]:
        wanted = (b"refs/heads/", b"refs/tags/") if prefixes is None else tuple(prefixes)
        return sorted(line for line in self.lines if line.name.startswith(wanted))

    def is_fetchable(self, ids: Collection[str]) -> set[str]:
        tips = {line.id for line in self.lines}
        wanted = {each for each in ids if each in self.objects}
        if wanted <= tips:
            return wanted
        graph = CommitGraph(self.objects)
        commits = set(ancestors(graph, graph.commits(tips)))
        if wanted <= tips | commits:
            return wanted
        listing = list_objects(self.objects, Selection(wants=sorted(tips)))
        return {each for each in wanted if bytes.fromhex(each) in listing.ids}


@dataclass
class Server:
    """Serves `folder`: `<url>/name` is the bare repository `folder/name`."""

    folder: Path
    program: GitProgram | None
    url: str = ""
    limits: receive.ReceiveLimits = field(default_factory=receive.ReceiveLimits)
    requests: list[str] = field(default_factory=list)

    def create(self, name: str = "repo") -> Path:
        repo = self.folder / name
        git("init", "-q", "--bare", "-b", "main", repo)
        return repo

    def source(self, name: str) -> PlainSource:
        return PlainSource(self.folder / name, program=self.program is not None)

    def pack(self, repo: Path) -> None:
        git("repack", "-adq", cwd=repo)

    def push(self, name: str, body: io.BufferedIOBase) -> Iterator[bytes]:
        """What a hub does with a push, on plain files."""
        push = receive.read_commands(body)
        if not push.commands:
            return
        source = self.source(name)
        folder = Path(tempfile.mkdtemp(prefix="quarantine-", dir=self.folder))
        try:
            found = receive.quarantine(
                push, body, source=source, folder=folder, limits=self.limits, git=self.program
            )
            if found.pack is not None:
                place = source.repo / "objects" / "pack"
                shutil.copy(found.pack.pack, place)
                shutil.copy(found.pack.idx, place)
            results = receive.verdicts(push, self._stale(push, source) | found.refused)
            for command in push.commands:
                if results[command.name] is None:
                    self._move(source.repo, command)
            messages = [f"{len(found.new_ids)} new objects", *push.options]
            yield from receive.report(push, results, None, messages)
        except GitError as error:
            yield from receive.report(push, {}, str(error))
        finally:
            shutil.rmtree(folder)

    @staticmethod
    def _stale(push: receive.Push, source: PlainSource) -> dict[bytes, str]:
        known = {line.name: line.id for line in source.lines}
        return {
            command.name: "stale info"
            for command in push.commands
            if known.get(command.name, "0" * 40) != command.old
        }

    @staticmethod
    def _move(repo: Path, command: receive.Command) -> None:
        name = os.fsdecode(command.name)
        if command.deletes:
            git("update-ref", "-d", name, cwd=repo)
        else:
            git("update-ref", name, command.new, cwd=repo)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    hub: Server

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        name, _, _ = unquote(address.path).strip("/").partition("/info/refs")
        service = parse_qs(address.query)["service"][0]
        source = self.hub.source(name)
        if service == "git-upload-pack":
            body = b"".join(advertise_upload_pack(source, self._protocol()))
        else:
            body = b"".join(advertise_receive_pack(source, min(self._protocol(), 1)))
        self._answer(f"application/x-{service}-advertisement", body)

    def do_POST(self) -> None:
        path, _, service = unquote(self.path).strip("/").rpartition("/")
        self.hub.requests.append(service)
        body = self._body()
        out = io.BytesIO()
        if service == "git-upload-pack":
            try:
                upload_pack(
                    self.hub.source(path),
                    protocol=self._protocol(),
                    body=body,
                    out=out,
                    git=self.hub.program,
                )
            except GitError as error:
                self.hub.requests.append(f"refused: {error}")
        else:
            out.writelines(self.hub.push(path, body))
        self._answer(f"application/x-{service}-result", out.getvalue())

    def _protocol(self) -> int:
        words = self.headers.get("Git-Protocol", "").split(":")
        return max((int(w[8:]) for w in words if w.startswith("version=")), default=0)

    def _body(self) -> io.BytesIO:
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b"".join(self._chunks())
        else:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        return io.BytesIO(data)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """The tests say what failed."""


@contextmanager
def serving(folder: Path, program: GitProgram | None) -> Iterator[Server]:
    """A server on a loopback port."""
    hub = Server(folder, program)
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        hub.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            http.shutdown()
            thread.join()
