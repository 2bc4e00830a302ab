"""Git over HTTP beside nginx + fcgiwrap + `git http-backend`, the same repositories in one run."""

import os
import random
import secrets
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.servers import BenchHub, hub, nginx
from bench.table import ROUNDS, SCALE, Table, in_turns, least, timed
from bench.wire import Connection
from tests.support.server import LiveUser

COMMITS = int(5000 * SCALE)
TAGS = 170
PUSHED = 6 * 8_500_000
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


def git(*words: str | Path, cwd: Path | None = None, given: bytes = b"") -> str:
    done = subprocess.run(
        ["git", *words], cwd=cwd, env=ENVIRONMENT, input=given, capture_output=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"git {words}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode().strip()


@dataclass
class Pair:
    """The same repository at two addresses, and a clone to push from."""

    folder: Path
    ours: str
    theirs: str
    work: Path

    def turns(self, work: Callable[[str, str, int], object]) -> tuple[float, float]:
        """Least milliseconds of `work(address, name, round)` for each."""
        ours, theirs = in_turns(
            lambda number: timed(lambda: work(self.ours, "ours", number)),
            lambda number: timed(lambda: work(self.theirs, "theirs", number)),
        )
        return least(ours), least(theirs)


def main(table: Table, folder: Path) -> None:
    with hub() as live, nginx(folder, blobs=folder) as reference:
        pair = _pair(live, reference, folder)
        table.head(f"Git, beside nginx + git http-backend ({_size(pair)})")
        _fetches(table, pair)
        _pushes(table, pair)


def _pair(live: BenchHub, reference: str, folder: Path) -> Pair:
    ada = live.make_user("ada")
    name = ada.make_repo("medium")
    work = folder / "work"
    _history(work)
    bare = folder / "repos" / "ada" / "medium"
    bare.parent.mkdir()
    git("init", "-q", "--bare", "-b", "main", bare)
    for setting in ("http.receivepack=true", "receive.unpackLimit=1"):
        git("config", *setting.split("="), cwd=bare)
    pair = Pair(folder, ada.git_url(name), f"{reference}/ada/medium", work)
    for address in (pair.ours, pair.theirs):
        git("push", "-q", "--force", address, "main", "old", "--tags", cwd=work)
    return pair


def _history(work: Path) -> None:
    """About 20 MB and 50,000 objects at scale 1, packed as git packs them."""
    dice = random.Random(1)
    git("init", "-q", "-b", "main", work)
    stream = []
    for number in range(COMMITS):
        stream.append(f"commit refs/heads/main\ncommitter A <a@b> {1_600_000_000 + number} +0000\n")
        stream.append("data 1\nx\n")
        for _ in range(3):
            path = f"d{dice.randrange(30):02}/e{dice.randrange(20):02}/f{dice.randrange(9)}.txt"
            data = "".join(f"{dice.getrandbits(200):x}\n" for _ in range(12))
            stream.append(f"M 644 inline {path}\ndata {len(data)}\n{data}\n")
    git("fast-import", "--quiet", cwd=work, given="".join(stream).encode())
    lines = "".join(f"create refs/tags/t{n} main~{n * 5}\n" for n in range(TAGS))
    git("update-ref", "--stdin", cwd=work, given=lines.encode())
    git("branch", "old", "main~10", cwd=work)
    git("repack", "-adfq", "--depth=20", "--window=5", cwd=work)


def _size(pair: Pair) -> str:
    lines = git("count-objects", "-v", cwd=pair.work).splitlines()
    facts = dict(line.split(": ") for line in lines)
    return f"{int(facts['in-pack']):,} objects, {int(facts['size-pack']) / 1024:.0f} MB"


def _fetches(table: Table, pair: Pair) -> None:
    tip = git("rev-parse", "main", cwd=pair.work)

    def raw(address: str, _: str, __: int) -> None:
        _raw_clone(address, tip)

    table.compare("raw clone", *pair.turns(raw), "ms", target="≤ 1.0")

    def clone(*flags: str) -> Callable[[str, str, int], None]:
        def run(address: str, _: str, __: int) -> None:
            shutil.rmtree(pair.folder / "clone", ignore_errors=True)
            git("clone", "-q", "--bare", *flags, address, pair.folder / "clone")

        return run

    table.compare("git clone", *pair.turns(clone()), "ms", target="≤ 1.1")
    table.compare("depth 1", *pair.turns(clone("--depth", "1")), "ms", target="≤ 1.0")
    old = pair.folder / "old"
    words = ["--bare", "-q", "--single-branch", "--no-tags", "--branch", "old"]
    git("clone", *words, pair.theirs, old)

    def fetch(address: str, _: str, __: int) -> float:
        copy = pair.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(old, copy, copy_function=os.link)
        return timed(lambda: git("fetch", "-q", "--no-tags", address, "main", cwd=copy))

    ours, theirs = in_turns(lambda n: fetch(pair.ours, "", n), lambda n: fetch(pair.theirs, "", n))
    table.compare("fetch of 10 commits", least(ours), least(theirs), "ms", target="≤ 1.0")
    listed = pair.turns(lambda address, _, __: git("ls-remote", address))
    table.compare(f"ls-remote, {TAGS + 3} refs", *listed, "ms", target="≤ 0.6")


def _raw_clone(address: str, tip: str) -> None:
    """The fetch request alone, as a client of protocol 2 sends it; the answer is thrown away."""
    lines = ["command=fetch", "agent=bench", "object-format=sha1"]
    arguments = ["thin-pack", "ofs-delta", "no-progress", f"want {tip}", "done"]
    body = b"".join(_pkt(each) for each in lines) + b"0001"
    body += b"".join(_pkt(f"{each}\n") for each in arguments) + b"0000"
    base, _, path = address.partition("://")[2].partition("/")
    connection = Connection(f"http://{base.rpartition('@')[2]}")
    kind = "Content-Type: application/x-git-upload-pack-request"
    connection.send("POST", f"/{path}/git-upload-pack", kind, "Git-Protocol: version=2", body=body)
    status, length = connection.body()
    connection.close()
    if status != 200 or length < 100_000:
        raise RuntimeError(f"raw clone: {status}, {length} bytes")


def _pkt(text: str) -> bytes:
    return f"{len(text) + 4:04x}{text}".encode()


def _pushes(table: Table, pair: Pair) -> None:
    tips = [_commit(pair, {f"new/{n}.txt": b"%d" % n}) for n in range(ROUNDS)]

    def push(tips: list[str], branch: str) -> Callable[[str, str, int], None]:
        def run(address: str, _: str, number: int) -> None:
            git("push", "-q", address, f"{tips[number]}:refs/heads/{branch}", cwd=pair.work)

        return run

    for address in (pair.ours, pair.theirs):
        git("push", "-q", address, "main:refs/heads/one", cwd=pair.work)
    table.compare("push of 1 commit", *pair.turns(push(tips, "one")), "ms", target="≤ 1.0")
    large = [
        _commit(pair, {f"large/{n}-{k}.dat": secrets.token_bytes(PUSHED // 6) for k in range(6)})
        for n in range(ROUNDS)
    ]
    table.compare("push of 50 MB", *pair.turns(push(large, "large")), "ms", target="≤ 1.1")


def _commit(pair: Pair, files: dict[str, bytes]) -> str:
    """A commit on top of the last one made; nothing is checked out."""
    on = "refs/heads/next"
    stream = f"commit {on}\ncommitter A <a@b> 1700000000 +0000\ndata 1\nx\n".encode()
    if not git("for-each-ref", on, cwd=pair.work):
        git("branch", "next", "main", cwd=pair.work)
    stream += f"from {on}^0\n".encode()
    for path, data in files.items():
        stream += f"M 644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n"
    git("fast-import", "--quiet", cwd=pair.work, given=stream)
    return git("rev-parse", on, cwd=pair.work)


def publish(user: LiveUser, name: str, work: Path) -> str:
    """A new repository with what `work` has on `main`; its full name."""
    repo = user.make_repo(name)
    git("push", "-q", "--force", user.git_url(repo), "main", cwd=work)
    return repo
