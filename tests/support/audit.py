"""A hub against a ledger, byte for byte: by git, by LFS, by plain HTTP."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.gitclient import GitClient
from tests.support.ledger import Content, Ledger
from tests.support.lfsclient import MEDIA_TYPE

POINTER = re.compile(rb"version https://git-lfs[^\n]*\noid sha256:([0-9a-f]{64})\nsize (\d+)\n")
UNASKED = {".gitattributes"}
SOME = 100


@dataclass
class Audit:
    """`run` returns what is wrong, in sentences; and how many bytes were compared, in `bytes`."""

    ledger: Ledger
    client: httpx.Client
    git: GitClient
    bytes: int = 0

    def run(self) -> list[str]:
        return [wrong for repo in sorted(self.ledger.repos()) for wrong in self._repo(repo)]

    def _repo(self, repo: str) -> Iterator[str]:
        clone = self._cloned(repo)
        checked = self.git.run("fsck", "--full", "--strict", cwd=clone)
        if checked.code:
            yield f"{repo}: git fsck says {checked.err[-500:]}"
        yield from self._refs(repo, clone)
        yield from self._files(repo, clone)
        yield from self._objects(repo)

    def _cloned(self, repo: str) -> Path:
        url = self.client.base_url.copy_with(username="any", password=_token(self.client))
        folder = f"audit-{repo.replace('/', '-')}"
        return self.git.clone(f"{str(url).rstrip('/')}/{repo}", folder, "--mirror")

    def _refs(self, repo: str, clone: Path) -> Iterator[str]:
        form = "--format=%(objectname) %(refname)"
        lines = self.git("for-each-ref", form, cwd=clone).splitlines()
        found = {name: value for value, name in (line.split(" ", 1) for line in lines)}
        shared = {ref for name, ref in self.ledger.history if name == repo}
        wanted = {ref: value for (name, ref), value in self.ledger.refs.items() if name == repo}
        for ref, value in wanted.items():
            if found.get(ref) != value:
                yield f"{repo}: {ref} is at {found.get(ref)}, acknowledged was {value}"
        for ref in found.keys() - wanted.keys() - shared:
            yield f"{repo}: {ref} is there, and nobody was told so"
        for (name, ref), commits in self.ledger.history.items():
            if name == repo:
                past = set(self.git("rev-list", ref, cwd=clone).split())
                for commit in set(commits) - past:
                    yield f"{repo}: commit {commit} is no longer in the past of {ref}"

    def _files(self, repo: str, clone: Path) -> Iterator[str]:
        wanted: dict[str, dict[str, Content | None]] = {}
        for (name, ref, path), content in self.ledger.files.items():
            if name == repo:
                wanted.setdefault(ref, {})[path] = content
        for ref, files in wanted.items():
            found = dict(self._contents(clone, ref))
            for path, content in files.items():
                if found.get(path) != content:
                    yield f"{repo}: {ref} {path} is {found.get(path)}, acknowledged was {content}"
                elif content is not None:
                    yield from self._resolved(repo, ref, path, content)
            for path in found.keys() - files.keys() - UNASKED:
                yield f"{repo}: {ref} {path} is there, and nobody was told so"

    def _contents(self, clone: Path, ref: str) -> Iterator[tuple[str, Content]]:
        listed = self.git("ls-tree", "-r", "-z", ref, cwd=clone).split("\0")
        entries = [line.split("\t", 1) for line in listed if line]
        ids = [facts.split()[2] for facts, _ in entries]
        done = self.git.raw("cat-file", "--batch", cwd=clone, given="\n".join(ids).encode())
        at = 0
        for _, path in entries:
            end = done.index(b"\n", at)
            size = int(done[at:end].split()[2])
            data = done[end + 1 : end + 1 + size]
            at = end + size + 2
            self.bytes += size
            pointer = POINTER.fullmatch(data)
            yield (
                path,
                Content(pointer[1].decode(), int(pointer[2])) if pointer else Content.of(data),
            )

    def _resolved(self, repo: str, ref: str, path: str, content: Content) -> Iterator[str]:
        revision = ref.removeprefix("refs/heads/").replace("/", "%2F")
        place = f"/{repo}/resolve/{revision}/{path}"
        answer = self.client.get(place, follow_redirects=True)
        self.bytes += len(answer.content)
        if answer.status_code != 200 or Content.of(answer.content) != content:
            yield f"{place}: {answer.status_code}, {len(answer.content)} bytes that are not it"

    def _objects(self, repo: str) -> Iterator[str]:
        mine = [(oid, size) for (name, oid), size in self.ledger.objects.items() if name == repo]
        for start in range(0, len(mine), SOME):
            yield from self._batch(repo, mine[start : start + SOME])

    def _batch(self, repo: str, objects: list[tuple[str, int]]) -> Iterator[str]:
        body = {
            "operation": "download",
            "objects": [{"oid": oid, "size": size} for oid, size in objects],
        }
        headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
        told = self.client.post(f"/{repo}.git/info/lfs/objects/batch", json=body, headers=headers)
        if told.status_code != 200:
            yield f"{repo}: a batch is answered {told.status_code} {told.text[:200]}"
            return
        for each in told.json()["objects"]:
            if "actions" not in each:
                yield f"{repo}: object {each['oid']} is gone: {each.get('error')}"
                continue
            answer = httpx.get(
                each["actions"]["download"]["href"], follow_redirects=True, trust_env=False
            )
            self.bytes += len(answer.content)
            if hashlib.sha256(answer.content).hexdigest() != each["oid"]:
                yield f"{repo}: object {each['oid']} has other bytes ({answer.status_code})"


def _token(client: httpx.Client) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")
