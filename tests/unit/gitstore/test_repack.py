"""Many packs become few, with every object, under readers and writers who notice nothing."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from hub_server import faults
from hub_server.db.tables.git import Lease, Pack
from hub_server.db.tables.repos import Repo
from hub_server.git import BadPack, GitProgram
from hub_server.git.listing import Selection, list_objects
from hub_server.gitstore import (
    DamagedPack,
    GitStore,
    LeaseLost,
    RefUpdate,
    acquire,
    choose,
    collect,
    repack,
    with_many_packs,
)
from hub_server.gitstore.records import PackRecord
from hub_server.gitstore.repacking import FACTOR, FEW, FLOOR
from tests.unit.gitstore.conftest import MAIN, Writer
from tests.unit.gitstore.packsets import (
    ROOT,
    RealGit,
    blobs,
    contents,
    meanwhile,
    states,
)

GIT = GitProgram.find("git")
STEPS = ["chosen", "built", "staged", "publishing", "published"]


@pytest.fixture(params=["git", "native"])
def git(request: pytest.FixtureRequest) -> GitProgram | None:
    return GIT if request.param == "git" else None


@pytest.fixture
def fault() -> Iterator[Callable[[str], None]]:
    yield faults.arm
    faults.arm("")


def history(writer: Writer, count: int, ref: bytes = MAIN) -> str:
    """So many commits, each a pack of its own; the last."""
    commit = ""
    for number in range(count):
        files = {b"d%d/f%d" % (number % 3, number % 20): b"line %d\n" % number * 30}
        commit = writer.commit(files, ref, f"change {number}")
    return commit


def record(size: int) -> PackRecord:
    return PackRecord(size, f"1-{size}", size, 1, "", "")


def sizes(packs: list[PackRecord]) -> list[int]:
    return [pack.size for pack in packs]


MB = 10**6


@pytest.mark.parametrize(
    ("before", "chosen"),
    [
        ([], []),
        ([5], []),
        ([5 * MB, 9 * MB], [5 * MB, 9 * MB]),
        ([5 * MB, 10 * MB], []),
        ([1000, 2 * MB, 900], [900, 1000]),
        ([100, 200, 400 * MB], [100, 200]),
        ([MB, 2 * MB, 4 * MB, 8 * MB, 8 * MB], [MB, 2 * MB, 4 * MB, 8 * MB, 8 * MB]),
        ([MB, MB, 3 * MB, 20 * MB], [MB, MB, 3 * MB]),
    ],
)
def test_what_is_chosen(before: list[int], chosen: list[int]) -> None:
    assert sizes(choose([record(size) for size in before])) == chosen


def test_what_stays_grows_by_the_factor_and_is_few() -> None:
    chance = random.Random(11)
    for _ in range(300):
        spread = chance.choice([5_000, 10**6, 10**10])
        packs = [record(chance.randrange(32, spread)) for _ in range(chance.randrange(60))]
        chosen = choose(packs)
        left = sorted(set(sizes(packs)) - set(sizes(chosen)))
        assert len(packs) - len(chosen) + bool(chosen) <= FEW
        assert all(FACTOR * max(a, FLOOR) <= max(b, FLOOR) for a, b in pairwise(left))
        if chosen and left:
            assert max(sizes(chosen)) <= left[0], "only the smallest are copied"


def test_a_perfect_progression_is_not_left_to_grow() -> None:
    packs = [record(FLOOR * FACTOR**step) for step in range(25)]
    chosen = choose(packs)
    assert len(packs) - len(chosen) + 1 == FEW
    assert sum(sizes(chosen)) < packs[-1].size


@pytest.mark.parametrize("count", [300])
def test_three_hundred_packs_become_few(
    writer: Writer, store: GitStore, repo: int, tmp_path: Path, git: GitProgram | None, count: int
) -> None:
    history(writer, count)
    before = contents(store, repo)
    old = states(store.database)["live"]
    assert len(old) == count
    done = repack(store, repo, git=git)
    assert done
    assert (done.before, done.after) == (count, 1)
    assert done.objects == len(before)
    now = states(store.database)
    assert (now["retired"], now["uploading"], len(now["live"])) == (old, [], 1)
    assert contents(store, repo) == before
    assert blobs(store) == {*old, *now["live"]}, "readers of the old list go on"
    fresh = GitStore(store.database, store.blobs, tmp_path / "other cache", 10**9)
    assert contents(fresh, repo) == before
    RealGit(fresh, repo, tmp_path / "real").fsck()
    assert collect(fresh).packs == 0, "before the grace period is over nothing goes"
    assert collect(fresh, retired=timedelta(0)).packs == count
    assert blobs(store) == set(now["live"])
    assert (
        contents(GitStore(store.database, store.blobs, tmp_path / "third", 10**9), repo) == before
    )


def test_a_large_pack_is_left_alone(
    writer: Writer, store: GitStore, repo: int, git: GitProgram | None
) -> None:
    noise = random.Random(1).randbytes(2_000_000)
    writer.commit({b"large": noise})
    large = states(store.database)["live"]
    history(writer, 30)
    done = repack(store, repo, git=git)
    assert done
    assert (done.before, done.after) == (31, 2)
    assert done.bytes < 100_000
    assert set(large) < set(states(store.database)["live"])
    assert repack(store, repo, git=git) == type(done)(2, 2), "nothing is to be gained"
    full = repack(store, repo, git=git, few=1)
    assert full
    assert full.after == 1
    assert store.open(repo).objects.packs[0].size > len(noise)


def test_deltas_are_kept_by_both_and_found_by_git(
    writer: Writer, store: GitStore, repo: int, git: GitProgram | None
) -> None:
    chance = random.Random(3)
    lines = [chance.randbytes(40).hex().encode() for _ in range(300)]
    for number in range(20):
        lines[number] = b"changed"
        writer.commit({b"text": b"\n".join(lines)})
    before = contents(store, repo)
    total = sum(pack.size for pack in store.open(repo).objects.packs)
    done = repack(store, repo, git=GIT)
    assert done
    assert done.bytes < total / 5
    for number in range(3):
        writer.commit({b"other": b"%d" % number})
    again = repack(store, repo, git=git, few=1)
    assert again
    assert again.bytes < total / 5, "what was a delta is one still"
    after = contents(store, repo)
    assert {each: after[each] for each in before} == before


def test_nothing_is_lost_that_no_ref_reaches(
    writer: Writer, store: GitStore, repo: int, git: GitProgram | None
) -> None:
    head = writer.commit({b"a": b"1"})
    lost = writer.stage(writer.objects({b"a": b"2"}, head, "lost"))
    writer.publish(staged=lost)
    history(writer, 3)
    with store.database.write() as session:
        session.execute(update(Pack).where(Pack.id == lost.id).values(state="live"))
    before = contents(store, repo)
    assert repack(store, repo, git=git, few=1)
    assert contents(store, repo) == before


def test_the_same_object_in_many_packs_is_kept_once(
    writer: Writer, store: GitStore, repo: int, git: GitProgram | None
) -> None:
    objects = writer.objects({b"a": b"1"})
    for number in range(4):
        commit = objects[-1].id
        name = b"refs/heads/b%d" % number
        assert writer.publish(RefUpdate(name, None, commit), staged=writer.stage(objects)) == {
            name: None
        }
    done = repack(store, repo, git=git)
    assert done
    assert (done.after, done.objects) == (1, 3)


@dataclass
class Traffic:
    """What people do on two nodes while a third thread repacks."""

    nodes: list[GitStore]
    repo: int
    least: int
    written: dict[bytes, list[str]] = field(default_factory=dict)

    def read(self) -> None:
        for node in self.nodes:
            view = node.open(self.repo)
            heads = [line.id for line in view.branches()]
            assert len(list_objects(view.objects, Selection(wants=heads)).ids) >= self.least

    def read_by_git(self) -> None:
        for node in self.nodes:
            view = node.open(self.repo)
            heads = [line.id for line in view.branches()]
            subprocess.run(
                ["git", "--git-dir", str(view.git_dir), "rev-list", "--objects", "--quiet", *heads],
                check=True, capture_output=True,
            )  # fmt: skip

    def writing(self, name: bytes) -> Callable[[], None]:
        writer, commits = Writer(self.nodes[0], self.repo), self.written.setdefault(name, [])

        def write() -> None:
            commits.append(writer.commit({b"f": b"%s %d" % (name, len(commits))}, name))
            time.sleep(0.01)

        return write


@pytest.mark.git
def test_readers_and_writers_go_on(
    writer: Writer, store: GitStore, repo: int, tmp_path: Path
) -> None:
    """Views that were opened before, views opened now, git on the shared folder, and pushes."""
    tip = history(writer, 60)
    second = GitStore(store.database, store.blobs, tmp_path / "second node", 10**9)
    traffic = Traffic([store, second], repo, len(contents(store, repo)))
    long_ago = second.open(repo)
    sent = long_ago.objects

    def read_what_was() -> None:
        assert len(list_objects(sent, Selection(wants=[tip])).ids) == traffic.least

    writing = [traffic.writing(name) for name in (b"refs/heads/x", b"refs/heads/y")]
    with meanwhile(traffic.read, traffic.read_by_git, read_what_was, *writing) as turns:
        for few in (1, 2, 1, 3, 1):
            assert repack(store, repo, git=GIT, few=few)
            time.sleep(0.3)
    assert min(turns) > 1
    for name, commits in traffic.written.items():
        line = store.open(repo).ref(name)
        assert line
        assert line.id == commits[-1]
    real = RealGit(store, repo, tmp_path / "real")
    real.fsck()
    assert {each for commits in traffic.written.values() for each in commits} <= real.stored()
    assert collect(store, retired=timedelta(0)).packs > 60
    read_what_was()
    third = GitStore(store.database, store.blobs, tmp_path / "third node", 10**9)
    assert contents(third, repo) == contents(store, repo)


def test_a_view_that_is_older_than_the_grace_period_reads_the_list_again(
    writer: Writer, store: GitStore, repo: int, tmp_path: Path
) -> None:
    history(writer, 5)
    node = GitStore(store.database, store.blobs, tmp_path / "second node", 10**9)
    view = node.open(repo)
    head = view.resolve("main").commit
    assert len(view.objects.packs) == 5
    assert repack(store, repo, git=GIT)
    assert collect(store, retired=timedelta(0)).packs == 5
    for name in states(store.database)["live"]:
        assert not node.cache.pack_path(repo, name).exists()
    for path in node.cache.pack_path(repo, "").parent.iterdir():
        path.unlink()
    listed = subprocess.check_output(
        ["git", "--git-dir", str(view.git_dir), "rev-list", "--count", head]
    )
    assert listed.split() == [b"5"]


def test_a_view_older_than_a_repack_takes_nothing_from_a_newer_one(
    writer: Writer, store: GitStore, repo: int, tmp_path: Path
) -> None:
    """Both share a folder, and what replaced their packs is not in it yet."""
    history(writer, 5)
    node = GitStore(store.database, store.blobs, tmp_path / "second node", 10**9)
    oldest = node.open(repo)
    assert len(oldest.objects.packs) == 5
    head = writer.commit({b"newer": b"1"})
    newer = node.open(repo).git_dir
    assert repack(store, repo, git=GIT)
    assert oldest.git_dir == newer
    subprocess.run(["git", "--git-dir", str(newer), "cat-file", "-e", head], check=True)
    latest = node.open(repo)
    assert latest.git_dir == newer
    assert len(list(newer.glob("objects/pack/*.pack"))) == len(latest.objects.packs) == 1


def test_of_two_at_once_one_works(writer: Writer, store: GitStore, repo: int) -> None:
    history(writer, 12)
    before = contents(store, repo)
    faults.arm("repack.built:sleep=0.5")
    try:
        results: list[object] = []
        threads = [
            threading.Thread(target=lambda: results.append(repack(store, repo, git=GIT)))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        faults.arm("")
    assert sorted(result is None for result in results) == [False, True]
    assert contents(store, repo) == before
    assert {key: len(names) for key, names in states(store.database).items()} == {
        "uploading": 0,
        "live": 1,
        "retired": 12,
    }
    assert repack(store, repo, git=GIT), "the lease was given back"


@pytest.mark.parametrize("step", ["built", "staged"])
def test_who_lost_the_lease_changes_nothing(
    writer: Writer, store: GitStore, repo: int, fault: Callable[[str], None], step: str
) -> None:
    history(writer, 5)
    old = states(store.database)["live"]
    before = contents(store, repo)
    fault(f"repack.{step}:sleep=0.6")
    failures: list[BaseException] = []

    def work() -> None:
        try:
            repack(store, repo, git=GIT)
        except LeaseLost as failure:
            failures.append(failure)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.3)
    with store.database.write() as session:
        name = f"packs:{repo}"
        session.execute(
            update(Lease).where(Lease.name == name).values(expires_at=text("'2000-01-01'"))
        )
        assert acquire(session, name, 60)
    thread.join()
    assert len(failures) == 1
    assert states(store.database) == {"uploading": [], "live": old, "retired": []}
    assert blobs(store) == set(old), "what was built in vain is gone"
    assert contents(store, repo) == before


@pytest.mark.parametrize("step", STEPS)
def test_a_failure_at_any_step_leaves_garbage_at_most(
    writer: Writer, store: GitStore, repo: int, fault: Callable[[str], None], step: str
) -> None:
    history(writer, 6)
    before = contents(store, repo)
    fault(f"repack.{step}:error")
    with pytest.raises(faults.InjectedFault):
        repack(store, repo, git=GIT)
    fault("")
    assert contents(store, repo) == before
    live = states(store.database)["live"]
    assert len(live) == (1 if step == "published" else 6)
    collect(store, uploading=timedelta(0), retired=timedelta(0))
    assert blobs(store) == set(live)
    assert contents(store, repo) == before
    done = repack(store, repo, git=GIT)
    assert done
    assert done.after == 1


CHILD = """
import sys
from pathlib import Path
from hub_server import faults, gitstore
from hub_server.blobs import FileStore
from hub_server.db import Database
from hub_server.git import GitProgram
url, folder, repo, fault = sys.argv[1:]
blobs = FileStore(Path(folder, "blobs"))
store = gitstore.GitStore(Database(url), blobs, Path(folder, "cache"), 10**9)
faults.arm(fault)
gitstore.repack(store, int(repo), git=GitProgram.find("git"))
"""


@pytest.mark.git
def test_a_kill_at_any_step_leaves_garbage_at_most(
    writer: Writer, store: GitStore, repo: int, database_url: str, tmp_path: Path
) -> None:
    for step in STEPS:
        history(writer, 4)
        before = contents(store, repo)
        words = [database_url, str(tmp_path), str(repo), f"repack.{step}:kill"]
        child = subprocess.run([sys.executable, "-c", CHILD, *words], cwd=ROOT, check=False)
        assert child.returncode == -signal.SIGKILL
        assert contents(store, repo) == before
        assert repack(store, repo, git=GIT) is None, "others wait until the lease has run out"
        with store.database.write() as session:
            session.execute(update(Lease).values(expires_at=text("'2000-01-01'")))
    collect(store, uploading=timedelta(0), retired=timedelta(0))
    assert blobs(store) == set(states(store.database)["live"])
    assert repack(store, repo, git=GIT, few=1)
    RealGit(store, repo, tmp_path / "real").fsck()


@pytest.mark.parametrize("where", ["cache", "store"])
def test_a_damaged_pack_is_not_carried_on(
    writer: Writer, store: GitStore, tmp_path: Path, git: GitProgram | None, where: str
) -> None:
    history(writer, 4)
    repo = writer.repo_id
    live = states(store.database)["live"]
    fresh = GitStore(store.database, store.blobs, tmp_path / "other", 10**9)
    path = store.blobs.local_path(f"pack/{live[1]}.pack")
    assert path
    if where == "cache":
        pin = fresh.cache.pin(repo)
        packs = {pack.name: pack for pack in fresh.open(repo).objects.packs}
        path = packs[live[1]].pack_path
        assert pin
        data = bytearray(path.read_bytes())
        path.unlink()
    else:
        data = bytearray(path.read_bytes())
    data[40] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DamagedPack if where == "store" else BadPack):
        repack(fresh, repo, git=git)
    assert states(store.database) == {"uploading": [], "live": live, "retired": []}


def test_a_repository_that_is_gone(
    writer: Writer, store: GitStore, repo: int, fault: Callable[[str], None]
) -> None:
    history(writer, 3)
    fault("repack.staged:sleep=0.4")
    failures: list[BaseException] = []

    def work() -> None:
        try:
            repack(store, repo, git=GIT)
        except Exception as failure:  # noqa: BLE001 - looked at below
            failures.append(failure)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.2)
    with store.database.write() as session:
        session.delete(session.get_one(Repo, repo))
    thread.join()
    assert len(failures) == 1
    fault("")
    done = repack(store, repo, git=GIT)
    assert done
    assert done.before == 0


def test_where_packs_are_many(
    writer: Writer, store: GitStore, make_repo: Callable[..., int], repo: int
) -> None:
    other = Writer(store, make_repo("other"))
    history(writer, 4)
    history(other, 2)
    with store.database.read() as session:
        assert with_many_packs(session, 2) == [repo]
        assert with_many_packs(session, 1) == [repo, other.repo_id]
        assert session.scalars(select(Pack.id).where(Pack.state == "retired")).all() == []
