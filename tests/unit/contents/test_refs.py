import subprocess

import pytest
from sqlalchemy import select

from hub_server import contents
from hub_server.accounts import ANONYMOUS
from hub_server.blobs import StoreFull
from hub_server.contents import AddFile, AddLfs, Delete, NewBranch, RefExists
from hub_server.db.tables.git import Pack
from hub_server.db.tables.repos import Repo
from hub_server.errors import (
    AlreadyExists,
    BadRequest,
    EntryNotFound,
    Forbidden,
    HubError,
    RevisionNotFound,
)
from hub_server.git import GitProgram, read_commit
from hub_server.repos import find
from tests.unit.contents.conftest import Place


@pytest.fixture
def repo(place: Place) -> Repo:
    made = place.repo()
    place.write(made, a="1")
    return place.again(made)


def branch(place: Place, repo: Repo, name: str, **options: object) -> str:
    return contents.create_branch(place.hub, place.ada, repo, NewBranch(name, **options))  # type: ignore[arg-type]


def test_a_branch_starts_anywhere(place: Place, repo: Repo) -> None:
    first = place.again(repo).head
    place.write(repo, a="2")
    assert branch(place, repo, "old", start=first) == first
    assert branch(place, repo, "feat/x") == place.again(repo).head
    assert place.files(repo, "old") == {"a": "1"}
    with pytest.raises(RefExists, match="Reference refs/heads/old already exists") as caught:
        branch(place, repo, "old")
    assert caught.value.status == 409
    branch(place, repo, "old", overwrite=True)
    assert place.files(repo, "old") == {"a": "2"}
    with pytest.raises(RevisionNotFound):
        branch(place, repo, "x", start="nothing")


def test_an_empty_branch(place: Place, repo: Repo) -> None:
    commit = branch(place, repo, "empty", empty=True)
    assert read_commit(place.view(repo, "empty").objects, commit).parents == ()
    assert place.files(repo, "empty") == {}
    place.commit(repo, AddFile("b", b"1"), revision="empty")
    assert place.files(repo, "empty") == {"b": "1"}


@pytest.mark.parametrize(
    "name", ["refs/pr/1", "refs/convert/x", "a..b", "a b", "", "x.lock", "HEAD"]
)
def test_names_that_no_branch_has(place: Place, repo: Repo, name: str) -> None:
    with pytest.raises(BadRequest, match="Invalid reference for a branch"):
        branch(place, repo, name)


def test_branches_go(place: Place, repo: Repo) -> None:
    branch(place, repo, "dev")
    contents.create_tag(place.hub, place.ada, repo, "main", "v1")
    contents.delete_branch(place.hub, place.ada, repo, "dev")
    with pytest.raises(Forbidden, match="Cannot delete refs/heads/main"):
        contents.delete_branch(place.hub, place.ada, repo, "main")
    for name in ("dev", "v1", "nothing"):
        with pytest.raises(RevisionNotFound, match="Invalid rev id"):
            contents.delete_branch(place.hub, place.ada, repo, name)


def test_tags(place: Place, repo: Repo) -> None:
    head = place.again(repo).head
    assert head
    contents.create_tag(place.hub, place.ada, repo, head[:8], "light")
    contents.create_tag(place.hub, place.ada, repo, "main", "annotated", "why")
    assert place.view(repo, "light").commit == place.view(repo, "annotated").commit == head
    with pytest.raises(RefExists):
        contents.create_tag(place.hub, place.ada, repo, "main", "light")
    with pytest.raises(RevisionNotFound):
        contents.create_tag(place.hub, place.ada, repo, "nothing", "v3")
    with pytest.raises(BadRequest):
        contents.create_tag(place.hub, place.ada, repo, "main", "a..b")
    contents.delete_tag(place.hub, place.ada, repo, "annotated")
    for name in ("annotated", "main"):
        with pytest.raises(RevisionNotFound):
            contents.delete_tag(place.hub, place.ada, repo, name)


def test_a_tag_may_share_a_branchs_name(place: Place, repo: Repo) -> None:
    contents.create_tag(place.hub, place.ada, repo, "main", "both")
    branch(place, repo, "both", empty=True)
    assert place.files(repo, "both") == {}
    assert place.files(repo, "refs/tags/both") == {"a": "1"}


def test_readers_change_nothing(place: Place, repo: Repo) -> None:
    for caller in (place.bob, ANONYMOUS):
        with pytest.raises(HubError):
            contents.create_branch(place.hub, caller, repo, NewBranch("x"))
        with pytest.raises(HubError):
            contents.create_tag(place.hub, caller, repo, "main", "x")
        with pytest.raises(HubError):
            contents.super_squash(place.hub, caller, repo, "main", "x")
    assert len(place.hub.git.open(repo.id).refs(None)) == 1


def test_super_squash(place: Place, repo: Repo) -> None:
    branch(place, repo, "dev")
    before = place.again(repo).head
    commit = contents.super_squash(place.hub, place.ada, repo, "main", "all in one")
    assert place.again(repo).head == commit
    squashed = read_commit(place.view(repo).objects, commit)
    assert (squashed.title, squashed.parents) == ("all in one", ())
    assert place.files(repo) == {"a": "1"}
    assert place.view(repo, "dev").commit == before, "other refs keep their history"
    for revision in ("nothing", str(before)):
        with pytest.raises(RevisionNotFound):
            contents.super_squash(place.hub, place.ada, repo, revision)


def test_the_default_branch_moves(place: Place, repo: Repo) -> None:
    branch(place, repo, "dev")
    place.commit(repo, AddFile("README.md", b"---\nlicense: mit\n---\n"), revision="dev")
    contents.set_default_branch(place.hub, place.ada, repo, "dev")
    now = place.again(repo)
    assert now.default_branch == "dev"
    assert now.head == place.view(repo, "dev").commit
    event = place.announced[-1]
    assert (event.moves_head, event.head) == (True, now.head)
    assert "license:mit" in event.record.tags
    contents.delete_branch(place.hub, place.ada, now, "main")
    with pytest.raises(RevisionNotFound):
        contents.set_default_branch(place.hub, place.ada, now, "nothing")


def test_a_duplicate_has_everything(place: Place, repo: Repo) -> None:
    data = b"weights"
    oid = place.upload(repo, data)
    place.commit(repo, AddLfs("w.bin", oid))
    contents.create_tag(place.hub, place.ada, repo, "main", "v1", "annotated")
    copy = contents.duplicate_repository(
        place.hub, place.bob, place.again(repo), "bob/copy", private=True
    )
    assert copy.private
    assert copy.head == place.again(repo).head
    assert place.files(copy, "v1") == place.files(repo)
    with place.hub.database.read() as session:
        file = contents.resolve_file(place.hub, session, copy, "main", "w.bin")
    with contents.open_file(place.hub, file) as source:
        assert source.read() == data
    place.commit(copy, AddFile("mine", b"x"), by=place.bob)
    assert "mine" not in place.files(repo)
    with pytest.raises(AlreadyExists):
        contents.duplicate_repository(place.hub, place.bob, place.again(repo), "bob/copy")


def test_a_repository_whose_first_commit_fails_is_gone_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreFull

    monkeypatch.setattr(place.hub.blobs, "adopt", full)
    with pytest.raises(StoreFull):
        place.repo("full")
    monkeypatch.undo()
    with place.hub.database.read() as session:
        assert find(session, "model", "ada/full") is None
    assert place.repo("full").head


def test_large_files_are_listed_by_name(place: Place, repo: Repo) -> None:
    kept, gone = (place.upload(repo, text) for text in (b"kept", b"gone!"))
    place.commit(repo, AddLfs("dir/kept.bin", kept), AddLfs("gone.bin", gone))
    place.commit(repo, Delete("gone.bin"))
    with place.hub.database.read() as session:
        page = contents.list_lfs_files(place.hub, session, place.again(repo))
        first = contents.list_lfs_files(place.hub, session, place.again(repo), limit=1)
        rest = contents.list_lfs_files(
            place.hub, session, place.again(repo), limit=1, after=first.after or 0
        )
    assert [(file.filename, file.size, file.ref, file.pusher) for file in page.files] == [
        ("dir/kept.bin", 4, "refs/heads/main", "ada"),
        ("gone.bin", 5, None, "ada"),
    ]
    assert [*first.files, *rest.files] == page.files
    assert rest.after is None


@pytest.mark.git
def test_large_files_vanish_from_history(place: Place, repo: Repo) -> None:
    kept, gone = (place.upload(repo, text) for text in (b"kept", b"gone!"))
    place.commit(repo, AddLfs("dir/kept.bin", kept), AddLfs("only/gone.bin", gone))
    contents.create_tag(place.hub, place.ada, repo, "main", "v1", "annotated")
    branch(place, repo, "dev")
    place.commit(repo, AddFile("a", b"2"), message="later")
    contents.delete_lfs_files(place.hub, place.ada, repo, [gone], rewrite_history=True)
    for revision in ("main", "dev", "v1"):
        seen = place.view(repo, revision)
        assert seen.entry("only") is None
        assert seen.entry("dir/kept.bin")
    with place.hub.database.read() as session:
        row = place.again(repo)
        titles = contents.commit_log(place.hub, session, row, "main").commits
        assert [commit.title for commit in titles] == [
            "later",
            "change",
            "change",
            "initial commit",
        ]
        assert row.head == titles[0].id
        with pytest.raises(EntryNotFound):
            contents.resolve_file(place.hub, session, row, "main", "only/gone.bin")
        listed = contents.list_lfs_files(place.hub, session, row).files
    assert [file.sha256 for file in listed] == [kept]
    git = GitProgram.find("git")
    assert git
    folder = place.hub.git.open(repo.id).git_dir
    tips = [line.id for line in place.hub.git.open(repo.id).refs(None)]
    subprocess.run(
        [git.path, "--git-dir", str(folder), "fsck", "--strict", "--no-dangling", *tips],
        check=True, capture_output=True,
    )  # fmt: skip


def test_without_rewriting_only_the_bytes_go(place: Place, repo: Repo) -> None:
    gone = place.upload(repo, b"gone!")
    place.commit(repo, AddLfs("gone.bin", gone))
    head = place.again(repo).head
    contents.delete_lfs_files(place.hub, place.ada, repo, [gone])
    assert place.again(repo).head == head
    with place.hub.database.read() as session, pytest.raises(EntryNotFound):
        contents.resolve_file(place.hub, session, place.again(repo), "main", "gone.bin")
    with pytest.raises(Forbidden):
        contents.delete_lfs_files(place.hub, place.bob, repo, [gone], rewrite_history=True)


def test_every_pack_that_was_not_published_is_forgotten(place: Place, repo: Repo) -> None:
    place.commit(repo, AddFile("a", b"3"))
    with place.hub.database.read() as session:
        assert set(session.scalars(select(Pack.state))) == {"live"}
