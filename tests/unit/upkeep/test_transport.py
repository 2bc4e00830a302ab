"""Repositories leave the hub as Git and git-lfs know them, and come in from what those made."""

import json
import re
import resource
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update

from hub_server import faults
from hub_server.db.tables.git import GitRef
from hub_server.db.tables.objects import ObjectLink
from hub_server.db.tables.repos import Repo
from hub_server.errors import Conflict
from hub_server.git.errors import GitError
from hub_server.gitstore import DamagedPack, GitStore
from hub_server.lfs import Pointer, format_pointer
from hub_server.upkeep.exporting import every_repository, export, folder_of
from hub_server.upkeep.import_source import NotImportable
from hub_server.upkeep.importing import Imported, Wish, import_repository
from tests.support.gitclient import GitClient
from tests.support.xorbs import noise
from tests.unit.upkeep.backups import MakePlace, Place, make_place

__all__ = ["make_place"]
pytestmark = pytest.mark.git
MAIN, PULL = b"refs/heads/main", b"refs/pr/1"


@pytest.fixture
def lite(make_place: MakePlace) -> Place:
    place = make_place("sqlite")
    place.populate()
    return place


@pytest.fixture(params=["git", "native"])
def place(request: pytest.FixtureRequest, lite: Place) -> Place:
    """With the git program, and without."""
    if request.param == "native":
        return Place(replace(lite.hub, git_program=None), lite.schema)
    return lite


@pytest.fixture
def made(git_lfs: GitClient) -> Path:
    """A repository with branches, both kinds of tags, an LFS file in each of two commits."""
    git_lfs("init", "-q", "made")
    folder = git_lfs.folder / "made"
    git_lfs("lfs", "track", "*.bin", cwd=folder)
    git_lfs.commit(folder, {"a.bin": b"one" * 1000, "ü/é.txt": "text\n"}, "one")
    git_lfs("tag", "light", cwd=folder)
    git_lfs("tag", "-a", "v1", "-m", "annotated", cwd=folder)
    git_lfs.commit(folder, {"a.bin": b"two" * 1000}, "two")
    git_lfs("checkout", "-q", "-b", "feature/x", cwd=folder)
    git_lfs.commit(folder, {"b.txt": "b" * 3000}, "three")
    git_lfs("checkout", "-q", "main", cwd=folder)
    return folder


def bring(place: Place, folder: Path, name: str = "ada/new", **wish: object) -> Imported:
    return import_repository(place.hub, folder, Wish(name, **wish))  # type: ignore[arg-type]


def refs_of(git: GitClient, folder: Path, *patterns: str) -> dict[bytes, str]:
    lines = git("for-each-ref", "--format=%(objectname) %(refname)", *patterns, cwd=folder)
    return {name.encode(): value for value, name in map(str.split, lines.splitlines())}


def test_an_export_is_cloned_by_git_and_git_lfs(
    place: Place, git_lfs: GitClient, tmp_path: Path
) -> None:
    repo = place.named("ada/model")
    done = export(place.hub, repo, tmp_path / "out")
    assert (done.refs, done.large_files, done.missing) == (2, 2, [])
    assert refs_of(git_lfs, tmp_path / "out") == place.refs(repo)
    assert "dangling" not in git_lfs("fsck", "--strict", cwd=tmp_path / "out")
    git_lfs("lfs", "fsck", cwd=tmp_path / "out")
    clone = git_lfs.clone(str(tmp_path / "out"), "clone")
    assert (clone / "big.bin").read_bytes() == b"model" * 9000
    assert (clone / "chunks.bin").read_bytes()[-45_000:] == b"model" * 9000
    assert (clone / "a/ü.txt").read_text() == "model"
    metadata = json.loads((tmp_path / "out/hub.json").read_text())
    assert (metadata["full_name"], metadata["private"]) == ("ada/model", False)


def test_what_was_exported_comes_in_again_as_it_was(place: Place, tmp_path: Path) -> None:
    repo = place.named("ada/dataset", "dataset")
    with place.database.write() as session:
        session.add(GitRef(repo_id=repo.id, name=PULL, value=place.refs(repo)[MAIN]))
        session.execute(update(Repo).where(Repo.id == repo.id).values(gated="manual"))
    export(place.hub, place.again(repo), tmp_path / "out", pulls=True)
    done = bring(place, tmp_path / "out", pulls=True)
    again = place.named("ada/new", "dataset")
    assert place.refs(again) == place.refs(repo)
    assert (again.private, again.gated, again.head) == (True, "manual", repo.head)
    assert (done.large_files, done.missing) == (2, [])
    assert again.created_by == place.caller().user_id
    bring(place, tmp_path / "out", "ada/less")
    assert PULL not in place.refs(place.named("ada/less", "dataset"))


def test_only_what_refs_reach_leaves_the_hub(
    place: Place, git_lfs: GitClient, tmp_path: Path
) -> None:
    """A branch that was deleted, a pull request, somebody's upload: not a byte of them."""
    repo = place.named("ada/model")
    place.commit(repo, **{"secret.txt": "the password"})
    secret = place.refs(repo)[MAIN]
    with place.database.write() as session:
        tag = select(GitRef.value).where(GitRef.repo_id == repo.id, GitRef.name != MAIN)
        session.execute(
            update(GitRef)
            .where(GitRef.repo_id == repo.id, GitRef.name == MAIN)
            .values(value=session.scalar(tag))
        )
    export(place.hub, repo, tmp_path / "out")
    assert "Not a valid object" in git_lfs.refused("cat-file", "-p", secret, cwd=tmp_path / "out")


def test_a_pointer_to_what_is_not_ours_brings_nothing_out(place: Place, tmp_path: Path) -> None:
    other = place.named("ada/dataset", "dataset")
    sha256 = place.commit_large(other, "private.bin", b"private" * 5000)
    text = format_pointer(Pointer(sha256, 35_000)).decode()
    model = place.named("ada/model")
    place.commit(model, **{"stolen.bin": text})  # its writer may read both
    with place.database.write() as session:
        session.execute(delete(ObjectLink).where(ObjectLink.repo_id == model.id))
    done = export(place.hub, place.named("ada/model"), tmp_path / "out")
    assert sha256 in done.missing
    assert not list((tmp_path / "out/lfs").rglob("*")) if (tmp_path / "out/lfs").exists() else True


def test_lost_and_damaged_large_files_are_named(lite: Place, tmp_path: Path) -> None:
    repo = lite.named("ada/model")
    lost = lite.commit_large(repo, "lost.bin", b"lost" * 5000)
    bad = lite.commit_large(repo, "bad.bin", b"bad!" * 5000)
    lite.blobs.delete(f"lfs/{lost}")
    path = lite.blobs.local_path(f"lfs/{bad}")
    assert path
    path.write_bytes(b"b4d!" * 5000)
    chunks = lite.commit_chunks(repo, "lost-chunks.bin", noise(50_000, 9))
    with lite.database.read() as session:
        found = lite.hub.objects.xet_files.of(session, chunks)
        assert found
        terms = lite.hub.objects.xet_files.terms(session, found.object_id)
    lite.blobs.delete(terms[-1].xorb.key)
    done = export(lite.hub, repo, tmp_path / "out")
    assert sorted(done.missing) == sorted([lost, bad, chunks])
    assert done.large_files == 2


def test_every_repository_at_once(lite: Place, git_lfs: GitClient, tmp_path: Path) -> None:
    lite.repo("ada/empty")
    done = [
        export(lite.hub, repo, folder_of(tmp_path / "all", repo))
        for repo in every_repository(lite.hub)
    ]
    names = sorted(str(path.parent.relative_to(tmp_path / "all"))
                   for path in (tmp_path / "all").rglob("HEAD"))  # fmt: skip
    assert names == ["datasets/ada/dataset.git", "models/ada/empty.git", "models/ada/model.git",
                     "spaces/ada/space.git"]  # fmt: skip
    for each in done:
        git_lfs("fsck", cwd=Path(each.folder))


def test_an_export_replaces_nothing(lite: Place, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("years of work")
    with pytest.raises(Conflict, match="not empty"):
        export(lite.hub, lite.named("ada/model"), tmp_path / "out")
    assert not (tmp_path / "out.partial").exists()


def test_what_a_cut_off_export_left_is_no_repository(lite: Place, tmp_path: Path) -> None:
    repo = lite.named("ada/model")
    name = next(key for key in lite.contents() if re.match(rf"pack/{repo.id}-.*\.pack", key))
    path = lite.blobs.local_path(name)
    assert path
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    git = GitStore(lite.database, lite.blobs, tmp_path / "cache2", 10**9)
    fresh = Place(replace(lite.hub, git=git), lite.schema)
    with pytest.raises(DamagedPack):
        export(fresh.hub, repo, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    path.write_bytes(whole)
    export(fresh.hub, repo, tmp_path / "out")
    assert not (tmp_path / "out.partial").exists()


def test_a_repository_comes_in_with_its_large_files(
    place: Place, made: Path, git_lfs: GitClient
) -> None:
    done = bring(place, made, private=True, owner="bob")
    repo = place.named("ada/new")
    assert place.refs(repo) == refs_of(git_lfs, made)
    assert (done.refs, done.large_files, done.missing) == (4, 2, [])
    assert (repo.private, repo.head) == (True, place.refs(repo)[MAIN])
    assert repo.created_by == place.caller("bob").user_id
    with place.database.read() as session:
        peeled = session.scalar(
            select(GitRef.peeled).where(GitRef.repo_id == repo.id, GitRef.name == b"refs/tags/v1")
        )
        links = session.scalar(select(func.count()).where(ObjectLink.repo_id == repo.id))
    assert peeled == git_lfs("rev-parse", "v1^{commit}", cwd=made)
    assert links == 2
    place.commit(repo, **{"more.txt": "it goes on"})


@pytest.mark.parametrize("packed", [True, False])
def test_loose_packed_bare_and_borrowed_are_alike(
    place: Place, made: Path, git_lfs: GitClient, packed: bool
) -> None:
    if packed:
        git_lfs("gc", "-q", cwd=made)
        git_lfs("pack-refs", "--all", cwd=made)
    want = refs_of(git_lfs, made)
    git_lfs("clone", "-q", "--mirror", str(made), "bare.git")
    git_lfs("clone", "-q", "--shared", "--no-checkout", str(made), "shared")
    git_lfs("worktree", "add", "-q", "--detach", str(git_lfs.folder / "tree"), cwd=made)
    for number, name in enumerate(("made", "bare.git", "shared", "tree", "made/.git")):
        done = bring(place, git_lfs.folder / name, f"ada/n{number}")
        assert place.refs(place.named(f"ada/n{number}")) == want
        assert len(done.missing) == 0  # known to the hub since the first


def test_a_plain_clone_brings_the_branches_of_its_origin(
    place: Place, made: Path, git_lfs: GitClient
) -> None:
    """As `git clone` of the public Hub leaves it; git-lfs fetched what was checked out."""
    git_lfs("branch", "-m", "main", "trunk", cwd=made)
    clone = git_lfs.clone(str(made), "clone")
    git_lfs.commit(clone, {"mine.txt": "here only"}, "mine")
    done = bring(place, clone)
    repo = place.named("ada/new")
    origin = refs_of(git_lfs, made)
    mine = git_lfs("rev-parse", "HEAD", cwd=clone)
    assert place.refs(repo) == {**origin, b"refs/heads/trunk": mine}
    assert (repo.default_branch, repo.head) == ("trunk", mine)
    assert len(done.missing) == 1
    assert [line for line in done.warnings if "large files are not in the folder" in line]
    assert f"a.bin ({done.missing[0]})" in " ".join(done.warnings)


def test_what_a_push_would_be_refused_for_is_told(
    place: Place, git: GitClient, tmp_path: Path
) -> None:
    git("init", "-q", "made")
    folder = tmp_path / "made"
    git.commit(folder, {"README.md": "---\nlicense: 7\npipeline_tag: [x]\n---\n"}, "bad card")
    git.commit(folder, {"deep/large.dat": b"\0" * 11_000_000, "ok.dat": b"\1" * 9_000_000}, "large")
    git("rm", "-q", "deep/large.dat", cwd=folder)
    git.commit(folder, {}, "gone from the tip, not from the history")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12\n"
    git.commit(folder, {"lost.bin": pointer.format("ab" * 32)}, "a pointer to nothing")
    done = bring(place, folder)
    told = " ".join(done.warnings)
    assert "deep/large.dat (11.0 MB)" in told
    assert "ok.dat" not in told
    assert "Invalid metadata in README.md" in told
    assert f"lost.bin ({'ab' * 32})" in told
    assert done.missing == ["ab" * 32]
    repo = place.named("ada/new")
    assert place.refs(repo)[MAIN] == git("rev-parse", "HEAD", cwd=folder)


def test_old_flaws_of_objects_are_told_and_kept(
    lite: Place, git: GitClient, tmp_path: Path
) -> None:
    git("init", "-q", "made")
    folder = tmp_path / "made"
    git.commit(folder, {"a": "a"}, "first")
    blob = git("rev-parse", "HEAD:a", cwd=folder)
    entry = b"040000 x\0" + bytes.fromhex(git("mktree", given=b"", cwd=folder))
    tree = b"100644 a\0" + bytes.fromhex(blob) + entry  # a mode with a zero that no git writes now
    flawed = git(
        "hash-object", "-t", "tree", "-w", "--literally", "--stdin", given=tree, cwd=folder
    )
    commit = git("commit-tree", flawed, "-m", "flawed", "-p", "HEAD", cwd=folder)
    git("update-ref", "refs/heads/main", commit, cwd=folder)
    done = bring(lite, folder)
    assert [line for line in done.warnings if "zero-padded" in line or "zeroPadded" in line]
    assert lite.refs(lite.named("ada/new")) == {MAIN: commit}


def damage_object(folder: Path, git: GitClient) -> str:
    blob = git("rev-parse", "HEAD:a", cwd=folder)
    path = folder / ".git/objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-3])
    return "damaged|failed|cannot|inflate|corrupt"


def remove_object(folder: Path, git: GitClient) -> str:
    blob = git("rev-parse", "HEAD:a", cwd=folder)
    (folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    return f"{blob}|missing|failed|not in this repository"


def make_shallow(folder: Path, git: GitClient) -> str:
    git("clone", "-q", "--depth", "1", f"file://{folder}", "shallow")
    shutil.rmtree(folder)
    (folder.parent / "shallow").rename(folder)
    return "fetch --unshallow"


def use_sha256(folder: Path, git: GitClient) -> str:
    shutil.rmtree(folder)
    git("init", "-q", "--object-format=sha256", str(folder))
    return "objectformat"


def empty_folder(folder: Path, git: GitClient) -> str:
    shutil.rmtree(folder)
    folder.mkdir()
    return "not a Git repository"


@pytest.mark.parametrize(
    "harm", [damage_object, remove_object, make_shallow, use_sha256, empty_folder]
)
def test_what_cannot_be_kept_leaves_nothing(
    place: Place, git: GitClient, tmp_path: Path, harm: Callable[[Path, GitClient], str]
) -> None:
    git("init", "-q", "made")
    git.commit(tmp_path / "made", {"a": "a" * 100}, "one")
    git.commit(tmp_path / "made", {"b": "b" * 100}, "two")
    words = harm(tmp_path / "made", git)
    with pytest.raises((NotImportable, GitError), match=words):
        bring(place, tmp_path / "made")
    assert [repo.full_name for repo in every_repository(place.hub)].count("ada/new") == 0


def test_a_damaged_large_file_counts_as_missing(lite: Place, made: Path) -> None:
    path = next(path for path in (made / ".git/lfs/objects").rglob("*") if path.is_file())
    path.chmod(0o644)
    path.write_bytes(b"?" * path.stat().st_size)
    done = bring(lite, made)
    assert done.missing == [path.name]
    assert f"{path} is damaged" in " ".join(done.warnings)
    assert done.large_files == 1


def test_a_name_that_is_taken_is_left_alone(lite: Place, made: Path) -> None:
    before = lite.refs(lite.named("ada/model"))
    with pytest.raises(Conflict, match="exists and is not empty"):
        bring(lite, made, "ada/model")
    assert lite.refs(lite.named("ada/model")) == before


def test_a_cut_off_import_is_begun_again(place: Place, made: Path, git_lfs: GitClient) -> None:
    for step in ("created", "packed", "large_files", "staged"):
        faults.arm(f"import.{step}:error")
        with pytest.raises(faults.InjectedFault):
            bring(place, made, f"ada/{step.replace('_', '')}")
        faults.arm("")
        bring(place, made, f"ada/{step.replace('_', '')}")
        assert place.refs(place.named(f"ada/{step.replace('_', '')}")) == refs_of(git_lfs, made)


def test_refs_without_a_place_stay_behind_and_are_told(
    lite: Place, made: Path, git_lfs: GitClient
) -> None:
    git_lfs("update-ref", "refs/notes/commits", "HEAD", cwd=made)
    git_lfs("update-ref", "refs/pr/3", "HEAD", cwd=made)
    done = bring(lite, made)
    told = " ".join(done.warnings)
    assert "refs/notes/commits was left out" in told
    assert "refs/pr/3 was left out: a pull request" in told
    assert len(lite.refs(lite.named("ada/new"))) == 4


def test_an_empty_repository_comes_in_empty(lite: Place, git: GitClient, tmp_path: Path) -> None:
    git("init", "-q", "made")
    assert "no branches" in bring(lite, tmp_path / "made").warnings[0]
    assert lite.refs(lite.named("ada/new")) == {}


def test_nothing_of_the_source_is_run_or_written(lite: Place, made: Path, tmp_path: Path) -> None:
    """Its hooks and its configuration belong to strangers."""
    program = tmp_path / "evil.sh"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    for hook in ("pre-auto-gc", "post-index-change", "reference-transaction"):
        shutil.copy(program, made / ".git/hooks" / hook)
    with (made / ".git/config").open("a") as config:
        config.write(f'[core]\n\tfsmonitor = "{program}"\n\tsshCommand = "{program}"\n'
                     f'[uploadpack]\n\tpackObjectsHook = "{program}"\n')  # fmt: skip
    before = sorted(path for path in (made / ".git").rglob("*"))
    subprocess.run(["chmod", "-R", "a-w", str(made)], check=True)
    bring(lite, made)
    assert not (tmp_path / "ran").exists()
    assert sorted(path for path in (made / ".git").rglob("*")) == before
    subprocess.run(["chmod", "-R", "u+w", str(made)], check=True)


def test_memory_stays_flat(lite: Place, git: GitClient, tmp_path: Path) -> None:
    """150 MB of files that do not compress, out and in, in much less memory than that."""
    git("init", "-q", "made")
    folder = tmp_path / "made"
    script = "import os; [open(f'{n}.dat', 'wb').write(os.urandom(5_000_000)) for n in range(30)]"
    subprocess.run(["python3", "-c", script], cwd=folder, check=True)
    git.commit(folder, {}, "large")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bring(lite, folder)
    export(lite.hub, lite.named("ada/new"), tmp_path / "out")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 60_000, f"{grown} kB"  # mappings of packs count in part
