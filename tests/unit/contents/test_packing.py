"""Packs looked after by jobs, and writers who meet a prune in the middle of their work."""

import io
import os
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy import func, select, update

from hub_server import contents, faults
from hub_server.contents import AddFile, CopyFile, NewBranch, PushResults
from hub_server.contents.packing import PRUNE, REPACK
from hub_server.contents.pushing import PUSH_AGAIN
from hub_server.db import now
from hub_server.db.tables.git import Pack, PruneMark, RefLog
from hub_server.db.tables.jobs import Job
from hub_server.db.tables.repos import Repo
from hub_server.errors import EntryNotFound, RevisionNotFound
from hub_server.git import ObjectId, is_ancestor
from hub_server.git.receive import read_commands
from hub_server.gitstore import Pruned, Rules, hold, prune_now, repack
from hub_server.jobs import Worker
from tests.support import rawgit
from tests.unit.contents.conftest import Place
from tests.unit.gitstore.packsets import meanwhile

MAIN = "refs/heads/main"
Result = TypeVar("Result")


@pytest.fixture(autouse=True)
def _calm() -> Iterator[None]:
    yield
    faults.arm("")


def live(place: Place, repo: Repo) -> int:
    with place.hub.database.read() as session:
        counted = select(func.count()).where(Pack.repo_id == repo.id, Pack.state == "live")
        return session.scalar(counted) or 0


def jobs(place: Place, kind: str) -> list[float]:
    """Seconds until each waiting job of the kind is due."""
    with place.hub.database.read() as session:
        moments = session.scalars(select(Job.run_at).where(Job.kind == kind)).all()
    return [(moment - now()).total_seconds() for moment in moments]


def work(place: Place) -> None:
    """Do what is planned, as if its time had come; what that plans is left."""
    with place.hub.database.write() as session:
        session.execute(update(Job).values(run_at=now() - timedelta(days=1)))
    worker = Worker(place.hub.database, contents.handlers(place.hub))
    while worker.run_one():
        pass


def age(place: Place, days: float) -> None:
    with place.hub.database.write() as session:
        session.execute(update(RefLog).values(created_at=now() - timedelta(days=days)))
        session.execute(update(PruneMark).values(marked_at=now() - timedelta(days=days)))


def prune(place: Place, repo: Repo) -> int:
    gone = prune_now(place.hub.git, repo.id, Rules(None), git=place.hub.git_program)
    assert gone
    return gone.objects


def left_behind(place: Place, repo: Repo, ref: str = "main") -> ObjectId:
    """A commit that the branch was at, and is not any more."""
    before = place.again(repo).head
    lost = place.write(repo, lost="lost").commit
    assert before
    contents.create_branch(
        place.hub, place.ada, place.again(repo), NewBranch(ref, start=before, overwrite=True)
    )
    assert place.again(repo).head == before
    return lost


def at(
    point: str, seconds: float, during: Callable[[], object], act: Callable[[], Result]
) -> Result:
    """`act`, and in its middle, where it stands at the point for so long, `during`."""
    faults.arm(f"{point}:sleep={seconds}:n=1")
    timer = threading.Timer(seconds / 2, during)
    timer.start()
    try:
        return act()
    finally:
        timer.join()
        faults.arm("")


def push(
    place: Place, repo: Repo, *moves: str, objects: tuple[tuple[str, bytes], ...] = ()
) -> PushResults:
    """Moves are `old new name`; objects are kinds and contents."""
    entries = [rawgit.entry(rawgit.KINDS[kind], len(data), data) for kind, data in objects]
    stream = io.BytesIO(rawgit.commands(moves) + rawgit.pack(entries))
    return contents.accept_push(
        place.hub, place.ada, place.again(repo), read_commands(stream), stream
    )


def test_commits_beyond_the_bound_plan_one_repack(place: Place) -> None:
    repo = place.repo()
    bound = place.hub.settings.max_packs
    for number in range(bound - 1):
        place.write(repo, a=str(number))
    assert (live(place, repo), jobs(place, REPACK)) == (bound, [])
    for number in range(5):
        place.write(repo, b=str(number))
    assert len(jobs(place, REPACK)) == 1
    files, used = place.files(repo), place.again(repo).used_storage
    work(place)
    assert live(place, repo) == 1
    assert jobs(place, REPACK) == []
    assert place.files(repo) == files
    after = place.again(repo)
    assert 0 < after.used_storage < used
    assert after.prunes == 0
    place.write(repo, c="c")
    assert jobs(place, REPACK) == [], "the next one is far away"


def test_what_is_remembered_stays_right(place: Place) -> None:
    repo = place.repo()
    commits = [place.write(repo, **{f"d/{n}": str(n), "a": str(n)}).commit for n in range(8)]

    def everything() -> list[object]:
        seen = place.view(repo)
        with place.hub.database.read() as session:
            row = place.again(repo)
            files = [contents.resolve_file(place.hub, session, row, c, "a") for c in commits]
            page = contents.tree_page(seen, "d")
        read = [contents.open_file(place.hub, file).read() for file in files]
        last = {e.path: contents.last_commit(seen, e.path) for e in page.entries}
        return [files, read, page, last, place.files(repo)]

    before = everything()
    for _ in range(2):
        assert repack(place.hub.git, repo.id, git=place.hub.git_program, few=1)
        assert everything() == before
        place.hub.memory.files.clear()
        place.hub.memory.last_commits.clear()
        assert everything() == before
        left_behind(place, repo)
        assert prune(place, repo) == 3
        assert everything() == before


def test_a_commit_that_was_pruned_is_not_remembered(place: Place) -> None:
    repo = place.repo()
    lost = left_behind(place, repo)
    assert place.files(repo, lost)["lost"] == "lost"
    with place.hub.database.read() as session:
        row = place.again(repo)
        assert contents.resolve_file(place.hub, session, row, lost, "lost").commit == lost
    prune(place, repo)
    for _ in range(2):
        with place.hub.database.read() as session, pytest.raises(RevisionNotFound):
            contents.resolve_file(place.hub, session, place.again(repo), lost, "lost")


def test_what_a_ref_leaves_behind_goes_in_its_time(place: Place) -> None:
    repo = place.repo()
    assert jobs(place, PRUNE) == []
    lost = left_behind(place, repo)
    days = place.hub.settings.prune_days
    [due] = jobs(place, PRUNE)
    assert days * 86400 < due < days * 86400 + 120
    work(place)
    [due] = jobs(place, PRUNE)
    assert due > 86400, "the log of refs still holds it; it is looked at again"
    age(place, days + 1)
    work(place)
    [due] = jobs(place, PRUNE)
    assert 0 < due <= place.hub.settings.prune_grace, "marked"
    assert place.files(repo, lost)
    work(place)
    assert place.files(repo, lost), "the grace period counts, not the job"
    age(place, days + 1)
    work(place)
    with pytest.raises(RevisionNotFound):
        place.files(repo, lost)
    work(place)
    assert jobs(place, PRUNE) == [], "it ends where nothing is left to do"
    assert place.again(repo).prunes == 1


def test_a_deleted_branch_and_a_forced_push_plan_a_prune(place: Place) -> None:
    repo = place.repo()
    contents.create_branch(place.hub, place.ada, repo, NewBranch("side"))
    head = place.again(repo).head
    assert head
    assert jobs(place, PRUNE) == []
    blob = b"text"
    tree = rawgit.tree(("100644", b"f", rawgit.object_id("blob", blob)))
    ahead = rawgit.commit(rawgit.object_id("tree", tree), head)
    objects = (("blob", blob), ("tree", tree), ("commit", ahead))
    new = rawgit.object_id("commit", ahead)
    assert not any(push(place, repo, f"{head} {new} {MAIN}", objects=objects).refs.values())
    assert jobs(place, PRUNE) == [], "nothing is left behind"
    other = rawgit.commit(rawgit.object_id("tree", tree), head, message="other")
    forced = rawgit.object_id("commit", other)
    done = push(place, repo, f"{new} {forced} {MAIN}", objects=(("commit", other),))
    assert not any(done.refs.values())
    assert len(jobs(place, PRUNE)) == 1
    contents.delete_branch(place.hub, place.ada, place.again(repo), "side")
    assert len(jobs(place, PRUNE)) == 1


def test_a_push_that_builds_on_what_goes_meanwhile_is_to_be_pushed_again(place: Place) -> None:
    repo = place.repo()
    lost = left_behind(place, repo)
    parts = place.hub.git.open(repo.id).objects
    kind, data = parts.read(lost)
    tree_kind, tree = parts.read(place.view(repo, lost).tree)
    blob = ("blob", b"lost")
    child = rawgit.commit(place.view(repo, lost).tree, lost)
    tip = rawgit.object_id("commit", child)
    moves = f"{rawgit.NULL} {tip} refs/heads/side", f"{rawgit.NULL} {lost} refs/heads/again"

    def send(*objects: tuple[str, bytes]) -> dict[bytes, str | None]:
        return push(place, repo, *moves, objects=objects).refs

    def clean() -> None:
        assert prune(place, repo) == 3

    refused = at("push.judged", 1.5, clean, lambda: send(("commit", child)))
    assert set(refused.values()) == {PUSH_AGAIN}
    view = place.hub.git.open(repo.id)
    assert [line.name for line in view.branches()] == [MAIN.encode()]
    assert lost not in view.objects
    again = send(("commit", child))
    assert all(again.values()), "it is incomplete, whatever lies about"
    whole = send(("commit", child), (kind, data), (tree_kind, tree), blob)
    assert set(whole.values()) == {None}
    assert place.files(repo, "side")["lost"] == "lost"


def test_a_push_that_brings_all_it_needs_does_not_notice(place: Place) -> None:
    repo = place.repo()
    left_behind(place, repo)
    head = place.again(repo).head
    assert head
    tree = rawgit.tree(("100644", b"f", rawgit.object_id("blob", b"text")))
    commit = rawgit.commit(rawgit.object_id("tree", tree), head)
    objects = (("blob", b"text"), ("tree", tree), ("commit", commit))
    moves = f"{head} {rawgit.object_id('commit', commit)} {MAIN}"
    done = at(
        "push.judged", 1.5, lambda: prune(place, repo),
        lambda: push(place, repo, moves, objects=objects),
    )  # fmt: skip
    assert done.refs == {MAIN.encode(): None}
    assert place.again(repo).prunes == 1
    assert place.files(repo) == {"f": "text"}


def test_what_lies_about_on_a_node_proves_nothing(place: Place) -> None:
    """Packs from before a prune may stand in the folder that git reads on this node."""
    repo = place.repo()
    lost = left_behind(place, repo)
    tree = place.view(repo, lost).tree
    folder = place.hub.git.open(repo.id).git_dir / "objects" / "pack"
    old = {path.name: path.read_bytes() for path in folder.iterdir()}
    prune(place, repo)
    child = rawgit.commit(tree, lost)
    tip = rawgit.object_id("commit", child)

    def lay_about() -> None:
        for name, data in old.items():
            (folder / f"{name}.new").write_bytes(data)
            (folder / f"{name}.new").rename(folder / name)

    move = f"{rawgit.NULL} {tip} refs/heads/side"
    with meanwhile(lay_about):
        for _ in range(3):
            done = push(place, repo, move, objects=(("commit", child),))
            assert done.refs[b"refs/heads/side"]
            assert "did not receive expected object" in str(done.unpack)


def test_a_commit_meets_a_prune(place: Place) -> None:
    repo = place.repo()
    lost = left_behind(place, repo)

    def clean() -> None:
        prune(place, repo)

    done = at("commit.staged", 1.5, clean, lambda: place.write(repo, a="1"))
    assert place.again(repo).head == done.commit
    assert place.files(repo) == {"a": "1"}
    with place.hub.database.read() as session:
        states = session.scalars(select(Pack.state).where(Pack.repo_id == repo.id)).all()
    assert "uploading" not in states
    assert lost not in place.hub.git.open(repo.id).objects


def test_a_copy_from_a_commit_that_goes_meanwhile_is_refused(place: Place) -> None:
    repo = place.repo()
    lost = left_behind(place, repo)
    copy = CopyFile("copy", source="lost", revision=lost)
    with pytest.raises(RevisionNotFound):
        at("commit.staged", 1.5, lambda: prune(place, repo), lambda: place.commit(repo, copy))
    assert place.files(repo) == {}
    view = place.hub.git.open(repo.id)
    assert is_ancestor(view.objects, view.resolve("main").commit, view.resolve("main").commit)


def test_a_branch_at_a_commit_that_is_gone_cannot_be_made(place: Place) -> None:
    repo = place.repo()
    seen = place.again(repo)
    lost = left_behind(place, repo)
    contents.create_branch(place.hub, place.ada, seen, NewBranch("keeps", start=lost))
    contents.delete_branch(place.hub, place.ada, seen, "keeps")
    prune(place, repo)
    with pytest.raises(RevisionNotFound):
        contents.create_branch(place.hub, place.ada, seen, NewBranch("side", start=lost))
    with pytest.raises(Pruned, match="try again"):
        contents.create_branch(place.hub, place.ada, seen, NewBranch("side", start="main"))
    contents.create_branch(place.hub, place.ada, place.again(repo), NewBranch("side", start="main"))


def test_a_duplicate_of_a_repository_that_is_pruned_meanwhile(place: Place) -> None:
    repo = place.repo()
    place.write(repo, a="1")
    seen = place.again(repo)
    left_behind(place, repo)
    prune(place, repo)
    with pytest.raises(Pruned):
        contents.duplicate_repository(place.hub, place.ada, seen, "ada/copy")
    made = contents.duplicate_repository(place.hub, place.ada, place.again(repo), "ada/copy")
    assert place.files(made) == {"a": "1"}
    assert repack(place.hub.git, made.id, git=place.hub.git_program, few=1)
    assert place.files(made) == {"a": "1"}
    with pytest.raises(EntryNotFound):
        place.view(made).file("lost")


def test_commits_and_prunes_at_once(place: Place) -> None:
    """Nothing that was acknowledged goes, nothing half done is left."""
    repo = place.repo()
    git = place.hub.git_program
    landed: list[str] = []

    def commit() -> None:
        landed.append(place.commit(repo, AddFile("f", os.urandom(8))).commit)

    gone = 0
    with meanwhile(commit, commit):
        for turn in range(6):
            new = NewBranch(f"s{turn}", empty=True)
            side = contents.create_branch(place.hub, place.ada, place.again(repo), new)
            contents.delete_branch(place.hub, place.ada, place.again(repo), new.name)
            done = prune_now(place.hub.git, repo.id, Rules(None), git=git)
            gone += done.objects if done else 0
            assert side not in place.hub.git.open(repo.id).objects
            repack(place.hub.git, repo.id, git=git)
    assert gone >= 6
    view = place.hub.git.open(repo.id)
    head = view.resolve("main").commit
    assert landed
    assert all(is_ancestor(view.objects, each, head) for each in landed)
    assert prune(place, repo) == 0


def test_a_repack_that_finds_another_at_work_is_planned_again(lite: Place) -> None:
    repo = lite.repo()
    for number in range(lite.hub.settings.max_packs + 1):
        lite.write(repo, a=str(number))
    with hold(lite.hub.database, f"packs:{repo.id}") as held:
        assert held
        work(lite)
        assert live(lite, repo) > lite.hub.settings.max_packs
    [due] = jobs(lite, REPACK)
    assert due > 30
    work(lite)
    assert live(lite, repo) == 1


def test_what_only_deletes_does_not_mind_a_prune(lite: Place) -> None:
    repo = lite.repo()
    contents.create_branch(lite.hub, lite.ada, repo, NewBranch("side"))
    seen = lite.again(repo)
    left_behind(lite, repo)
    prune(lite, repo)
    contents.delete_branch(lite.hub, lite.ada, seen, "side")
