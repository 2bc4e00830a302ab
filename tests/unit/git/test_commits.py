"""Commits and tags: ours satisfy git, git's and old tools' are read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_server.git.commits import new_commit, new_tag, parse_commit, parse_links, parse_tag
from hub_server.git.errors import BadObject
from hub_server.git.packs import PackSet
from hub_server.git.types import EMPTY_TREE, NewObject, Signature, new_blob
from tests.unit.git.histories import Repo

ADA = Signature("Ada Lovelace", "ada@example.org", 1_700_000_000, 330)
BOB = Signature("Bøb", "bob@example.org", 1_700_000_100, -90)


def stored(repo: Repo, new: NewObject) -> str:
    """Written by git, which refuses what its fsck does not like."""
    command = ("hash-object", "-w", "-t", new.kind, "--stdin")
    return repo.text(*command, stdin=new.data)


def test_a_commit_of_ours_is_the_one_git_would_make(repo: Repo):
    tree = repo.tree({b"a": b"1"})
    first = new_commit(tree, [], ADA, BOB, "Title\n\nBody é\n")
    assert stored(repo, first) == first.id
    second = new_commit(tree, [first.id, first.id], BOB, ADA, "second")
    assert stored(repo, second) == second.id
    form = "--format=%T|%P|%an|%ae|%ad|%cn|%ce|%cd|%B"
    shown = repo.text("show", "-s", "--date=raw", form, first.id)
    assert shown == (
        f"{tree}||Ada Lovelace|ada@example.org|1700000000 +0530"
        "|Bøb|bob@example.org|1700000100 -0130|Title\n\nBody é"
    )
    repo.git("fsck", "--strict", first.id)
    read = parse_commit(first.id, first.data)
    assert (read.author, read.committer, read.tree, read.parents) == (ADA, BOB, tree, ())
    assert (read.title, read.body) == ("Title", "Body é")
    assert parse_links(second.data) == (1_700_000_000, tree, (first.id, first.id))
    assert PackSet([], {first.id: first}).read(first.id)[0] == "commit"


# lone surrogates too, which JSON can hold
words = st.text(st.characters(), max_size=20)


@settings(max_examples=120, deadline=None)
@given(words, words, words, st.integers(-1439, 1439))
def test_any_name_and_message_makes_a_commit_that_git_accepts(shared, name, email, message, offset):
    who = Signature(name, email, 1_700_000_000, offset)
    new = new_commit(EMPTY_TREE, [], who, who, message)
    assert stored(shared, new) == new.id
    read = parse_commit(new.id, new.data)
    assert (read.author.time, read.author.offset) == (1_700_000_000, offset)
    assert read.author.name
    assert stored(shared, new_tag(new.id, b"v1", who, message))


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Repo:
    repo = Repo.create(tmp_path_factory.mktemp("commits") / "repo.git")
    repo.git("hash-object", "-w", "-t", "tree", "--stdin")
    return repo


def test_a_tag_of_ours_is_the_one_git_would_make(repo: Repo):
    commit = new_commit(repo.tree({}), [], ADA, ADA, "x")
    stored(repo, commit)
    tag = new_tag(commit.id, "v1.0-é".encode(), BOB, "Release\n")
    assert stored(repo, tag) == tag.id
    assert repo.text("cat-file", "-p", tag.id).startswith(
        f"object {commit.id}\ntype commit\ntag v1"
    )
    read = parse_tag(tag.id, tag.data)
    assert (read.target, read.target_kind, read.tagger) == (commit.id, "commit", BOB)
    assert (read.name.decode(), read.message) == ("v1.0-é", "Release\n")


HEAD = b"tree %s\nparent %s\n" % (EMPTY_TREE.encode(), b"1" * 40)


def read(*lines: bytes, message: bytes = b"words\n"):
    return parse_commit("0" * 40, HEAD + b"\n".join(lines) + b"\n\n" + message)


def test_what_old_tools_wrote_is_read():
    commit = read(b"author  <> 5 +0000", b"committer No Time <a@b>")
    assert (commit.author.name, commit.author.email, commit.author.time) == ("", "", 5)
    assert (commit.committer.name, commit.committer.email, commit.committer.time) == (
        "No Time",
        "a@b",
        0,
    )
    far = read(b"author A <a> 99999999999999999999 +9999", b"committer A <a> -5 -0000").author
    assert (far.time, far.offset) == (253_402_300_799, 0)
    assert read(b"author nobody at all", b"committer A <a> 1 +0000").author.name == "nobody at all"
    assert (
        read(b"gpgsig -----BEGIN", b" author fake <f> 1 +0000", b"author A <a> 7 +0100").author.time
        == 7
    )
    assert read(message=b"").title == ""


def test_other_encodings_are_read():
    latin = read(b"author Ren\xe9 <r> 1 +0000", b"encoding ISO-8859-1", message=b"caf\xe9\n")
    assert (latin.author.name, latin.message) == ("René", "café\n")
    for odd in (b"idna", b"zlib", b"utf-16", b"\xff"):
        assert read(b"encoding " + odd, message=b"caf\xe9").message
    assert read(b"encoding no-such", message=b"caf\xe9").message == "caf\ufffd"
    assert read(b"x y", message=b"caf\xe9").message == "caf\ufffd"


def test_titles_are_those_of_git_log(repo: Repo):
    tree = repo.tree({})
    for message in ("one\ntwo\n\nbody\n\nmore\n", "\n\nlate\n", "only", "a\n\n\n\nb\n"):
        id = repo.commit(tree, message=message)
        commit = parse_commit(id, repo.git("cat-file", "commit", id))
        assert commit.title == repo.text("log", "-1", "--format=%s", id)
        assert commit.body.strip() == repo.text("log", "-1", "--format=%b", id)


@pytest.mark.parametrize("data", [b"", b"tree x\n\n", b"parent " + b"1" * 40, b"\0" * 60])
def test_bytes_that_are_no_commit_or_tag(data):
    with pytest.raises(BadObject):
        parse_commit("0" * 40, data)
    with pytest.raises(BadObject):
        parse_tag("0" * 40, data)


def test_ids_of_new_objects_are_those_of_git(repo: Repo):
    for data in (b"", b"words\n", bytes(70_000)):
        assert new_blob(data).id == repo.blob(data)
