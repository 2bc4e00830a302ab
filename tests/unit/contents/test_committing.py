import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from hub_server import contents
from hub_server.contents import (
    AddFile,
    AddLfs,
    BranchMoved,
    CopyFile,
    Delete,
    DeleteFolder,
    InvalidCard,
    LargeFiles,
    UnknownObjects,
    UnsafePath,
    WrongSizes,
)
from hub_server.contents.attributes import Attributes
from hub_server.db import now
from hub_server.db.tables.git import Pack, RefLog
from hub_server.db.tables.repos import Repo
from hub_server.errors import (
    EntryNotFound,
    Forbidden,
    RepoNotFound,
    RevisionNotFound,
    TooLarge,
    Unprocessable,
)
from hub_server.events import RefsUpdated
from hub_server.git import read_commit
from hub_server.gitstore import GitStore, collect
from hub_server.lfs import Pointer, format_pointer
from tests.unit.contents.conftest import Place


def test_a_new_repository_has_its_first_commit(place: Place) -> None:
    repo = place.repo()
    seen = place.view(repo)
    commit = read_commit(seen.objects, seen.commit)
    assert commit.title == "initial commit"
    assert commit.author.name == "Ada Lovelace"
    assert commit.author.email == "ada@users.noreply.hub"
    assert [entry.name for entry in seen.list()] == [b".gitattributes"]
    assert repo.head == seen.commit
    assert place.announced[0].record.tags


def test_a_new_space_says_its_sdk(lite: Place) -> None:
    card = lite.view(lite.repo("my-app", "space", sdk="gradio")).card()
    assert card.metadata["sdk"] == "gradio"
    assert card.metadata["title"] == "My app"


def test_files_come_change_and_go(place: Place) -> None:
    repo = place.repo()
    first = place.commit(repo, AddFile("a.txt", b"1"), AddFile("sub/b.txt", b"2"))
    assert place.files(repo) == {"a.txt": "1", "sub/b.txt": "2"}
    second = place.commit(
        repo, AddFile("a.txt", b"3"), Delete("sub/b.txt"), message="less", description="and why"
    )
    assert place.files(repo) == {"a.txt": "3"}
    assert place.files(repo, first.commit) == {"a.txt": "1", "sub/b.txt": "2"}
    commit = read_commit(place.view(repo).objects, second.commit)
    assert (commit.parents, commit.title, commit.body) == ((first.commit,), "less", "and why")
    event = place.announced[-1]
    assert (event.moves_head, event.head, event.user_id) == (True, second.commit, place.ada.user_id)
    assert place.again(repo).head == second.commit
    assert place.again(repo).used_storage > 0


def test_operations_apply_in_order(lite: Place) -> None:
    repo = lite.repo()
    lite.write(repo, **{"dir/a": "1", "dir/b": "2", "keep": "3"})
    lite.commit(repo, Delete("dir"), AddFile("dir/c", b"4"))
    assert lite.files(repo) == {"dir/c": "4", "keep": "3"}
    lite.commit(repo, DeleteFolder("dir/"), AddFile("dir", b"a file now"))
    assert lite.files(repo) == {"dir": "a file now", "keep": "3"}
    lite.commit(repo, CopyFile("copy", "keep"), Delete("keep"))
    assert lite.files(repo) == {"dir": "a file now", "copy": "3"}


def test_deleting_what_is_not_there(lite: Place) -> None:
    repo = lite.repo()
    with pytest.raises(EntryNotFound, match="A file with this name doesn't exist"):
        lite.commit(repo, Delete("nothing"))


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../b", ".git/config", "a//b", "/abs", "a\\b", "", "a/.GIT/x", "x\0y", "a/./b"],
)
def test_unsafe_paths_are_refused(lite: Place, path: str) -> None:
    repo = lite.repo()
    with pytest.raises(UnsafePath) as caught:
        lite.commit(repo, AddFile(path, b"x"))
    assert caught.value.status == 422


def test_a_file_cannot_be_a_folder_too(lite: Place) -> None:
    repo = lite.repo()
    lite.write(repo, a="1")
    with pytest.raises(Unprocessable):
        lite.commit(repo, AddFile("a/b", b"2"))


def test_a_named_parent_must_be_the_head(place: Place) -> None:
    repo = place.repo()
    first = place.commit(repo, AddFile("a", b"1")).commit
    place.commit(repo, AddFile("a", b"2"), parent=first)
    with pytest.raises(BranchMoved, match="The branch was updated since you opened this page"):
        place.commit(repo, AddFile("a", b"3"), parent=first)
    assert place.files(repo) == {"a": "2"}


@pytest.mark.parametrize("revision", ["nothing", "refs/tags/v1", "refs/pr/1", "f" * 40])
def test_only_branches_take_commits(lite: Place, revision: str) -> None:
    repo = lite.repo()
    contents.create_tag(lite.hub, lite.ada, repo, "main", "v1")
    with pytest.raises(RevisionNotFound):
        lite.commit(repo, AddFile("a", b"1"), revision=revision)


def test_fifty_committers_lose_nothing(place: Place) -> None:
    repo = place.repo()
    start = threading.Barrier(50)

    def write(number: int) -> None:
        start.wait()
        place.commit(repo, AddFile(f"f{number}.txt", b"%d" % number))

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(write, range(50)))
    assert len(place.files(repo)) == 50
    with place.hub.database.read() as session:
        page = contents.commit_log(place.hub, session, place.again(repo), "main")
    assert len(page.commits) == 50
    assert page.more


def test_committers_on_several_nodes_lose_nothing(place: Place) -> None:
    """Two stores share the database and no queue: the compare-and-swap alone keeps order."""
    repo = place.repo()
    hub = place.hub
    nodes = [
        replace(hub, git=GitStore(hub.database, hub.blobs, hub.settings.data_dir / name, 10**9))
        for name in ("one", "two", "three")
    ]

    def write(node: contents.Hub, number: int) -> None:
        for turn in range(4):
            request = contents.CommitRequest("main", [AddFile(f"f{number}-{turn}", b"x")], "change")
            contents.commit(node, place.ada, repo, request)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, nodes, range(3)))
    assert len(place.files(repo)) == 12


def test_a_large_regular_file_is_refused(lite: Place, tmp_path: Path) -> None:
    repo = lite.repo()
    spooled = tmp_path / "spooled"
    spooled.write_bytes(bytes(11 * 1024 * 1024))
    with pytest.raises(TooLarge, match="large file"):
        lite.commit(repo, AddFile("big.dat", spooled))


def test_many_medium_files_make_one_commit(lite: Place, tmp_path: Path) -> None:
    repo = lite.repo()
    operations = []
    for number in range(12):
        spooled = tmp_path / f"f{number}"
        spooled.write_bytes(bytes([number]) * 9_000_000)
        operations.append(AddFile(f"{number}.txt", spooled))
    lite.commit(repo, *operations)
    assert len(lite.files(repo)) == 12
    with lite.hub.database.read() as session:
        states = session.scalars(select(Pack.state)).all()
    assert set(states) == {"live"}


def test_a_large_file_becomes_a_pointer_and_is_tracked(place: Place) -> None:
    repo = place.repo()
    data = b"weights" * 1000
    oid = place.upload(repo, data)
    place.commit(repo, AddLfs("model.safetensors", oid, len(data)), AddLfs("odd name.dat", oid))
    seen = place.view(repo)
    assert seen.read("odd name.dat") == format_pointer(Pointer(oid, len(data)))
    assert Attributes(seen.text(".gitattributes") or "").tracking("odd name.dat") == "lfs"
    assert (seen.text(".gitattributes") or "").count("odd[[:space:]]name.dat") == 1
    assert "model.safetensors" not in (seen.text(".gitattributes") or "")


def test_an_object_nobody_sent_is_refused(place: Place) -> None:
    repo = place.repo()
    with pytest.raises(UnknownObjects, match=r"model\.bin"):
        place.commit(repo, AddLfs("model.bin", "a" * 64, 7))
    with pytest.raises(UnknownObjects, match=r"a\.txt"):
        place.commit(repo, AddFile("a.txt", format_pointer(Pointer("b" * 64, 7))))


def test_a_wrong_size_is_refused(lite: Place) -> None:
    repo = lite.repo()
    oid = lite.upload(repo, b"12345")
    with pytest.raises(WrongSizes):
        lite.commit(repo, AddLfs("a.bin", oid, 6))
    with pytest.raises(WrongSizes):
        lite.commit(repo, AddFile("a.bin", format_pointer(Pointer(oid, 6))))


def test_knowing_a_sha256_is_no_permission(place: Place) -> None:
    secret = place.repo("secret", private=True)
    data = b"secret weights"
    oid = place.upload(secret, data)
    place.commit(secret, AddLfs("w.bin", oid))
    theirs = contents.create_repository(place.hub, place.bob, "model", "bob/copy")
    with pytest.raises(UnknownObjects):
        place.commit(theirs, AddLfs("w.bin", oid, len(data)), by=place.bob)
    public = place.repo("public")
    place.commit(public, AddLfs("w.bin", oid))
    place.commit(theirs, AddLfs("w.bin", oid, len(data)), by=place.bob)
    with place.hub.database.read() as session:
        file = contents.resolve_file(place.hub, session, place.again(theirs), "main", "w.bin")
    with contents.open_file(place.hub, file) as source:
        assert source.read() == data


def test_a_bad_card_is_refused_on_the_default_branch_only(place: Place) -> None:
    repo = place.repo()
    bad = AddFile("README.md", b"---\nlicense: nonsense\n---\n")
    with pytest.raises(InvalidCard) as caught:
        place.commit(repo, bad)
    assert caught.value.status == 400
    assert "license" in caught.value.body["errors"][0]["message"]
    contents.create_branch(place.hub, place.ada, repo, contents.NewBranch("draft"))
    place.commit(repo, bad, revision="draft")
    warned = place.commit(repo, AddFile("README.md", b"---\nlicense: MIT\n---\n# Tiny\n"))
    assert any("lower case" in warning for warning in warned.warnings)
    record = place.announced[-1].record
    assert record.card_data["license"]
    again = place.commit(repo, AddFile("other", b"x"))
    assert again.warnings == [], "what was there before is not told again"


def test_who_may_only_read_cannot_commit(place: Place) -> None:
    repo = place.repo()
    with pytest.raises(Forbidden):
        place.commit(repo, AddFile("a", b"1"), by=place.bob)
    hidden = place.repo("hidden", private=True)
    with pytest.raises(RepoNotFound):
        place.commit(hidden, AddFile("a", b"1"), by=place.bob)
    assert place.files(repo) == place.files(hidden) == {}


def test_a_repository_deleted_meanwhile_takes_no_commit(place: Place) -> None:
    repo = place.repo()
    with place.hub.database.write() as session:
        session.execute(update(Repo).where(Repo.id == repo.id).values(deleted_at=now()))
    with pytest.raises(RepoNotFound):
        place.commit(repo, AddFile("a", b"1"))


def test_executables_stay_executable(lite: Place) -> None:
    repo = lite.repo()
    lite.write(repo, **{"run.sh": "1"})
    assert lite.view(repo).file("run.sh").mode == 0o100644


def test_every_move_is_in_the_log(lite: Place) -> None:
    repo = lite.repo()
    commit = lite.commit(repo, AddFile("a", b"1")).commit
    with lite.hub.database.read() as session:
        last = session.scalars(select(RefLog).order_by(RefLog.id.desc()).limit(1)).one()
    assert (last.name, last.new, last.user_id) == (b"refs/heads/main", commit, lite.ada.user_id)


def test_large_files_error_names_files() -> None:
    error = LargeFiles([("a/big.bin", 20_000_000)], 10 * 1024 * 1024)
    assert "a/big.bin (20.0 MB)" in str(error)
    assert any("git lfs migrate" in line for line in error.details)
    assert error.status == 413


def test_a_fault_while_it_lands_leaves_only_garbage(place: Place) -> None:
    repo = place.repo()
    first = place.commit(repo, AddFile("a", b"1")).commit
    oid = place.upload(repo, b"weights")
    broken = [True]

    def fail(_session: object, _event: object) -> None:
        if broken:
            raise ZeroDivisionError

    place.hub.events.on(RefsUpdated, fail)
    with pytest.raises(ZeroDivisionError):
        place.commit(repo, AddFile("a", b"2"), AddLfs("w.bin", oid))
    assert place.again(repo).head == first
    assert place.files(repo) == {"a": "1"}
    with place.hub.database.read() as session:
        assert session.scalars(select(Pack.state).order_by(Pack.id.desc())).first() == "uploading"
    broken.clear()
    place.commit(repo, AddFile("a", b"3"))
    assert place.files(repo) == {"a": "3"}
    assert collect(place.hub.git, uploading=timedelta(0)).packs == 1
    assert place.files(repo) == {"a": "3"}


def test_a_card_that_breaks_the_catalog_stops_nobody(
    lite: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("a bug in reading cards")

    monkeypatch.setattr("hub_server.contents.cards_of.index_record", broken)
    repo = lite.repo()
    lite.commit(repo, AddFile("README.md", b"# T\n"))
    assert lite.announced[-1].moves_head
    assert lite.announced[-1].record is None
