import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from hub_server.blobs import FileStore
from hub_server.db import Database
from hub_server.db.tables.git import Pack
from hub_server.errors import RevisionNotFound
from hub_server.git.commits import new_tag
from hub_server.gitstore import GitStore, RefUpdate
from tests.unit.gitstore.conftest import MAIN, WHO, Writer


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def selects(seen: list[str]) -> list[str]:
    return [statement for statement in seen if statement.startswith("SELECT")]


def test_what_was_published_can_be_read(writer: Writer, store: GitStore, repo: int) -> None:
    first = writer.commit({b"a": b"1"})
    second = writer.commit({b"b": b"2"})
    seen = store.open(repo)
    assert seen.resolve("main").commit == second
    assert seen.resolve("main").ref == "refs/heads/main"
    assert [line.name for line in seen.branches()] == [MAIN]
    assert first in seen.objects
    assert second in seen.objects


def test_a_branch_wins_over_a_tag(writer: Writer, store: GitStore, repo: int) -> None:
    first = writer.commit({b"a": b"1"})
    writer.publish(RefUpdate(b"refs/tags/v1", None, first))
    assert store.open(repo).resolve("v1").commit == first
    second = writer.commit({b"a": b"2"}, ref=b"refs/heads/v1")
    assert store.open(repo).resolve("v1").commit == second
    assert store.open(repo).resolve("refs/tags/v1").commit == first


def test_an_annotated_tag_stands_for_its_commit(writer: Writer, store: GitStore, repo: int) -> None:
    commit = writer.commit({b"a": b"1"})
    tag = new_tag(commit, b"v1", WHO, "one")
    writer.publish(
        RefUpdate(b"refs/tags/v1", None, tag.id, peeled=commit), staged=writer.stage([tag])
    )
    seen = store.open(repo)
    assert seen.peel(tag.id) == commit
    assert seen.peel(commit) is None
    assert seen.resolve("v1").commit == commit
    assert seen.resolve(tag.id).commit == commit
    assert seen.tags()[0].peeled == commit


def test_commits_by_their_ids(writer: Writer, store: GitStore, repo: int) -> None:
    commit = writer.commit({b"a": b"1"})
    seen = store.open(repo)
    assert seen.resolve(commit) == seen.resolve(commit[:7]) == seen.resolve(commit[:39])
    assert seen.resolve(commit).ref is None


@pytest.mark.parametrize(
    "revision",
    [
        "nothing",
        "",
        "refs/heads/nothing",
        "f" * 40,
        "abcdef1",
        "ma\0in",
        "\udcff",
        "x" * 5000,
        "HE",
    ],
)
def test_unknown_revisions(writer: Writer, store: GitStore, repo: int, revision: str) -> None:
    writer.commit({b"a": b"1"})
    with pytest.raises(RevisionNotFound):
        store.open(repo).resolve(revision)


def test_a_tree_is_no_revision(writer: Writer, store: GitStore, repo: int) -> None:
    objects = writer.objects({b"a": b"1"})
    writer.publish(RefUpdate(MAIN, None, objects[-1].id), staged=writer.stage(objects))
    tree = objects[-2].id
    with pytest.raises(RevisionNotFound):
        store.open(repo).resolve(tree)


def test_resolving_a_branch_is_one_statement_and_touches_no_pack(
    writer: Writer, store: GitStore, repo: int, database: Database
) -> None:
    writer.commit({b"a": b"1"})
    with database.read() as session, statements(database) as seen:
        store.open(repo, session=session).resolve("main")
    assert len(selects(seen)) == 1
    assert "pack" not in seen[-1]


def test_reading_costs_two_statements_whatever_the_number_of_packs(
    writer: Writer, store: GitStore, repo: int, database: Database
) -> None:
    for number in range(5):
        writer.commit({b"a": b"%d" % number})
    with statements(database) as seen:
        view = store.open(repo)
        commit = view.resolve("main").commit
        assert len(view.objects.packs) == 5
        view.objects.read(commit)
    assert len(selects(seen)) == 2


def test_refs_read_after_packs_do_not_outrun_them(
    writer: Writer, store: GitStore, repo: int
) -> None:
    writer.commit({b"a": b"1"})
    view = store.open(repo)
    assert len(view.objects.packs) == 1
    newer = writer.commit({b"a": b"2"})
    assert view.resolve("main").commit == newer
    assert newer in view.objects


def test_head_is_the_default_branch(store: GitStore, repo: int) -> None:
    assert store.open(repo).head == MAIN
    assert store.open(repo, default_branch="dev").head == b"refs/heads/dev"


def test_another_node_fetches_what_it_lacks(
    writer: Writer, store: GitStore, repo: int, tmp_path: Path
) -> None:
    commit = writer.commit({b"a": b"1"})
    other = GitStore(store.database, store.blobs, tmp_path / "other", 10**9)
    assert other.open(repo).objects.read(commit)[0] == "commit"


def test_a_pack_that_vanished_is_looked_up_once_more(
    writer: Writer, store: GitStore, repo: int, tmp_path: Path, database: Database
) -> None:
    """Between reading the list and reading the bytes a repack replaced the pack."""
    writer.commit({b"a": b"1"})
    commit = writer.commit({b"b": b"1"})
    other = GitStore(store.database, store.blobs, tmp_path / "other", 10**9)
    view = other.open(repo)
    listed = view._query_packs()
    gone = listed[-1]
    for key in (gone.pack_key, gone.index_key):
        store.blobs.delete(key)
    with database.write() as session:
        session.execute(update(Pack).where(Pack.id == gone.id).values(state="retired"))
    lists = [listed]
    fresh = view._query_packs
    view._query_packs = lambda: lists.pop() if lists else fresh()  # type: ignore[method-assign]
    assert commit in view.objects


@pytest.mark.git
def test_the_git_program_reads_the_folder(writer: Writer, store: GitStore, repo: int) -> None:
    head = writer.commit({b"a": b"1", b"sub/b": b"2"})
    folder = store.open(repo).git_dir
    listed = subprocess.run(
        ["git", "--git-dir", str(folder), "rev-list", "--objects", head],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert len(listed.stdout.splitlines()) == 5
    newer = writer.commit({b"a": b"3"})
    assert store.open(repo).git_dir == folder
    subprocess.run(["git", "--git-dir", str(folder), "cat-file", "-e", newer], check=True)
    assert not (folder / "config").exists()
    assert not (folder / "hooks").exists()


def test_retired_packs_leave_the_folder(
    writer: Writer, store: GitStore, repo: int, database: Database
) -> None:
    writer.commit({b"a": b"1"})
    writer.commit({b"a": b"2"})
    folder = store.open(repo).git_dir / "objects" / "pack"
    assert len(list(folder.iterdir())) == 4
    with database.write() as session:
        oldest = session.query(Pack).order_by(Pack.id).limit(1).one()
        oldest.state = "retired"
    assert store.open(repo).git_dir
    assert len(list(folder.iterdir())) == 2


def test_only_what_refs_reach_is_fetchable(writer: Writer, store: GitStore, repo: int) -> None:
    lost = writer.objects({b"secret": b"x"})
    writer.publish(RefUpdate(MAIN, None, lost[-1].id), staged=writer.stage(lost))
    everything = {new.id for new in lost}
    assert store.open(repo).is_fetchable(everything) == everything
    kept = writer.objects({b"open": b"y"})
    writer.publish(RefUpdate(MAIN, lost[-1].id, kept[-1].id), staged=writer.stage(kept))
    view = store.open(repo)
    assert view.is_fetchable(everything) == set()
    assert view.is_fetchable({new.id for new in kept} | {"f" * 40}) == {new.id for new in kept}
    more = writer.commit({b"more": b"z"})
    assert store.open(repo).is_fetchable({more, kept[0].id, lost[0].id}) == {more, kept[0].id}


def test_pull_requests_are_listed_only_where_asked(
    writer: Writer, store: GitStore, repo: int
) -> None:
    commit = writer.commit({b"a": b"1"})
    writer.publish(RefUpdate(b"refs/pr/1", None, commit))
    view = store.open(repo)
    assert [line.name for line in view.refs(None)] == [MAIN]
    assert [line.name for line in view.refs([b"refs/pr/"])] == [b"refs/pr/1"]
    assert [line.name for line in view.refs([b"refs/"])] == [MAIN, b"refs/pr/1"]
    many = [b"refs/heads/x%d" % n for n in range(100)]
    assert [line.name for line in view.refs([*many, b"refs/heads/m"])] == [MAIN]
    assert view.is_fetchable({commit}) == {commit}


def test_repositories_do_not_see_each_others_objects(
    writer: Writer, store: GitStore, make_repo: Callable[..., int]
) -> None:
    commit = writer.commit({b"a": b"1"})
    other = store.open(make_repo("other"))
    assert commit not in other.objects
    with pytest.raises(RevisionNotFound):
        other.resolve(commit)


def test_the_same_pack_in_two_repositories(
    store: GitStore, make_repo: Callable[..., int], blobs: FileStore
) -> None:
    writers = [Writer(store, make_repo(name)) for name in ("one", "two")]
    first, second = (each.commit({b"a": b"1"}) for each in writers)
    assert first == second
    assert len(list(blobs.list("pack/"))) == 4
