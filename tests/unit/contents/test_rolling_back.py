"""A branch gets the files of an older commit back, by a commit on top of what it has."""

import pytest

from hub_server import contents
from hub_server.contents import AddFile, AddLfs, BranchMoved, Delete, NothingToRollBack, PutBack
from hub_server.db.tables.repos import Repo
from hub_server.errors import EntryNotFound, Forbidden, HubError, RevisionNotFound
from hub_server.git import EXECUTABLE, LINK, SUBMODULE, read_commit
from tests.unit.contents.conftest import Place


def roll(place: Place, repo: Repo, commit: str, branch: str = "main") -> str:
    row = place.again(repo)
    wanted = contents.rollback_to(place.hub, row, branch, commit)
    return contents.roll_back(place.hub, place.ada, row, wanted, "Roll back").commit


def test_the_files_of_then_are_there_again_and_nothing_is_lost(place: Place) -> None:
    repo = place.repo()
    data = b"large" * 1000
    large = AddLfs("m.bin", place.upload(repo, data), len(data))
    first = place.commit(repo, AddFile("a", b"1"), AddFile("d/x", b"x"), large).commit
    place.commit(repo, AddFile("a", b"2"), Delete("d/x"), Delete("m.bin"))
    last = place.commit(repo, AddFile("d", b"now a file"), AddFile("new/file", b"n")).commit
    made = roll(place, repo, first)
    now, then = place.view(repo), place.view(repo, first)
    assert now.tree == then.tree
    assert now.commit == made
    assert read_commit(now.objects, made).parents == (last,)
    assert place.files(repo, last)["d"] == "now a file"
    roll(place, repo, last)
    assert place.view(repo).tree == place.view(repo, last).tree


def test_modes_links_and_submodules_come_back(lite: Place) -> None:
    repo = lite.repo()
    blob = lite.view(repo).file(".gitattributes").id
    wanted = [
        PutBack("run.sh", blob, EXECUTABLE),
        PutBack("link", blob, LINK),
        PutBack("sub", "1" * 40, SUBMODULE),
    ]
    first = lite.commit(repo, *wanted).commit
    lite.commit(repo, Delete("run.sh"), Delete("link"), Delete("sub"))
    roll(lite, repo, first)
    modes = {entry.name: entry.mode for entry in lite.view(repo).list()}
    assert (modes[b"run.sh"], modes[b"link"], modes[b"sub"]) == (EXECUTABLE, LINK, SUBMODULE)


def test_what_the_repository_does_not_have_is_not_put_back(lite: Place) -> None:
    repo = lite.repo()
    with pytest.raises(EntryNotFound):
        lite.commit(repo, PutBack("a", "2" * 40, EXECUTABLE))


def test_a_large_file_that_was_removed_stops_it(lite: Place) -> None:
    repo = lite.repo()
    oid = lite.upload(repo, b"large" * 100)
    first = lite.commit(repo, AddLfs("m.bin", oid)).commit
    lite.commit(repo, Delete("m.bin"))
    contents.delete_lfs_files(lite.hub, lite.ada, lite.again(repo), [oid])
    with pytest.raises(HubError, match=r"m\.bin"):
        roll(lite, repo, first)


def test_refusals(lite: Place) -> None:
    repo = lite.repo()
    first = lite.write(repo, a="1").commit
    with pytest.raises(NothingToRollBack):
        roll(lite, repo, first)
    with pytest.raises(RevisionNotFound):
        roll(lite, repo, first, branch="none")
    lite.write(repo, a="2")
    wanted = contents.rollback_to(lite.hub, lite.again(repo), "main", first)
    lite.write(repo, a="3")
    with pytest.raises(BranchMoved):
        contents.roll_back(lite.hub, lite.ada, lite.again(repo), wanted, "late")
    wanted = contents.rollback_to(lite.hub, lite.again(repo), "main", first)
    with pytest.raises(Forbidden):
        contents.roll_back(lite.hub, lite.bob, lite.again(repo), wanted, "not mine")
