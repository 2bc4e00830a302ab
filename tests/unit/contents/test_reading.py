from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from hub_server import contents
from hub_server.contents import (
    AddFile,
    AddLfs,
    Candidate,
    Delete,
    NewBranch,
    ResolvedFile,
    TreeEntry,
    Window,
)
from hub_server.db.tables.repos import Repo
from hub_server.errors import BadRequest, EntryNotFound, RevisionNotFound, TooLarge
from hub_server.git import new_blob
from hub_server.lfs import Pointer, format_pointer
from tests.unit.contents.conftest import Place


@contextmanager
def statements(place: Place) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            seen.append(statement)

    event.listen(place.hub.database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(place.hub.database.engine, "before_cursor_execute", note)


def resolve(place: Place, repo: Repo, path: str, revision: str = "main") -> ResolvedFile:
    with place.hub.database.read() as session:
        return contents.resolve_file(place.hub, session, place.again(repo), revision, path)


def read(place: Place, file: ResolvedFile, *span: int) -> bytes:
    with contents.open_file(place.hub, file, *span) as source:
        return source.read()


@pytest.fixture
def filled(place: Place) -> Repo:
    repo = place.repo()
    data = b"w" * 5000
    oid = place.upload(repo, data)
    place.write(repo, **{"b.txt": "text", "a/x": "1", "a/b/y": "2", "c/z": "3", "a.txt": "4"})
    place.commit(repo, AddLfs("model.bin", oid), message="weights")
    return repo


def test_a_regular_file(place: Place, filled: Repo) -> None:
    file = resolve(place, filled, "b.txt")
    assert (file.size, file.etag, file.lfs) == (4, new_blob(b"text").id, None)
    assert file.commit == place.again(filled).head
    assert read(place, file) == b"text"
    assert read(place, file, 1, 2) == b"ex"


def test_a_large_file_and_its_pointer(place: Place, filled: Repo) -> None:
    file = resolve(place, filled, "model.bin")
    assert file.lfs
    assert (file.size, file.etag) == (5000, file.lfs.oid)
    assert read(place, file, 4990, None) == b"w" * 10  # type: ignore[arg-type]
    with place.hub.database.read() as session:
        raw = contents.raw_file(place.hub, session, place.again(filled), "main", "model.bin")
    assert read(place, raw) == format_pointer(Pointer(file.lfs.oid, 5000))


@pytest.mark.parametrize("path", ["nothing", "a", "a/nothing", "b.txt/x", "", "../b.txt", "\udcff"])
def test_what_is_no_file(place: Place, filled: Repo, path: str) -> None:
    for _ in range(2):  # the second time from memory
        with pytest.raises(EntryNotFound) as caught:
            resolve(place, filled, path)
        assert caught.value.headers == {"X-Repo-Commit": place.again(filled).head}


def test_an_unknown_revision(place: Place, filled: Repo) -> None:
    with pytest.raises(RevisionNotFound):
        resolve(place, filled, "b.txt", "nothing")


def test_what_a_resolve_costs(place: Place, filled: Repo) -> None:
    row = place.again(filled)
    head = str(row.head)
    resolve(place, filled, "b.txt", head)
    for path, most in (("b.txt", 0), ("model.bin", 1), ("a.txt", 0), ("a/x", 0)):
        for revision in ("main", head):
            with place.hub.database.read() as session, statements(place) as seen:
                contents.resolve_file(place.hub, session, row, revision, path)
            assert len(seen) == most, (path, revision)


def test_what_was_seen_before_does_not_hide_what_is_new(place: Place, filled: Repo) -> None:
    resolve(place, filled, "b.txt")
    place.commit(filled, AddFile("b.txt", b"newer"), AddFile("new.txt", b"new"))
    assert read(place, resolve(place, filled, "b.txt")) == b"newer"
    assert read(place, resolve(place, filled, "new.txt")) == b"new"


def test_an_object_taken_from_the_repository_is_gone_at_once(place: Place, filled: Repo) -> None:
    file = resolve(place, filled, "model.bin")
    assert file.lfs
    with place.hub.database.write() as session:
        place.hub.objects.unlink(session, filled.id, [file.lfs.oid])
    with pytest.raises(EntryNotFound):
        resolve(place, filled, "model.bin")


def names(entries: list[TreeEntry]) -> list[str]:
    return [entry.path for entry in entries]


def test_a_folder_lists_folders_first(place: Place, filled: Repo) -> None:
    page = contents.tree_page(place.view(filled))
    assert names(page.entries) == ["a", "c", ".gitattributes", "a.txt", "b.txt", "model.bin"]
    assert page.after is None
    large = page.entries[-1]
    assert large.lfs
    assert (large.type, large.size, large.blob_size) == ("file", 5000, 129)
    assert [(e.path, e.type) for e in contents.tree_page(place.view(filled), "a").entries] == [
        ("a/b", "directory"),
        ("a/x", "file"),
    ]


EVERYTHING = [
    "a",
    "a/b",
    "a/b/y",
    "a/x",
    "c",
    "c/z",
    ".gitattributes",
    "a.txt",
    "b.txt",
    "model.bin",
]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 10, 50])
def test_pages_join_to_the_whole(place: Place, filled: Repo, limit: int) -> None:
    found: list[str] = []
    after: str | None = None
    for _ in range(20):
        page = contents.tree_page(place.view(filled), recursive=True, after=after, limit=limit)
        assert len(page.entries) <= limit
        found += names(page.entries)
        after = page.after
        if after is None:
            break
    assert found == EVERYTHING


def test_pages_of_a_folder_below(place: Place, filled: Repo) -> None:
    view = place.view(filled)
    first = contents.tree_page(view, "a", recursive=True, limit=2)
    second = contents.tree_page(view, "a", recursive=True, limit=2, after=first.after)
    assert names(first.entries) + names(second.entries) == ["a/b", "a/b/y", "a/x"]


@pytest.mark.parametrize("folder", ["nothing", "b.txt", "a/nothing"])
def test_no_such_folder(place: Place, filled: Repo, folder: str) -> None:
    with pytest.raises(EntryNotFound):
        contents.tree_page(place.view(filled), folder)


def test_last_commits_follow_new_commits(place: Place, filled: Repo) -> None:
    def last() -> dict[str, str]:
        page = contents.tree_page(place.view(filled), recursive=True, expand=True)
        return {e.path: e.last_commit.title for e in page.entries if e.last_commit}

    assert last()["model.bin"] == "weights"
    assert last()["a/x"] == "change"
    place.commit(filled, AddFile("a/b/new", b"n"), Delete("c/z"), message="second")
    carried = last()
    place.hub.memory.last_commits.clear()
    assert last() == carried
    assert carried["a"] == carried["a/b"] == carried["a/b/new"] == "second"
    assert carried["a/b/y"] == "change"
    assert "c" not in carried


def test_paths_info(place: Place, filled: Repo) -> None:
    view = place.view(filled)
    found = contents.paths_info(view, ["b.txt", "nothing", "a", "a/b/y", ""], expand=True)
    assert names(found) == ["b.txt", "a", "a/b/y"]
    assert all(entry.last_commit for entry in found)
    with pytest.raises(TooLarge):
        contents.paths_info(view, ["x"] * 1001)


def test_the_log_names_accounts(place: Place, filled: Repo) -> None:
    with place.hub.database.read() as session:
        repo = place.again(filled)
        page = contents.commit_log(place.hub, session, repo, "main", Window(limit=2))
        assert [commit.title for commit in page.commits] == ["weights", "change"]
        assert page.more
        assert [(author.user, author.has_account) for author in page.authors] == [("ada", True)] * 2
        rest = contents.commit_log(place.hub, session, repo, "main", Window(skip=2))
        assert [commit.title for commit in rest.commits] == ["initial commit"]
        only = contents.commit_log(place.hub, session, repo, "main", Window(path="model.bin"))
        assert [commit.title for commit in only.commits] == ["weights"]


def test_refs_by_place(place: Place, filled: Repo) -> None:
    head = place.again(filled).head
    contents.create_branch(place.hub, place.ada, filled, NewBranch("feat/x"))
    contents.create_tag(place.hub, place.ada, filled, "main", "v1", "annotated")
    with place.hub.database.read() as session:
        refs = contents.list_refs(place.hub, session, place.again(filled), pull_requests=True)
    assert [(ref.name, ref.ref) for ref in refs.branches] == [
        ("feat/x", "refs/heads/feat/x"),
        ("main", "refs/heads/main"),
    ]
    assert [(ref.name, ref.target) for ref in refs.tags] == [("v1", head)]
    assert refs.pull_requests == refs.converts == []


def test_compare(place: Place, filled: Repo) -> None:
    contents.create_branch(place.hub, place.ada, filled, NewBranch("dev"))
    place.commit(filled, AddFile("b.txt", b"changed"), revision="dev")
    place.commit(filled, AddFile("only-main", b"x"))
    with place.hub.database.read() as session:
        repo = place.again(filled)
        since = b"".join(contents.compare(place.hub, session, repo, "main...dev"))
        between = b"".join(contents.compare(place.hub, session, repo, "main..dev"))
        with pytest.raises(BadRequest):
            contents.compare(place.hub, session, repo, "main")
        with pytest.raises(RevisionNotFound):
            contents.compare(place.hub, session, repo, "main...nothing")
    assert b"+changed" in since
    assert b"only-main" not in since
    assert b"only-main" in between


def test_preupload(place: Place, filled: Repo) -> None:
    file = resolve(place, filled, "model.bin")
    place.commit(filled, AddFile(".gitignore", b"*.log\nbuild/\n"))
    asked = [
        Candidate("b.txt", 4, b"text"),
        Candidate("model.bin", 4, b"text"),
        Candidate("new.safetensors", 10, b"x"),
        Candidate("nine.txt", 9 * 1024 * 1024, b"text"),
        Candidate("eleven.txt", 11 * 1024 * 1024, b"text"),
        Candidate("small.dat", 1000, b"\0\1"),
        Candidate("photo.dat", 1_000_000, b"\xff\xfe"),
        Candidate("build/x", 3, b"abc"),
        Candidate("a.log", 0, b""),
        Candidate("a/x/../y", 1, b"a"),
    ]
    with place.hub.database.read() as session:
        repo = place.again(filled)
        answer = contents.preupload(place.hub, session, repo, "main", asked)
        own = contents.preupload(
            place.hub, session, repo, "main", asked, ("*.txt filter=lfs\n", "b.txt\n")
        )
        with pytest.raises(RevisionNotFound):
            contents.preupload(place.hub, session, repo, "nothing", asked)
    modes = {each.path: each.mode for each in answer.decisions}
    assert [path for path, mode in modes.items() if mode == "lfs"] == [
        "model.bin",
        "new.safetensors",
        "eleven.txt",
        "photo.dat",
    ]
    assert [each.path for each in answer.decisions if each.ignored] == ["build/x", "a.log"]
    oids = {each.path: each.oid for each in answer.decisions}
    assert oids["b.txt"] == new_blob(b"text").id
    assert oids["model.bin"] == file.etag
    assert oids["nine.txt"] is None
    assert answer.commit == repo.head
    assert [each.path for each in own.decisions if each.ignored] == ["b.txt"]
    assert own.decisions[3].mode == "lfs"


def test_the_catalog_can_ask_again(place: Place, filled: Repo) -> None:
    computed = contents.index_of(place.hub, filled.id)
    assert computed
    assert computed[0] == place.again(filled).head
    place.write(filled, **{"README.md": "---\nlicense: mit\n---\n# T\n"})
    again = contents.index_of(place.hub, filled.id)
    assert again
    assert "license:mit" in again[1].tags
    assert contents.index_of(place.hub, 10**6) is None
