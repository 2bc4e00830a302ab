"""Xet as the real client speaks it, beside the plain transfer of the same bytes; what repeated
bytes cost on the wire; what uploads at once hold in memory; how fast chunks are checked.

Below BENCH_SCALE=0.3 the requests around a transfer cost as much as its bytes.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.large_files import chunks, commit, expect, fill, upload_address
from bench.servers import BenchHub, cpu_seconds, forget_peak, hub, memory
from bench.table import ROUNDS, SCALE, Table, in_turns, least, timed
from bench.wire import Connection
from hub_server.chunks import check_xorb
from tests.support.relays import Line
from tests.support.scripts import Computer
from tests.support.server import LiveUser
from tests.support.xetclient import Xorb

MB = 10**6
SIZE = int(512 * 1024 * 1024 * SCALE)
MIDDLE = int(150 * MB * SCALE)
LARGE, AT_ONCE = int(600 * MB * SCALE), 4
FILES = max(10, int(500 * SCALE))

UPLOAD = """
import sys, time
from huggingface_hub import HfApi
hub, repo, file = HfApi(), *sys.argv[1:]
begin = time.perf_counter()
hub.upload_file(path_or_fileobj=file, path_in_repo=file, repo_id=repo)
print(time.perf_counter() - begin)
"""
DOWNLOAD = """
import sys, time
from huggingface_hub import hf_hub_download
begin = time.perf_counter()
hf_hub_download(sys.argv[1], sys.argv[2], local_dir="got")
print(time.perf_counter() - begin)
"""
FOLDER = """
import sys, time
from huggingface_hub import HfApi
begin = time.perf_counter()
HfApi().upload_folder(repo_id=sys.argv[1], folder_path="up")
print(time.perf_counter() - begin)
"""
SNAPSHOT = """
import sys, time
from huggingface_hub import snapshot_download
begin = time.perf_counter()
snapshot_download(sys.argv[1], local_dir="got")
print(time.perf_counter() - begin)
"""


def main(table: Table, folder: Path) -> None:
    table.head(f"Xet, files of {SIZE >> 20} MB, directory store")
    _validation(table, folder)
    with hub() as live:
        ada = live.make_user("ada")
        _uploads(table, ada, folder)
        _downloads(table, live, ada, folder)
        _folders(table, ada, folder)
    with hub() as live:
        _repeated(table, live, live.make_user("ada"), folder)
    with hub() as live:
        _at_once(table, live, live.make_user("ada"), folder)


@contextmanager
def machine(ada: LiveUser, folder: Path, url: str = "", *, xet: bool = True) -> Iterator[Computer]:
    """One that has never spoken to the hub."""
    home = folder / f"machine{time.monotonic_ns()}"
    home.mkdir()
    yield Computer(url or ada.hub.url, home, ada.token, xet=xet, seconds=1800)
    shutil.rmtree(home)


def _seconds(computer: Computer, script: str, *words: str) -> float:
    return float(computer.run(script, *words).split()[-1])


def _uploads(table: Table, ada: LiveUser, folder: Path) -> None:
    """The client's time includes its own sha256, chunking and hashing, and the commit."""
    repo, source, busy = ada.make_repo("up"), folder / "source", list[float]()
    assert isinstance(ada.hub, BenchHub)
    pid = ada.hub.pid

    def client(number: int, *, xet: bool) -> float:
        with machine(ada, folder, xet=xet) as mine:
            fill(mine.folder / "a.bin", SIZE, 10 * number + xet)
            before = cpu_seconds(pid)
            took = _seconds(mine, UPLOAD, repo, "a.bin")
            busy.append(cpu_seconds(pid) - before)
        return took

    def plain(number: int) -> float:
        oid = fill(source, SIZE, 1000 + number)
        path, *headers = upload_address(ada, repo, oid, SIZE)
        connection = Connection(ada.hub.url)
        took = timed(lambda: expect(connection.put_file(path, source, *headers)))
        connection.close()
        return took / 1000

    own, theirs, lfs = in_turns(
        lambda number: client(number, xet=True), plain, lambda number: client(number, xet=False)
    )
    table.compare("upload of new data / plain PUT", _speed(own), _speed(theirs), "MB/s",
                  target="≥ 0.35")  # fmt: skip
    table.note(f"the same client by LFS {_speed(lfs):,.0f} MB/s; hub computing {busy[0]:.1f} s")
    source.unlink()


def _stored_twice(live: BenchHub, ada: LiveUser, folder: Path) -> tuple[str, str]:
    """Repositories with `model.bin`, of one size: the one has it by Xet, the other by LFS."""
    by_xet, by_lfs = ada.make_repo("xet"), ada.make_repo("lfs")
    with machine(ada, folder) as mine:
        path = mine.folder / "model.bin"
        oid = fill(path, SIZE, 5)
        address, *headers = upload_address(ada, by_lfs, oid, SIZE)
        connection = Connection(live.url)
        expect(connection.put_file(address, path, *headers))
        connection.close()
        commit(ada, by_lfs, oid, SIZE)
        fill(path, SIZE, 6)  # the plain form goes before the chunks where an object has both
        mine.run(UPLOAD, by_xet, "model.bin")
    return by_xet, by_lfs


def _downloads(table: Table, live: BenchHub, ada: LiveUser, folder: Path) -> None:
    (by_xet, by_lfs), busy = _stored_twice(live, ada, folder), list[float]()

    def client(number: int) -> float:
        before = cpu_seconds(live.pid)
        with machine(ada, folder) as other:
            took = _seconds(other, DOWNLOAD, by_xet, "model.bin")
        busy.append(cpu_seconds(live.pid) - before)
        return took

    def curl(repo: str) -> float:
        target = folder / "got"
        words = f"curl -sf --noproxy * -o {target} {live.url}/{repo}/resolve/main/model.bin"
        with machine(ada, folder) as other:
            took = timed(lambda: other.command(words.split()))
        assert target.stat().st_size == SIZE
        target.unlink()
        return took / 1000

    def drained(repo: str) -> float:
        begin = time.perf_counter()
        assert _drain(live.url, f"/{repo}/resolve/main/model.bin") == SIZE
        return time.perf_counter() - begin

    own, to_file, xet, lfs, xet_to_file = in_turns(
        client,
        lambda _: curl(by_lfs),
        lambda _: drained(by_xet),
        lambda _: drained(by_lfs),
        lambda _: curl(by_xet),
    )
    table.compare("download to a file / plain GET to a file", _speed(own), _speed(to_file), "MB/s",
                  target="≥ 0.4")  # fmt: skip
    table.note(f"hub computing {least(busy):.1f} s, the rest is the client's")
    table.compare("plain GET of a Xet file / of an LFS file", _speed(xet), _speed(lfs), "MB/s",
                  target="≥ 0.4")  # fmt: skip
    table.compare("the same, to a file", _speed(xet_to_file), _speed(to_file), "MB/s")
    table.compare("download to a file / plain GET to nowhere", _speed(own), _speed(lfs), "MB/s")


def _folders(table: Table, ada: LiveUser, folder: Path) -> None:
    """Many small files: what counts is requests."""
    repos = {True: ada.make_repo("many"), False: ada.make_repo("many-plain")}

    def up_and_down(*, xet: bool) -> tuple[float, float]:
        with machine(ada, folder, xet=xet) as mine:
            (mine.folder / "up").mkdir()
            for number in range(FILES):
                (mine.folder / f"up/{number}.bin").write_bytes(os.urandom(5000 + 40 * number))
            return _seconds(mine, FOLDER, repos[xet]), _seconds(mine, SNAPSHOT, repos[xet])

    own, theirs = up_and_down(xet=True), up_and_down(xet=False)
    for number, way in enumerate(("upload", "download")):
        table.compare(f"{way} of {FILES} files / the client by LFS", FILES / own[number],
                      FILES / theirs[number], "files/s")  # fmt: skip


def _repeated(table: Table, live: BenchHub, ada: LiveUser, folder: Path) -> None:
    """Bytes that leave the client, headers and commits included."""
    repo, line = ada.make_repo("again"), Line(live.port)
    data = os.urandom(MIDDLE)
    changes = {name: data[: MIDDLE // 2] + os.urandom(1000) + data[MIDDLE // 2 :] for name in "bc"}
    with machine(ada, folder, line.url) as mine, machine(ada, folder, line.url) as other:
        (mine.folder / "a.bin").write_bytes(data)
        first = _sent(line, lambda: mine.run(UPLOAD, repo, "a.bin"))
        again = _sent(line, lambda: mine.run(UPLOAD, repo, "a.bin"))
        (mine.folder / "b.bin").write_bytes(changes["b"])
        (other.folder / "c.bin").write_bytes(changes["c"])
        known = _sent(line, lambda: mine.run(UPLOAD, repo, "b.bin"))
        unknown = _sent(line, lambda: other.run(UPLOAD, repo, "c.bin"))
    line.stop()
    table.figure(f"sent for {MIDDLE // MB} MB of new data", first / MB, "MB")
    table.figure("sent for 1 KB in the middle of it", known / 1000, "kB", target="≤ 300")
    table.figure("the same, empty client cache", unknown / 1000, "kB", target="≤ 300")
    table.figure("sent for the same again", again / 1000, "kB", target="≤ 10")


def _sent(line: Line, work: Callable[[], object]) -> int:
    before = line.asked
    work()
    return line.asked - before


def _at_once(table: Table, live: BenchHub, ada: LiveUser, folder: Path) -> None:
    """Memory of the hub while several files come in, and while they are put together again."""
    repo = ada.make_repo("once")
    with ExitStack() as stack:
        machines = [stack.enter_context(machine(ada, folder)) for _ in range(AT_ONCE)]
        for number, mine in enumerate(machines):
            fill(mine.folder / f"{number}.bin", LARGE, 70 + number)
        with live.client() as client:
            client.get("/")
        _growth(table, live, "uploads", lambda n: machines[n].run(UPLOAD, repo, f"{n}.bin"))
    paths = [f"/{repo}/resolve/main/{number}.bin" for number in range(AT_ONCE)]
    _growth(table, live, "plain GETs", lambda n: _drain(live.url, paths[n]))


def _growth(table: Table, live: BenchHub, what: str, work: Callable[[int], object]) -> None:
    """`work` of each number at once."""
    before = memory(live.pid)
    forget_peak(live.pid)
    begin = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(work, range(AT_ONCE)))
    took = time.monotonic() - begin
    grown = (memory(live.pid, "VmHWM") - before) / MB
    words = f"memory growth, {AT_ONCE} {what} of {LARGE // MB} MB"
    table.figure(words, grown, "MB", target="≤ 250")
    left = (memory(live.pid) - before) / MB
    table.note(f"{AT_ONCE * LARGE / took / MB:,.0f} MB/s in all; afterwards {left:+.0f} MB")


def _drain(url: str, path: str) -> int:
    connection = Connection(url)
    connection.send("GET", path)
    status, length = connection.body()
    connection.close()
    expect(status)
    return length


def _validation(table: Table, folder: Path) -> None:
    """One core: parsing, hashing each chunk, the tree; beside hashing the bytes at one go."""
    body = Xorb.of(b"".join(chunks(48 * 1024 * 1024, 3))).body

    def ours(_: int) -> float:
        return timed(lambda: check_xorb(body).xorb_hash())

    def theirs(_: int) -> float:
        return timed(lambda: hashlib.sha256(body).digest())

    own, other = in_turns(ours, theirs, rounds=ROUNDS + 2)
    speed, sha256 = (len(body) / least(each) / 1000 for each in (own, other))
    table.figure("validation of stored chunks, a core", speed, "MB/s", target="≥ 400")
    table.note(f"sha256 of the same bytes {sha256:,.0f} MB/s")


def _speed(seconds: list[float]) -> float:
    return SIZE / least(seconds) / MB
