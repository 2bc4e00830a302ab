"""People at work on a hub, each with one kind of thing; what they are told they enter in a ledger.

They try again what failed for want of a hub, and stop at what no hub may say.
"""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.ledger import Content, Ledger
from tests.support.lfsclient import MEDIA_TYPE
from tests.support.patience import PatientClient, PatientGit, Tally, Wrong
from tests.support.transfers import file_line

MAIN = "refs/heads/main"
START_AGAIN = (400, 404, 409, 410)
"""What an upload may be told after a crash: that it has ended; the client asks for a new one."""


@dataclass
class Scene:
    """`urls`: addresses of the hub; a worker takes one of them. Readers ask each of `nodes`.

    `large`: sizes of large files, of which those above the hub's threshold go in parts.
    """

    urls: Sequence[str]
    token: str
    repo: str
    folder: Path
    patience: float = 90.0
    large: tuple[int, int] = (1_000, 200_000)
    nodes: Sequence[str] = ()
    ledger: Ledger = field(default_factory=Ledger)
    tally: Tally = field(default_factory=Tally)

    def git_url(self, url: str) -> str:
        return url.replace("http://", f"http://any:{self.token}@") + f"/{self.repo}"


class Worker:
    """One person at work; subclasses say with what."""

    def __init__(self, scene: Scene, name: str, chance: random.Random) -> None:
        self.scene = scene
        self.name = name
        self.chance = chance
        self.ledger = scene.ledger
        self.count = 0
        self.url = chance.choice(list(scene.urls))
        self.client = PatientClient(self.url, scene.token, scene.tally, scene.patience)

    def begin(self) -> None:
        """Before the first step."""

    def step(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.client.close()

    def next(self) -> int:
        self.count += 1
        return self.count

    def some_bytes(self, least: int = 1, most: int = 3000) -> bytes:
        """Never the same twice."""
        return self.chance.randbytes(16) + self.chance.randbytes(self.chance.randint(least, most))

    def large_bytes(self) -> bytes:
        return self.some_bytes(*self.scene.large)

    def upload(self, data: bytes) -> Content:
        """By the batch API as git-lfs and the Python client use it, from the start if need be."""
        content = Content.of(data)
        repo = self.scene.repo
        with self.ledger.changing((repo, content.oid)):
            for _ in range(200):
                if self._sent(data, content):
                    self.ledger.uploaded(repo, content)
                    return content
                time.sleep(0.1)
        raise Wrong(f"{content} begins anew for ever")

    def _sent(self, data: bytes, content: Content) -> bool:
        actions = self._batch(content)
        if not actions:
            return True  # here already: an earlier try arrived
        header = dict(actions["upload"].get("header", {}))
        chunk = int(header.pop("chunk_size", 0))
        href = actions["upload"]["href"]
        if not chunk:
            done = self._put(href, data, header)
        else:
            parts = [data[at : at + chunk] for at in range(0, len(data), chunk)]
            done = all(
                self._put(header[f"{number:05}"], part) for number, part in enumerate(parts, 1)
            ) and self._post(href, {"oid": content.oid, "parts": []})
        if done and "verify" in actions:
            body = {"oid": content.oid, "size": content.size}
            done = self._post(actions["verify"]["href"], body)
        return done

    def _batch(self, content: Content) -> dict[str, Any]:
        body = {
            "operation": "upload",
            "transfers": ["basic", "multipart"],
            "objects": [{"oid": content.oid, "size": content.size}],
        }
        headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
        place = f"/{self.scene.repo}.git/info/lfs/objects/batch"
        told = self.client.ask("POST", place, json=body, headers=headers).json()["objects"][0]
        if "error" in told:
            raise Wrong(f"{content}: {told}")
        actions: dict[str, Any] = told.get("actions", {})
        return actions

    def _put(self, href: str, data: bytes, headers: dict[str, str] | None = None) -> bool:
        return self._transferred("PUT", href, content=data, headers=headers)

    def _post(self, href: str, body: object) -> bool:
        return self._transferred("POST", href, json=body, headers={"Content-Type": MEDIA_TYPE})

    def _transferred(self, method: str, href: str, **options: Any) -> bool:
        """Links carry their own permission; no token goes to a store."""
        options["headers"] = {**(options.get("headers") or {}), "Authorization": ""}
        answer = self.client.ask(method, href, ok_again=START_AGAIN, **options)
        return answer.status_code < 300


class Committer(Worker):
    """HTTP commits to the branch that all committers share, each below a folder of its own."""

    def begin(self) -> None:
        self.files: list[str] = []

    def step(self) -> None:
        changes: dict[str, Content | None] = {}
        lines: list[dict[str, object]] = []
        for _ in range(self.chance.randint(1, 3)):
            path, line, content = self._change()
            if path not in changes:
                changes[path] = content
                lines.append(line)
        names = [(self.scene.repo, MAIN, path) for path in changes]
        with self.ledger.changing(*names):
            commit = self._commit(lines)
            self.ledger.committed(self.scene.repo, MAIN, commit, changes)
        gone = {path for path, content in changes.items() if content is None}
        self.files = [*(set(self.files) - gone), *(changes.keys() - gone - set(self.files))]

    def _change(self) -> tuple[str, dict[str, object], Content | None]:
        kind = self.chance.random()
        if kind < 0.2 and len(self.files) > 3:
            path = self.chance.choice(self.files)
            return path, {"key": "deletedFile", "value": {"path": path}}, None
        if kind < 0.45:
            content = self.upload(self.large_bytes())
            path = f"{self.name}/large-{self.next()}.bin"
            value = {"path": path, "algo": "sha256", "oid": content.oid, "size": content.size}
            return path, {"key": "lfsFile", "value": value}, content
        path = f"{self.name}/file-{self.next()}.txt"
        if kind < 0.6 and (plain := [each for each in self.files if each.endswith(".txt")]):
            path = self.chance.choice(plain)
        data = self.some_bytes().hex().encode()
        return path, file_line(path, data), Content.of(data)

    def _commit(self, lines: list[dict[str, object]]) -> str | None:
        header = {"key": "header", "value": {"summary": f"{self.name} {self.next()}"}}
        answer = self.client.ask(
            "POST",
            f"/api/models/{self.scene.repo}/commit/main",
            content="\n".join(map(json.dumps, [header, *lines])),
            headers={"Content-Type": "application/x-ndjson"},
            ok_again=(404,),  # a file to delete that an earlier try has deleted
        )
        commit: str | None = answer.json().get("commitOid")
        return commit


class Uploader(Worker):
    """Large files that no commit names as yet."""

    def step(self) -> None:
        self.upload(self.large_bytes())


class PartsUploader(Worker):
    """Files that are large enough for parts at an S3 service, now and then."""

    def step(self) -> None:
        self.upload(self.some_bytes(6_000_000, 11_000_000))
        time.sleep(1)


class Mover(Worker):
    """Branches and tags made and removed over the API."""

    def begin(self) -> None:
        self.made: list[str] = []

    def step(self) -> None:
        commits = self.ledger.history.get((self.scene.repo, MAIN))
        if not commits:
            time.sleep(0.05)
        elif len(self.made) > 3 and self.chance.random() < 0.5:
            self._remove(self.made.pop(self.chance.randrange(len(self.made))))
        else:
            self._make(commits[-1])

    def _make(self, commit: str) -> None:
        name = f"{self.name}-{self.next()}"
        kind = self.chance.choice(["branch", "tag"])
        ref = f"refs/{'heads' if kind == 'branch' else 'tags'}/{name}"
        with self.ledger.changing((self.scene.repo, ref)):
            at = name if kind == "branch" else commit
            body = {"startingPoint": commit} if kind == "branch" else {"tag": name}
            place = f"/api/models/{self.scene.repo}/{kind}/{at}"
            self.client.ask("POST", place, json=body, ok_again=(409,))
            self.ledger.moved(self.scene.repo, ref, commit)
        self.made.append(ref)

    def _remove(self, ref: str) -> None:
        kind = "branch" if ref.startswith("refs/heads/") else "tag"
        place = f"/api/models/{self.scene.repo}/{kind}/{ref.split('/', 2)[2]}"
        with self.ledger.changing((self.scene.repo, ref)):
            self.client.ask("DELETE", place, ok_again=(404,))
            self.ledger.moved(self.scene.repo, ref, None)


class Pusher(Worker):
    """The stock git client, with git-lfs, on a branch of its own: pushed, forced, tagged."""

    def begin(self) -> None:
        folder = self.scene.folder / self.name
        self.git = PatientGit.at(folder, self.scene.tally, self.scene.patience)
        self.here = self.git.git
        self.remote = self.scene.git_url(self.url)
        self.git("clone", "-q", "--no-checkout", self.remote, "clone")  # fetches no large file
        self.clone = folder / "clone"
        self.here("symbolic-ref", "HEAD", f"refs/heads/{self.name}", cwd=self.clone)
        self.here("lfs", "track", "*.bin", cwd=self.clone)
        self.files: dict[str, Content] = {}
        self.tags: list[str] = []

    def step(self) -> None:
        kind = self.chance.random()
        if kind < 0.15 and self.files:
            self._commit("--amend")
            self._push("--force")
        elif kind < 0.3 and self.files:
            self._tag()
        elif kind < 0.35 and self.tags:
            self._untag(self.tags.pop())
        else:
            self._commit()
            self._push()

    def _commit(self, *flags: str) -> None:
        for _ in range(self.chance.randint(1, 3)):
            large = self.chance.random() < 0.15
            name = f"{self.name}-{self.next()}.{'bin' if large else 'txt'}"
            data = self.large_bytes() if large else self.some_bytes().hex().encode()
            (self.clone / name).write_bytes(data)
            self.files[name] = Content.of(data)
        if len(self.files) > 5 and self.chance.random() < 0.2:
            name = self.chance.choice(sorted(self.files))
            (self.clone / name).unlink()
            del self.files[name]
        self.here("add", "-A", cwd=self.clone)
        message = f"{self.name} {self.next()}"
        self.here("commit", "-q", "--allow-empty", "-m", message, *flags, cwd=self.clone)

    def _push(self, *flags: str) -> None:
        ref, repo = f"refs/heads/{self.name}", self.scene.repo
        head = self.here("rev-parse", "HEAD", cwd=self.clone)
        names = [(repo, ref), *(name for name, _ in self.ledger.known_files() if name[1] == ref)]
        with self.ledger.changing(*names):
            self.git("push", "-q", *flags, "origin", f"HEAD:{ref}", cwd=self.clone)
            self.ledger.moved(repo, ref, head, self.files)

    def _tag(self) -> None:
        tag = f"{self.name}-{self.next()}"
        ref = f"refs/tags/{tag}"
        words = ("-a", "-m", tag) if self.chance.random() < 0.5 else ()
        self.here("tag", *words, tag, cwd=self.clone)
        value = self.here("rev-parse", ref, cwd=self.clone)
        with self.ledger.changing((self.scene.repo, ref)):
            self.git("push", "-q", "origin", ref, cwd=self.clone)
            self.ledger.moved(self.scene.repo, ref, value)
        self.tags.append(ref)

    def _untag(self, ref: str) -> None:
        with self.ledger.changing((self.scene.repo, ref)):
            gone = "remote ref does not exist"
            self.git("push", "-q", "--delete", "origin", ref, cwd=self.clone, fine=gone)
            self.ledger.moved(self.scene.repo, ref, None)


class Reader(Worker):
    """Looks at every node whether what was acknowledged is there, now."""

    def begin(self) -> None:
        scene = self.scene
        self.clients = [
            PatientClient(url, scene.token, scene.tally, scene.patience)
            for url in scene.nodes or scene.urls
        ]
        self.git = PatientGit.at(scene.folder / self.name, scene.tally, scene.patience)

    def close(self) -> None:
        for client in (*self.clients, self.client):
            client.close()

    def step(self) -> None:
        look = self.chance.choice([self._file, self._file, self._file, self._object, self._fetch])
        look(self.chance.choice(self.clients))

    def _file(self, client: PatientClient) -> None:
        known = self.ledger.known_files()
        if not known:
            time.sleep(0.05)
            return
        name, _ = self.chance.choice(known)
        repo, ref, path = name
        turn, content = self.ledger.turn(name), self.ledger.files.get(name)
        place = f"/{repo}/resolve/{ref.removeprefix('refs/heads/')}/{path}"
        answer = client.ask("GET", place, ok=(200, 404), follow_redirects=True)
        found = Content.of(answer.content) if answer.status_code == 200 else None
        if turn is not None and self.ledger.turn(name) == turn and found != content:
            raise Wrong(f"{client.url}{place} is {found}, acknowledged was {content}")
        self.ledger.counts["reads"] += 1

    def _object(self, client: PatientClient) -> None:
        known = self.ledger.known_objects()
        if not known:
            time.sleep(0.05)
            return
        (repo, oid), size = self.chance.choice(known)
        body = {"operation": "download", "objects": [{"oid": oid, "size": size}]}
        headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
        place = f"/{repo}.git/info/lfs/objects/batch"
        told = client.ask("POST", place, json=body, headers=headers).json()["objects"][0]
        if "actions" not in told:
            raise Wrong(f"{client.url}: object {oid} was acknowledged: {told}")
        href = told["actions"]["download"]["href"]
        answer = client.ask("GET", href, headers={"Authorization": ""}, follow_redirects=True)
        if Content.of(answer.content) != Content(oid, size):
            raise Wrong(f"{href}: {len(answer.content)} other bytes")
        self.ledger.counts["reads"] += 1

    def _fetch(self, client: PatientClient) -> None:
        """What refs there are, and now and then all they lead to."""
        wanted = {name: (self.ledger.turn(name), value) for name, value in self.ledger.known_refs()}
        listed = self.git("ls-remote", self.scene.git_url(client.url)).splitlines()
        found = {ref: value for value, _, ref in (line.partition("\t") for line in listed)}
        for name, (turn, value) in wanted.items():
            if turn is None or self.ledger.turn(name) != turn or found.get(name[1]) == value:
                continue
            if self.ledger.refs.get(name) == value:
                raise Wrong(f"{client.url}: {name} is {found.get(name[1])}, was told {value}")
        if self.chance.random() < 0.2:
            url, folder = self.scene.git_url(client.url), f"clone{self.next()}"
            self.git("-c", "filter.lfs.smudge=cat", "clone", "-q", "--bare", url, folder)
            self.git.git("fsck", "--strict", cwd=self.git.git.folder / folder)
        self.ledger.counts["fetches"] += 1


KINDS: dict[str, type[Worker]] = {
    "commit": Committer,
    "upload": Uploader,
    "parts": PartsUploader,
    "move": Mover,
    "push": Pusher,
    "read": Reader,
}
