"""Pushes of the stock client, received with and without a git program."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from hub_server.git.sources import RefLine
from tests.unit.git.packs_by_hand import (
    BLOB,
    BLOB_ID,
    commands,
    commit_data,
    object_id,
    packed,
    tree_data,
)
from tests.unit.git.smart_http import GitFailed, PlainSource, Server, git

pytestmark = pytest.mark.git


def commit(work: Path, text: str, name: str = "README.md") -> str:
    (work / name).write_text(text)
    git("add", "-A", cwd=work)
    git("commit", "-q", "-m", text[:20], cwd=work)
    return git("rev-parse", "HEAD", cwd=work)


@pytest.fixture
def work(hub: Server, tmp_path: Path) -> Path:
    """A clone with one pushed commit; its remote `origin` is the hub."""
    hub.create()
    work = tmp_path / "work"
    git("init", "-q", "-b", "main", work)
    git("remote", "add", "origin", f"{hub.url}/repo", cwd=work)
    commit(work, "first\n")
    git("push", "-q", "-u", "origin", "main", cwd=work)
    return work


def ref(hub: Server, name: str) -> str:
    return git("for-each-ref", "--format=%(objectname)", name, cwd=hub.folder / "repo")


def is_sound(hub: Server) -> None:
    git("fsck", "--full", "--strict", cwd=hub.folder / "repo")


def test_create_update_and_delete_branches_and_tags(hub: Server, work: Path) -> None:
    second = commit(work, "second\n")
    git("tag", "light", cwd=work)
    git("tag", "-a", "-m", "words", "v1", cwd=work)
    git("push", "-q", "origin", "main", "main:other", "light", "v1", cwd=work)
    assert ref(hub, "refs/heads/main") == ref(hub, "refs/heads/other") == second
    assert ref(hub, "refs/tags/light") == second
    assert ref(hub, "refs/tags/v1") == git("rev-parse", "v1", cwd=work) != second
    git("push", "-q", "origin", ":other", ":light", cwd=work)
    assert ref(hub, "refs/heads/other") == ref(hub, "refs/tags/light") == ""
    is_sound(hub)


def test_a_forced_push_replaces_history(hub: Server, work: Path) -> None:
    git("commit", "-q", "--amend", "-m", "other words", cwd=work)
    with pytest.raises(GitFailed, match=r"non-fast-forward|fetch first"):
        git("push", "origin", "main", cwd=work)
    git("push", "-q", "--force", "origin", "main", cwd=work)
    assert ref(hub, "refs/heads/main") == git("rev-parse", "HEAD", cwd=work)


def test_messages_and_push_options_come_back_as_remote_lines(hub: Server, work: Path) -> None:
    commit(work, "second\n")
    words = talk("push", "-o", "topic=one", "origin", "main", cwd=work)
    assert "remote: 3 new objects" in words
    assert "remote: topic=one" in words


def talk(*arguments: str, cwd: Path) -> str:
    """What the client writes to stderr."""
    command = " ".join(f"'{word}'" for word in arguments)
    return git("-c", f"alias.x=!git {command} 2>&1", "x", cwd=cwd)


def test_a_push_of_known_objects_needs_no_pack(hub: Server, work: Path) -> None:
    packs = list((hub.folder / "repo" / "objects" / "pack").glob("*.pack"))
    git("push", "-q", "origin", "main:again", cwd=work)
    assert ref(hub, "refs/heads/again") == ref(hub, "refs/heads/main")
    assert list((hub.folder / "repo" / "objects" / "pack").glob("*.pack")) == packs


def test_thin_packs_are_completed(hub: Server, work: Path) -> None:
    lines = [f"{random.Random(n).random()}\n" for n in range(2000)]
    commit(work, "".join(lines), "big.txt")
    git("push", "-q", "origin", "main", cwd=work)
    for number in range(3):
        lines[number] = "changed\n"
        commit(work, "".join(lines), "big.txt")
        git("push", "-q", "--thin", "origin", "main", cwd=work)
    packs = (hub.folder / "repo" / "objects" / "pack").glob("*.pack")
    assert sorted(pack.stat().st_size for pack in packs)[1] < 20_000
    is_sound(hub)
    for pack in (hub.folder / "repo" / "objects" / "pack").glob("*.pack"):
        git("verify-pack", pack)


def test_large_pushes_come_chunked_after_a_probe(hub: Server, work: Path) -> None:
    data = random.Random(1).randbytes(3_000_000)
    (work / "large.bin").write_bytes(data)
    commit(work, "large\n")
    git("-c", "http.postBuffer=65536", "push", "-q", "origin", "main", cwd=work)
    assert hub.requests[-2:] == ["git-receive-pack", "git-receive-pack"], "a probe and the push"
    name = "main:large.bin"
    assert git("cat-file", "-s", name, cwd=hub.folder / "repo") == str(len(data))


def test_a_push_from_a_shallow_clone(hub: Server, work: Path, tmp_path: Path) -> None:
    commit(work, "second\n")
    git("push", "-q", "origin", "main", cwd=work)
    shallow = tmp_path / "shallow"
    git("clone", "-q", "--depth", "1", f"{hub.url}/repo", shallow)
    third = commit(shallow, "third\n")
    git("push", "-q", "origin", "main", cwd=shallow)
    assert ref(hub, "refs/heads/main") == third
    is_sound(hub)


def test_a_shallow_clone_cannot_fill_an_empty_repository(
    hub: Server, work: Path, tmp_path: Path
) -> None:
    commit(work, "second\n")
    git("push", "-q", "origin", "main", cwd=work)
    shallow = tmp_path / "shallow"
    git("clone", "-q", "--depth", "1", f"{hub.url}/repo", shallow)
    hub.create("empty")
    with pytest.raises(GitFailed, match="unshallow"):
        git("push", f"{hub.url}/empty", "main", cwd=shallow)
    assert git("for-each-ref", cwd=hub.folder / "empty") == ""


def test_a_push_from_a_partial_clone(hub: Server, work: Path, tmp_path: Path) -> None:
    partial = tmp_path / "partial"
    git("clone", "-q", "--filter=blob:none", f"{hub.url}/repo", partial)
    new = commit(partial, "partial\n", "other.txt")
    git("push", "-q", "origin", "main", cwd=partial)
    assert ref(hub, "refs/heads/main") == new
    is_sound(hub)


def test_a_stale_push_is_reported_and_moves_nothing(hub: Server, work: Path) -> None:
    body = push_body(work, "refs/heads/main", old="1" * 40, new=commit(work, "second\n"))
    answer = post(hub, body)
    assert b"ng refs/heads/main stale info" in answer
    assert b"unpack ok" in answer
    assert ref(hub, "refs/heads/main") == git("rev-parse", "HEAD~1", cwd=work)


def test_an_atomic_push_with_one_bad_ref_moves_nothing(hub: Server, work: Path) -> None:
    before = ref(hub, "refs/heads/main")
    commit(work, "second\n")
    tree = git("rev-parse", "HEAD^{tree}", cwd=work)
    git("update-ref", "refs/tags/tree", tree, cwd=work)
    arguments = ["main", "refs/tags/tree:refs/heads/tree"]
    with pytest.raises(GitFailed):
        git("push", "--atomic", "origin", *arguments, cwd=work)
    with pytest.raises(AssertionError, match="atomic push failure"):
        raw_push(hub, work, before, tree, atomic=True)
    assert ref(hub, "refs/heads/main") == before
    with pytest.raises(AssertionError, match="is not a commit"):
        raw_push(hub, work, before, tree, atomic=False)
    assert ref(hub, "refs/heads/main") != before, "without atomic the good one moves"
    assert ref(hub, "refs/heads/tree") == ""


def raw_push(hub: Server, work: Path, old: str, tree: str, *, atomic: bool) -> None:
    """Push main and a branch that would stand at a tree, which the client itself refuses."""
    new = git("rev-parse", "main", cwd=work)
    lines = [f"{old} {new} refs/heads/main", f"{'0' * 40} {tree} refs/heads/tree"]
    capabilities = "report-status" + (" atomic" if atomic else "")
    answer = post(hub, commands(lines, capabilities) + stock_pack(work, [new], [old]))
    assert b"ng" not in answer, answer.decode()


def stock_pack(work: Path, tips: list[str], known: list[str], *options: str) -> bytes:
    """A pack that the stock git makes."""
    path = work / ".git" / "a.pack"
    revisions = "\n".join([*tips, "--not", *known, ""])
    command = f"git pack-objects --revs --stdout -q {' '.join(options)} > {path}"
    git("-c", f"alias.x=!{command}", "x", cwd=work, stdin=revisions.encode())
    return path.read_bytes()


def push_body(work: Path, name: str, *, old: str, new: str) -> bytes:
    tip = git("rev-parse", "HEAD", cwd=work)
    return commands([f"{old} {new} {name}"]) + stock_pack(work, [tip], [])


def post(hub: Server, body: bytes) -> bytes:
    """Push this body past the stock client."""
    return b"".join(hub.push("repo", io.BytesIO(body)))


def push_objects(hub: Server, tip: str, objects: dict[str, list[bytes]]) -> str:
    body = commands([f"{'0' * 40} {tip} refs/heads/new"]) + packed(objects)
    return post(hub, body).decode(errors="replace")


def push_tree(hub: Server, tree: bytes) -> str:
    commit_ = commit_data(object_id("tree", tree))
    objects = {"blob": [BLOB], "tree": [tree], "commit": [commit_]}
    return push_objects(hub, object_id("commit", commit_), objects)


def test_a_sound_pack_made_by_hand_is_accepted(hub: Server) -> None:
    hub.create()
    tree = tree_data((b"100644", b"a", BLOB_ID), (b"100755", b"b", BLOB_ID))
    assert "ok refs/heads/new" in push_tree(hub, tree)
    is_sound(hub)


@pytest.mark.parametrize(
    "entries",
    [
        [(b"100644", b"a", BLOB_ID), (b"100644", b"a", BLOB_ID)],
        [(b"100644", b"b", BLOB_ID), (b"100644", b"a", BLOB_ID)],
        [(b"100644", b".git", BLOB_ID)],
        [(b"100644", b".GIT", BLOB_ID)],
        [(b"100644", b".Git ", BLOB_ID)],
        [(b"100644", b"git~1", BLOB_ID)],
        [(b"100644", ".g\u200cit".encode(), BLOB_ID)],
        [(b"100644", b"..", BLOB_ID)],
        [(b"100644", b".", BLOB_ID)],
        [(b"100644", b"a/b", BLOB_ID)],
        [(b"100644", b"a", "0" * 40)],
        [(b"100666", b"a", BLOB_ID)],
        [(b"0100644", b"a", BLOB_ID)],
    ],
    ids=lambda entries: repr([entry[:2] for entry in entries]),
)
def test_unsafe_trees_are_refused(hub: Server, entries: list[tuple[bytes, bytes, str]]) -> None:
    hub.create()
    answer = push_tree(hub, tree_data(*entries))
    assert "unpack ok" not in answer
    assert "ng refs/heads/new unpacker error" in answer
    assert git("count-objects", "-v", cwd=hub.folder / "repo").splitlines()[3] == "packs: 0"


@pytest.mark.parametrize(
    "ident",
    [b"Ada ada@example.org 1700000000 +0000", b"Ada <ada@example.org>", b"A\0 <a> 1 +0000"],
)
def test_broken_commits_are_refused(hub: Server, ident: bytes) -> None:
    hub.create()
    tree = tree_data((b"100644", b"a", BLOB_ID))
    broken = commit_data(object_id("tree", tree), ident=ident)
    objects = {"blob": [BLOB], "tree": [tree], "commit": [broken]}
    answer = push_objects(hub, object_id("commit", broken), objects)
    assert "unpack ok" not in answer


@pytest.mark.parametrize("missing", ["blob", "tree", "commit"])
def test_a_disconnected_pack_is_refused_with_what_is_missing(hub: Server, missing: str) -> None:
    hub.create()
    tree = tree_data((b"100644", b"a", BLOB_ID))
    parent = commit_data(object_id("tree", tree))
    tip = commit_data(object_id("tree", tree), object_id("commit", parent))
    objects = {"blob": [BLOB], "tree": [tree], "commit": [parent, tip]}
    gone = {"blob": BLOB, "tree": tree, "commit": parent}[missing]
    objects[missing].remove(gone)
    answer = push_objects(hub, object_id("commit", tip), objects)
    assert object_id(missing, gone) in answer
    assert "ok refs/heads/new" not in answer
    assert git("for-each-ref", cwd=hub.folder / "repo") == ""


def test_a_file_entry_that_names_a_tree_is_refused(hub: Server) -> None:
    hub.create()
    inner = tree_data((b"100644", b"a", BLOB_ID))
    outer = tree_data((b"100644", b"file", object_id("tree", inner)))
    tip = commit_data(object_id("tree", outer))
    objects = {"blob": [BLOB], "tree": [inner, outer], "commit": [tip]}
    answer = push_objects(hub, object_id("commit", tip), objects)
    assert "\nok refs" not in answer.replace("0016ok", "\nok")
    assert git("for-each-ref", cwd=hub.folder / "repo") == ""


def test_an_object_that_lies_there_proves_nothing(hub: Server) -> None:
    """A pack that came with another ref may hold a commit without its parents."""
    repo = hub.create()
    tree = tree_data((b"100644", b"a", BLOB_ID))
    bad = commit_data(object_id("tree", tree), "1" * 40)
    pack = packed({"blob": [BLOB], "tree": [tree], "commit": [bad]})
    git("index-pack", "--stdin", cwd=repo, stdin=pack)
    line = f"{'0' * 40} {object_id('commit', bad)} refs/heads/new"
    answer = post(hub, commands([line]) + packed({}))
    assert b"ng refs/heads/new missing necessary objects: " + b"1" * 40 in answer


def test_a_ref_that_moved_after_the_packs_were_listed_does_no_harm(
    hub: Server, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refs are read while others push: one may name a commit of a pack that came later."""
    refs = PlainSource.refs

    def with_a_later_one(self: PlainSource, prefixes: Sequence[bytes] | None) -> list[RefLine]:
        found = refs(self, prefixes)
        asked_to_fetch = prefixes is None or b"refs/" not in prefixes
        return found if asked_to_fetch else [*found, RefLine(b"refs/heads/z", "3" * 40, None)]

    monkeypatch.setattr(PlainSource, "refs", with_a_later_one)
    second = commit(work, "second\n")
    git("push", "-q", "origin", "main", cwd=work)
    assert ref(hub, "refs/heads/main") == second


def test_a_ref_to_a_missing_object_is_refused(hub: Server, work: Path) -> None:
    body = commands([f"{'0' * 40} {'2' * 40} refs/heads/ghost"]) + packed({})
    assert b"ng refs/heads/ghost missing necessary objects: " + b"2" * 40 in post(hub, body)
    assert ref(hub, "refs/heads/ghost") == ""


def test_a_branch_stands_at_a_commit_only(hub: Server, work: Path) -> None:
    tree = git("rev-parse", "HEAD^{tree}", cwd=work)
    body = commands([f"{'0' * 40} {tree} refs/heads/tree"]) + packed({})
    assert b"is not a commit" in post(hub, body)
    git("update-ref", "refs/tags/tree", tree, cwd=work)
    git("push", "-q", "origin", "tree", cwd=work)
    assert ref(hub, "refs/tags/tree") == tree


def test_hundreds_of_refs_in_one_push(hub: Server, work: Path) -> None:
    main = git("rev-parse", "main", cwd=work)
    lines = "".join(f"create refs/heads/b/{n} {main}\n" for n in range(300))
    git("update-ref", "--stdin", cwd=work, stdin=lines.encode())
    git("push", "-q", "origin", "refs/heads/b/*:refs/heads/b/*", cwd=work)
    assert len(ref(hub, "refs/heads/b").splitlines()) == 300


def test_odd_branch_names(hub: Server, work: Path) -> None:
    for name in ["ünï", "a/b/c", "%2F", "caf\udce9", "#hash"]:
        git("push", "-q", "origin", f"main:refs/heads/{name}", cwd=work)
        assert ref(hub, f"refs/heads/{name}") == ref(hub, "refs/heads/main")
    assert os.fsdecode(b"caf\xe9") in git("ls-remote", "origin", cwd=work)
