"""What nothing reaches goes in two steps; what anybody may still need, or brings back, stays."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from hub_server import faults
from hub_server.db import Database, now
from hub_server.db.tables.git import Lease, Pack, PruneMark, RefLog
from hub_server.db.tables.repos import Repo
from hub_server.errors import HubError
from hub_server.git import GitProgram, ObjectMissing
from hub_server.gitstore import (
    GitStore,
    LeaseLost,
    RefsBusy,
    RefUpdate,
    Rules,
    StagedPack,
    acquire,
    collect,
    delete_marked,
    mark,
    marked_until,
    prune_now,
    repack,
    unreachable,
)
from tests.unit.gitstore.conftest import MAIN, Writer
from tests.unit.gitstore.packsets import RealGit, blobs, contents, states

GIT = GitProgram.find("git")
SIDE = b"refs/heads/side"
NOW = Rules(None)
DAY = timedelta(days=1)
STEPS = ["built", "staged", "publishing", "published"]


@pytest.fixture(params=["git", "native"])
def git(request: pytest.FixtureRequest) -> GitProgram | None:
    return GIT if request.param == "git" else None


@pytest.fixture
def fault() -> Iterator[Callable[[str], None]]:
    yield faults.arm
    faults.arm("")


def move(writer: Writer, ref: bytes, to: str | None) -> None:
    line = writer.store.open(writer.repo_id).ref(ref)
    assert writer.publish(RefUpdate(ref, line.id if line else None, to)) == {ref: None}


def prunes(database: Database, repo: int) -> int:
    with database.read() as session:
        return session.scalars(select(Repo.prunes).where(Repo.id == repo)).one()


def age_log(database: Database, days: float) -> None:
    with database.write() as session:
        session.execute(update(RefLog).values(created_at=now() - timedelta(days=days)))


def delete(store: GitStore, repo: int, rules: Rules, git: GitProgram | None) -> int:
    """Objects that went by the second step."""
    gone = delete_marked(store, repo, rules, git=git)
    assert gone
    return gone.objects


def left_behind(writer: Writer, count: int = 1) -> tuple[str, list[str]]:
    """A branch, and commits on top of it that a force-push took off again."""
    kept = writer.commit({b"a": b"kept"})
    lost = [writer.commit({b"a": b"lost %d" % number}) for number in range(count)]
    move(writer, MAIN, kept)
    return kept, lost


def test_what_counts_as_reached(
    writer: Writer, store: GitStore, repo: int, git: GitProgram | None
) -> None:
    kept, lost = left_behind(writer, 2)
    for number, ref in enumerate((b"refs/pr/1", b"refs/convert/parquet", b"refs/tags/v1")):
        writer.commit({b"b": b"%d" % number}, ref)
    before = contents(store, repo)
    assert unreachable(store, repo, Rules(1), git=git).objects == 0
    assert unreachable(store, repo, Rules(1), git=git).later == 6
    found = unreachable(store, repo, NOW, git=git)
    assert found.objects == 6, "two commits, two trees, two blobs"
    assert 0 < found.bytes < 2000
    age_log(store.database, 3)
    assert unreachable(store, repo, Rules(4), git=git).objects == 0
    assert unreachable(store, repo, Rules(2), git=git).objects == 6
    assert contents(store, repo) == before
    assert {kept, *lost} <= before.keys()


def test_marked_then_deleted_after_the_grace_period(
    writer: Writer, store: GitStore, repo: int, git: GitProgram | None
) -> None:
    left_behind(writer, 3)
    age_log(store.database, 40)
    rules = Rules(30, DAY)
    before = contents(store, repo)
    assert marked_until(store, repo, rules) is None
    assert delete(store, repo, rules, git) == 0, "nothing is marked"
    found = mark(store, repo, rules, git=git)
    assert found
    assert found.objects == 9
    left = marked_until(store, repo, rules)
    assert left
    assert timedelta(hours=23) < left <= DAY
    assert delete(store, repo, rules, git) == 0, "the grace period is not over"
    assert contents(store, repo) == before
    with store.database.write() as session:
        session.execute(update(PruneMark).values(marked_at=now() - DAY * 2))
    assert delete_marked(store, repo, rules, git=git) == found
    assert marked_until(store, repo, rules) is None
    assert prunes(store.database, repo) == 1
    assert unreachable(store, repo, NOW, git=git).objects == 0


def test_what_is_left_is_whole(
    writer: Writer, store: GitStore, repo: int, tmp_path: Path, git: GitProgram | None
) -> None:
    kept, lost = left_behind(writer, 3)
    before = contents(store, repo)
    assert prune_now(store, repo, NOW, git=git)
    after = contents(store, repo)
    assert len(after) == len(before) - 9
    assert all(after[each] == before[each] for each in after)
    assert kept in after
    assert not set(lost) & after.keys()
    fresh = GitStore(store.database, store.blobs, tmp_path / "other", 10**9)
    RealGit(fresh, repo, tmp_path / "real").fsck()
    assert blobs(store) > set(states(store.database)["live"]), "readers of the old list go on"
    collect(store, retired=timedelta(0))
    assert blobs(store) == set(states(store.database)["live"])
    assert contents(fresh, repo) == after


def test_an_empty_repository_and_one_without_refs(
    writer: Writer, store: GitStore, repo: int, git: GitProgram | None
) -> None:
    assert prune_now(store, repo, NOW, git=git) == unreachable(store, repo, NOW, git=git)
    writer.commit({b"a": b"1"})
    move(writer, MAIN, None)
    gone = prune_now(store, repo, NOW, git=git)
    assert gone
    assert gone.objects == 3
    assert states(store.database)["live"] == []
    assert contents(store, repo) == {}
    assert writer.commit({b"a": b"1"})


def test_what_comes_back_between_the_two_steps_stays(
    writer: Writer, store: GitStore, repo: int, tmp_path: Path, git: GitProgram | None
) -> None:
    _, lost = left_behind(writer, 3)
    assert mark(store, repo, NOW, git=git)
    move(writer, SIDE, lost[1])
    gone = delete_marked(store, repo, NOW, git=git)
    assert gone
    assert gone.objects == 3, "only the last commit, its tree and its blob"
    stored = contents(store, repo)
    assert lost[0] in stored
    assert lost[1] in stored
    assert lost[2] not in stored
    RealGit(store, repo, tmp_path / "real").fsck()


def test_what_is_not_marked_keeps_what_it_needs(
    writer: Writer, store: GitStore, repo: int, git: GitProgram | None
) -> None:
    """A commit that came and went after the marking may be asked for by its id."""
    _, lost = left_behind(writer, 2)
    assert mark(store, repo, NOW, git=git)
    move(writer, SIDE, lost[1])
    later = writer.commit({b"a": b"later"}, SIDE)
    move(writer, SIDE, None)
    gone = delete_marked(store, repo, NOW, git=git)
    assert gone
    assert gone.objects == 0
    assert {*lost, later} <= contents(store, repo).keys()
    gone = prune_now(store, repo, NOW, git=git)
    assert gone
    assert gone.objects == 9


def test_an_incomplete_repository_is_not_pruned(
    writer: Writer, store: GitStore, repo: int, git: GitProgram | None
) -> None:
    left_behind(writer)
    with store.database.write() as session:
        first = session.scalars(select(Pack.id).order_by(Pack.id)).first()
        session.execute(update(Pack).where(Pack.id == first).values(state="retired"))
    for job in (mark, prune_now):
        with pytest.raises(ObjectMissing):
            job(store, repo, NOW, git=git)
    assert len(states(store.database)["live"]) == 1


def held_up(store: GitStore, repo: int, step: str, between: Callable[[], object]) -> object:
    """Prune, and do something else while it stands at that step; its result or failure."""
    results: list[object] = []
    faults.arm(f"prune.{step}:sleep=0.6")

    def work() -> None:
        try:
            results.append(prune_now(store, repo, NOW, git=GIT))
        except HubError as failure:
            results.append(failure)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.3)
    try:
        between()
    finally:
        thread.join()
        faults.arm("")
    return results[0]


@pytest.mark.parametrize("step", ["built", "staged"])
def test_a_push_that_brings_back_what_is_about_to_go_wins(
    writer: Writer, store: GitStore, repo: int, tmp_path: Path, step: str
) -> None:
    _, lost = left_behind(writer, 2)
    before = contents(store, repo)
    live = states(store.database)["live"]
    failure = held_up(store, repo, step, lambda: move(writer, SIDE, lost[0]))
    assert isinstance(failure, RefsBusy)
    assert contents(store, repo) == before
    assert states(store.database) == {"uploading": [], "live": live, "retired": []}
    assert prunes(store.database, repo) == 0
    RealGit(store, repo, tmp_path / "real").fsck()


@pytest.mark.parametrize("step", ["built", "staged"])
def test_a_push_that_has_nothing_to_do_with_it_does_not_matter(
    writer: Writer, store: GitStore, repo: int, tmp_path: Path, step: str
) -> None:
    _, lost = left_behind(writer, 2)
    made: list[str] = []
    result = held_up(store, repo, step, lambda: made.append(writer.commit({b"b": b"new"})))
    assert not isinstance(result, HubError)
    stored = contents(store, repo)
    assert made[0] in stored
    assert not set(lost) & stored.keys()
    RealGit(store, repo, tmp_path / "real").fsck()


def test_who_lost_the_lease_deletes_nothing(writer: Writer, store: GitStore, repo: int) -> None:
    left_behind(writer, 2)
    before = contents(store, repo)

    def take_over() -> None:
        with store.database.write() as session:
            session.execute(update(Lease).values(expires_at=text("'2000-01-01'")))
            assert acquire(session, f"packs:{repo}", 60)

    assert isinstance(held_up(store, repo, "staged", take_over), LeaseLost)
    assert contents(store, repo) == before
    assert blobs(store) == set(states(store.database)["live"])


def test_pruning_and_repacking_take_turns(writer: Writer, store: GitStore, repo: int) -> None:
    left_behind(writer, 4)
    results: list[object] = []
    held_up(store, repo, "built", lambda: results.append(repack(store, repo, git=GIT)))
    assert results == [None]
    assert repack(store, repo, git=GIT)


@pytest.mark.parametrize("step", STEPS)
def test_a_failure_at_any_step_leaves_garbage_at_most(
    writer: Writer, store: GitStore, repo: int, fault: Callable[[str], None], step: str
) -> None:
    kept, lost = left_behind(writer, 3)
    before = contents(store, repo)
    fault(f"prune.{step}:error")
    with pytest.raises(faults.InjectedFault):
        prune_now(store, repo, NOW, git=GIT)
    fault("")
    done = step == "published"
    assert prunes(store.database, repo) == int(done)
    after = contents(store, repo)
    assert len(after) == len(before) - (9 if done else 0)
    collect(store, uploading=timedelta(0), retired=timedelta(0))
    assert contents(store, repo) == after
    assert prune_now(store, repo, NOW, git=GIT)
    assert kept in contents(store, repo)
    assert lost[0] not in contents(store, repo)


class Chance:
    """A repository with a random past: merges, tags, branches that came, went and moved back."""

    def __init__(self, writer: Writer, seed: int) -> None:
        self.writer = writer
        self.random = random.Random(seed)
        self.commits: list[str] = []

    def live(self, count: int) -> None:
        for number in range(count):
            ref = self.random.choice([MAIN, SIDE, b"refs/heads/x", b"refs/pr/1", b"refs/tags/t"])
            if self.commits and self.random.random() < 0.25:
                move(self.writer, ref, self.random.choice(self.commits))
            elif self.random.random() < 0.1 and self.writer.store.open(self.writer.repo_id).ref(
                ref
            ):
                move(self.writer, ref, None)
            else:
                names = [b"a", b"d/b", b"d/e/c"]
                files = {self.random.choice(names): b"%d" % self.random.randrange(12)}
                self.commits.append(self.writer.commit(files, ref, f"change {number}"))


@pytest.mark.git
@pytest.mark.parametrize("seed", range(4))
def test_just_what_git_calls_unreachable_goes(
    writer: Writer, store: GitStore, repo: int, tmp_path: Path, seed: int
) -> None:
    chance = Chance(writer, seed)
    git = GIT if seed % 2 else None
    for turn in range(3):
        chance.live(25)
        if chance.random.random() < 0.5:
            repack(store, repo, git=git, few=chance.random.randrange(1, 6))
        real = RealGit(store, repo, tmp_path / f"real {turn}")
        reached = real.reachable()
        lost = real.stored() - reached
        assert unreachable(store, repo, NOW, git=git).objects == len(lost)
        assert prune_now(store, repo, NOW, git=git)
        assert contents(store, repo).keys() == reached
        RealGit(store, repo, tmp_path / f"pruned {turn}").fsck()
        chance.commits = [each for each in chance.commits if each in reached]


def test_a_pack_that_is_being_sent_is_not_touched(
    writer: Writer, store: GitStore, repo: int, tmp_path: Path
) -> None:
    """It has what it needs, or its push looks again: see the tests of pushing."""
    kept, _ = left_behind(writer)
    objects = writer.objects({b"a": b"pending"}, kept)
    staged: StagedPack = writer.stage(objects)
    assert prune_now(store, repo, NOW, git=GIT)
    assert states(store.database)["uploading"] == [staged.name]
    update = RefUpdate(SIDE, None, objects[-1].id)
    assert writer.publish(update, staged=staged) == {SIDE: None}
    RealGit(store, repo, tmp_path / "real").fsck()
