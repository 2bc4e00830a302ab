"""Trees spliced by us are those that `git mktree` and a real index make."""

import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_server.git.errors import BadObject, BadPath, PathConflict
from hub_server.git.packs import PackSet
from hub_server.git.paths import check_path
from hub_server.git.rawtrees import RawTree, differing, parse_tree
from hub_server.git.trees import Put, Remove, RemoveTree, Spliced, entry_at, list_tree, splice, walk
from hub_server.git.types import EMPTY_TREE, EXECUTABLE, LINK, SUBMODULE, NewObject
from tests.unit.git.histories import ODD_NAMES, Repo

NOTHING = PackSet([])
ONE, TWO = "1" * 40, "2" * 40


def made(spliced: Spliced) -> PackSet:
    return PackSet([], spliced.objects)


def built(*paths: bytes, id: str = ONE) -> tuple[str, PackSet]:
    result = splice(NOTHING, None, [Put(path, id) for path in paths])
    return result.tree, made(result)


# names that sort against each other in surprising ways, and ids that look like entries
names = st.sampled_from(
    [b"a", b"a.b", b"a-b", b"a0", b"ab", b"a b", b"A", b"\xff", b"z\n", b"40000 a"]
)
paths = st.lists(names, min_size=1, max_size=3).map(b"/".join)
odd_ids = st.sampled_from(
    [b"100644 a\x00100644 a\x00a".hex().ljust(40, "0")[:40], b"0 a\0".hex().ljust(40, "3"),
     (b" a\0" * 7)[:20].hex(), "0" * 39 + "1", ONE]
)  # fmt: skip
modes = st.sampled_from([0o100644, EXECUTABLE, LINK, SUBMODULE])
puts = st.builds(Put, paths, odd_ids, modes)
edits = st.lists(
    st.one_of(puts, puts, st.builds(Remove, paths), st.builds(RemoveTree, paths)), max_size=8
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Repo:
    return Repo.create(tmp_path_factory.mktemp("splice") / "repo.git")


def git_tree(repo: Repo, files: dict[bytes, tuple[int, str]]) -> str:
    """The root that git makes of these files: mktree, folder by folder, from the leaves up."""
    folders: dict[bytes, dict[bytes, tuple[int, str]]] = {b"": {}}
    for path, value in files.items():
        folder, _, name = path.rpartition(b"/")
        folders.setdefault(folder, {})[name] = value
        while folder:
            folder = folder.rpartition(b"/")[0]
            folders.setdefault(folder, {})
    root = ""
    for folder in sorted(folders, key=lambda path: -path.count(b"/") - (path != b"")):
        lines = [_line(name, *value) for name, value in folders[folder].items()]
        root = repo.text("mktree", "-z", "--missing", stdin=b"".join(lines))
        if folder:
            parent, _, name = folder.rpartition(b"/")
            folders[parent][name] = (0o040000, root)
    return root


def _line(name: bytes, mode: int, id: str) -> bytes:
    kind = {0o040000: b"tree", SUBMODULE: b"commit"}.get(mode, b"blob")
    return b"%06o %s %s\t%s\0" % (mode, kind, id.encode(), name)


def replay(files: dict[bytes, tuple[int, str]], changes: list) -> tuple[dict, list[bytes]]:
    """What the changes mean, on a plain dictionary of paths."""
    files = dict(files)
    missing = []
    for change in changes:
        under = [path for path in files if path.startswith(change.path + b"/")]
        if isinstance(change, Put):
            files[change.path] = (change.mode, change.id)
        elif isinstance(change, Remove):
            if files.pop(change.path, None) is None:
                missing.append(change.path)
        else:
            if not under:
                missing.append(change.path)
            for path in under:
                del files[path]
    return files, missing


def conflicts(files: dict[bytes, tuple[int, str]]) -> bool:
    return any(other.startswith(path + b"/") for path in files for other in files)


@settings(max_examples=300, deadline=None)
@given(st.lists(puts, max_size=12), edits)
def test_splicing_is_what_git_makes_of_the_same_files(shared, start, changes):
    files: dict[bytes, tuple[int, str]] = {}
    for put in start:
        after = {**files, put.path: (put.mode, put.id)}
        files = files if conflicts(after) else after
    base = splice(NOTHING, None, [Put(path, id, mode) for path, (mode, id) in files.items()])
    assert base.tree == git_tree(shared, files)
    wanted, _ = replay(files, changes)
    try:
        done = splice(made(base), base.tree, changes)
    except PathConflict:
        # On the way or at the end some path was both a file and a folder.
        steps = [replay(files, changes[:n])[0] for n in range(len(changes) + 1)]
        assert any(map(conflicts, steps))
        return
    if not conflicts(wanted):
        assert done.tree == git_tree(shared, wanted)
    everything = PackSet([], {**base.objects, **done.objects})
    found = {
        path: (entry.mode, entry.id)
        for path, entry in walk(everything, done.tree)
        if not entry.is_tree
    }
    assert found == wanted


@settings(max_examples=200, deadline=None)
@given(
    st.lists(paths, max_size=8),
    st.lists(st.one_of(st.builds(Remove, paths), st.builds(RemoveTree, paths)), max_size=1),
)
def test_a_removal_of_nothing_is_reported(start, removals):
    files: dict[bytes, tuple[int, str]] = {}
    for path in start:
        after = {**files, path: (0o100644, ONE)}
        files = files if conflicts(after) else after
    base = splice(NOTHING, None, [Put(path, ONE) for path in files])
    _, missing = replay(files, removals)
    done = splice(made(base), base.tree, removals)
    assert done.missing == missing
    if missing:
        assert (done.tree, done.objects if files else {}) == (base.tree, {})


def test_a_put_below_a_file_or_on_a_folder_is_a_conflict():
    tree, objects = built(b"file", b"folder/x")
    for path in (b"file/below", b"folder"):
        with pytest.raises(PathConflict):
            splice(objects, tree, [Put(path, TWO)])
    with pytest.raises(PathConflict):
        splice(objects, tree, [Put(b"new", ONE), Put(b"new/below", ONE)])
    with pytest.raises(PathConflict):
        splice(objects, tree, [Put(b"new/below", ONE), Put(b"new", ONE)])


def test_a_file_and_a_folder_may_change_places_in_one_splice():
    tree, objects = built(b"file", b"folder/x", b"folder/y")
    changes = [Remove(b"file"), Put(b"file/below", TWO), RemoveTree(b"folder"), Put(b"folder", TWO)]
    done = splice(objects, tree, changes)
    assert [(path, entry.is_tree) for path, entry in walk(made(done), done.tree)] == [
        (b"file", True), (b"file/below", False), (b"folder", False)]  # fmt: skip
    emptied = splice(objects, tree, [Remove(b"folder/x"), Remove(b"folder/y"), Put(b"folder", TWO)])
    assert entry_at(made(emptied), emptied.tree, b"folder").is_file


def test_empty_folders_vanish_up_to_the_root():
    tree, objects = built(b"a/b/c/d")
    done = splice(objects, tree, [Remove(b"a/b/c/d")])
    assert done.tree == EMPTY_TREE
    assert done.objects[EMPTY_TREE].data == b""
    assert splice(objects, tree, [RemoveTree(b"")]).tree == EMPTY_TREE
    fresh = splice(objects, tree, [RemoveTree(b""), Put(b"x", ONE)])
    assert [path for path, _ in walk(made(fresh), fresh.tree)] == [b"x"]
    assert splice(NOTHING, None, []).tree == EMPTY_TREE
    assert splice(NOTHING, EMPTY_TREE, [Put(b"x", ONE)]).tree == fresh.tree


def test_a_splice_that_changes_nothing_writes_nothing():
    tree, objects = built(b"a/b", b"c")
    for changes in ([], [Put(b"a/b", ONE)], [Remove(b"no/such")]):
        done = splice(objects, tree, changes)
        assert (done.tree, done.objects) == (tree, {})


def test_only_trees_on_changed_paths_are_read_and_written():
    tree, objects = built(*(b"d%d/f%d" % (n, m) for n in range(5) for m in range(3)))
    kept = {entry.id for path, entry in walk(objects, tree) if path in {b"", b"d3"}}
    few = PackSet([], {id: objects.extra[id] for id in {tree, *kept}})
    done = splice(few, tree, [Put(b"d3/new", TWO)])
    assert len(done.objects) == 2


def test_paths_deeper_than_the_stack_of_python():
    path = b"/".join([b"d"] * 2000)
    tree, objects = built(path)
    assert entry_at(objects, tree, path).is_file
    assert sum(1 for _ in walk(objects, tree)) == 2000
    assert splice(objects, tree, [Remove(path)]).tree == EMPTY_TREE


def test_old_folders_with_a_leading_zero_in_their_mode_are_kept_and_found():
    inner = NewObject("tree", b"100644 x\0" + b"\1" * 20)
    raw = b"100664 a\0" + b"\2" * 20 + b"040000 dir\0" + bytes.fromhex(inner.id)
    outer = NewObject("tree", raw)
    objects = PackSet([], {inner.id: inner, outer.id: outer})
    done = splice(objects, outer.id, [Put(b"b", ONE)])
    assert done.objects[done.tree].data.startswith(b"100664 a\0")
    assert b"040000 dir\0" in done.objects[done.tree].data
    assert entry_at(objects, outer.id, b"dir/x").is_file


def test_entries_are_found_by_path(repo: Repo):
    tree = repo.tree({name: name for name in ODD_NAMES})
    objects = repo.objects()
    for name in ODD_NAMES:
        entry = entry_at(objects, tree, name)
        assert objects.read(entry.id) == ("blob", name)
    assert entry_at(objects, tree, b"").id == tree
    assert entry_at(objects, tree, b"a-b").is_tree
    for absent in (b"nope", b"a-b/", b"a-b/c/d", b"a-", b"/a", b"A", b"deep/er/and/nope"):
        assert entry_at(objects, tree, absent) is None


def test_walking_has_the_order_of_ls_tree(history):
    repo = history(2)
    objects = repo.objects()
    tree = repo.text("rev-parse", "main^{tree}")
    listed = repo.git("ls-tree", "-r", "-t", "-z", "--name-only", "main").split(b"\0")[:-1]
    assert [path for path, _ in walk(objects, tree)] == listed
    below = [path for path in listed if path.startswith(b"d1/")]
    assert [path for path, _ in walk(objects, tree, folder=b"d1")] == below
    assert list(walk(objects, tree, folder=b"no/such")) == []
    assert list(walk(objects, tree, folder=b"plain.txt")) == []


@pytest.mark.parametrize(
    "data",
    [b"100644 a\0" + b"\1" * 19, b"100644 a", b"100644 \0" + b"\1" * 20, b"x" * 40,
     b"\0" + b"100644 a\0" + b"\1" * 20, b"100844 a\0" + b"\1" * 20],
)  # fmt: skip
def test_damaged_trees_are_refused(data):
    with pytest.raises(BadObject):
        parse_tree(data)
    with pytest.raises(BadObject):
        RawTree(data)


def test_only_modes_of_files_may_be_put():
    with pytest.raises(BadObject):
        splice(NOTHING, None, [Put(b"a", ONE, 0o40000)])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(names, odd_ids, max_size=8), st.dictionaries(names, odd_ids, max_size=8))
def test_what_differs_between_two_trees_is_never_overlooked(left, right):
    trees = []
    for files in (left, right):
        result = splice(NOTHING, None, [Put(name, id) for name, id in files.items()])
        data = result.objects[result.tree].data
        trees.append(RawTree(data))
        assert {entry.name: entry.id for entry in parse_tree(data)} == files
    mine, theirs = differing(*trees)
    changed = {name for name in mine if mine[name] != theirs.get(name)}
    assert changed == {name for name in left if left[name] != right.get(name)}
    gone = {name for name in theirs if theirs[name] != mine.get(name)}
    assert gone == {name for name in right if right[name] != left.get(name)}


@pytest.mark.parametrize("files", [1, 127, 128, 129, 1000])
def test_every_place_in_folders_of_all_sizes_is_found(files):
    known = [b"f%05d" % (2 * n) for n in range(files)]
    tree, objects = built(*known)
    raw = RawTree(objects.read(tree)[1])
    for at, name in enumerate(known):
        assert raw.find(name).name == name
        slot = raw.slot(b"f%05d" % (2 * at - 1), is_tree=False)
        assert slot.entry is None
        assert slot.start == slot.end == at * 34
    assert raw.slot(b"g", is_tree=True).start == len(raw.data)


@pytest.mark.parametrize(
    "path",
    [b"a", b"a/b.txt", b".gitignore", b".gitattributes", b"x/.github/y", b"git", b"a..b", b"...",
     b"caf\xe9", "日本/語".encode(), b"new\nline", b".git2", b"git~2", b"x" * 255],
)  # fmt: skip
def test_harmless_paths_are_taken(path):
    check_path(path)


@pytest.mark.parametrize(
    "path",
    [b"", b"/a", b"a/", b"a//b", b".", b"..", b"a/../b", b"a/./b", b".git", b".GIT/config",
     b"a/.Git/hooks", b"git~1", b"GIT~1/x", b".git.", b".git ", b".git . .", b".git:$DATA",
     ".g\u200cit/x".encode(), ".\ufeffgit".encode(), b"a\\b", b"a\0b",
     b"x" * 256, b"x/" * 2100 + b"x"],
)  # fmt: skip
def test_paths_that_some_computer_would_take_for_another_are_refused(path):
    with pytest.raises(BadPath):
        check_path(path)
    with pytest.raises(BadPath):
        splice(NOTHING, None, [Put(path, ONE)])


def test_git_itself_accepts_what_is_spliced(repo: Repo):
    blob = repo.blob(b"x")
    result = splice(NOTHING, None, [Put(name, blob) for name in ODD_NAMES])
    for new in result.objects.values():
        command = ["git", "hash-object", "-w", "-t", "tree", "--stdin"]
        done = subprocess.run(
            command, cwd=repo.path, input=new.data, capture_output=True, check=True
        )
        assert done.stdout.decode().strip() == new.id
    repo.git("fsck", "--strict", result.tree)
    assert len(list_tree(made(result), result.tree)) == len({n.split(b"/")[0] for n in ODD_NAMES})


def test_one_file_among_a_hundred_thousand_in_one_folder_costs_milliseconds():
    lines = b"".join(b"100644 file%06d.bin\0" % n + b"%020d" % n for n in range(100_000))
    tree = NewObject("tree", lines)
    objects = PackSet([], {tree.id: tree})
    start = time.perf_counter()
    done = splice(objects, tree.id, [Put(b"file050000.bin", ONE), Put(b"file050000.bim", TWO)])
    assert time.perf_counter() - start < 0.1
    assert entry_at(made(done), done.tree, b"file050000.bin").id == ONE
    assert entry_at(made(done), done.tree, b"file050000.bim").id == TWO
    assert len(done.objects[done.tree].data) == len(lines) + 7 + 14 + 1 + 20
