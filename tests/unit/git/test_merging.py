"""Packs made into one: every object, by real git and by ourselves, and nothing that is damaged."""

import random
import subprocess
import zlib
from pathlib import Path

import pytest

from hub_server.git import BadPack, GitProgram, NewObject, Pack, PackFiles, PackSet, new_blob
from hub_server.git.merging import check_merged, merge_packs
from hub_server.git.packfiles import IndexLine, write_index, write_pack

GIT = GitProgram.find("git")
BOTH = pytest.mark.parametrize("git", [GIT, None], ids=["git", "native"])
pytestmark = pytest.mark.git


def run(*words: str | Path, cwd: Path, given: str = "") -> str:
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": "/nonexistent",
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b",
    }  # fmt: skip
    return subprocess.run(
        ["git", *words], cwd=cwd, input=given, text=True, check=True, capture_output=True,
        env=environment,
    ).stdout  # fmt: skip


@pytest.fixture
def sources(tmp_path: Path) -> list[tuple[Path, Path]]:
    """Packs with chains of deltas, some of them on objects that other packs hold as deltas too."""
    work = tmp_path / "work"
    run("init", "-q", "-b", "main", str(work), cwd=tmp_path)
    chance = random.Random(5)
    lines = [f"{chance.random()}" for _ in range(400)]
    for turn in range(5):
        for number in range(6):
            lines[chance.randrange(len(lines))] = f"turn {turn} {number}"
            (work / "text").write_text("\n".join(lines))
            (work / f"f{number}").write_text(f"{turn}{number}")
            run("add", "-A", cwd=work)
            run("commit", "-q", "-m", f"{turn}.{number}", cwd=work)
        run("tag", "-a", "-m", "tagged", f"v{turn}", cwd=work)
        words = ["repack", "-q", "-a", "-d"] if turn == 2 else ["repack", "-q", "-d"]
        run(*words, cwd=work)
        all_ids = run("rev-list", "--objects", "--all", "--no-object-names", cwd=work)
        run("pack-objects", "-q", f"../extra{turn}", cwd=work, given=all_ids)
    folder = work / ".git/objects/pack"
    paths = [*folder.glob("*.pack"), *tmp_path.glob("extra*.pack")]
    return [(path, path.with_suffix(".idx")) for path in sorted(paths)]


def objects(*files: tuple[Path, Path]) -> dict[str, tuple[str, bytes]]:
    packs = PackSet([Pack.open(*each) for each in files])
    return {raw.hex(): packs.read(raw.hex()) for pack in packs.packs for raw, _ in pack.ids()}


def empty(tmp_path: Path, name: str = "out") -> Path:
    (tmp_path / name).mkdir()
    return tmp_path / name


@BOTH
def test_every_object_is_there(
    sources: list[tuple[Path, Path]], tmp_path: Path, git: GitProgram | None
) -> None:
    merged = merge_packs(sources, empty(tmp_path), git=git)
    assert merged
    assert objects((merged.pack, merged.idx)) == objects(*sources)
    assert merged.count == len(objects(*sources))
    assert merged.size == merged.pack.stat().st_size < sum(p.stat().st_size for p, _ in sources)
    run("verify-pack", str(merged.idx), cwd=tmp_path)
    assert merged.pack.name == f"pack-{merged.name}.pack"
    assert all(path.exists() for pair in sources for path in pair)


@BOTH
def test_all_but_some(
    sources: list[tuple[Path, Path]], tmp_path: Path, git: GitProgram | None
) -> None:
    """Deltas whose base goes are made whole, or deltas on something else."""
    before = objects(*sources)
    chance = random.Random(8)
    gone = {each for each in before if chance.random() < 0.5}
    merged = merge_packs(sources, empty(tmp_path), git=git, without=set(map(bytes.fromhex, gone)))
    assert merged
    assert objects((merged.pack, merged.idx)) == {k: v for k, v in before.items() if k not in gone}
    run("verify-pack", str(merged.idx), cwd=tmp_path)
    everything = set(map(bytes.fromhex, before))
    assert merge_packs(sources, empty(tmp_path, "none"), git=git, without=everything) is None


@BOTH
def test_an_object_above_every_limit_of_ours(tmp_path: Path, git: GitProgram | None) -> None:
    data = random.Random(2).randbytes(1000) * 120_000
    packs = [write_pack([new_blob(data + bytes([n]))], tmp_path) for n in range(2)]
    merged = merge_packs([(p.pack, p.idx) for p in packs], empty(tmp_path), git=git)
    assert merged
    assert merged.count == 2


@BOTH
@pytest.mark.parametrize("where", ["middle", "trailer"])
def test_a_damaged_source_is_refused(tmp_path: Path, git: GitProgram | None, where: str) -> None:
    blobs = [new_blob(random.Random(n).randbytes(5000)) for n in range(6)]
    first, second = write_pack(blobs[:3], tmp_path), write_pack(blobs[3:], tmp_path)
    data = bytearray(first.pack.read_bytes())
    data[len(data) // 2 if where == "middle" else -1] ^= 1
    first.pack.unlink()
    first.pack.write_bytes(data)
    with pytest.raises(BadPack):
        merge_packs([(f.pack, f.idx) for f in (first, second)], empty(tmp_path), git=git)


@BOTH
def test_a_program_that_cannot_is_done_without(
    sources: list[tuple[Path, Path]], tmp_path: Path, git: GitProgram | None
) -> None:
    broken = GitProgram("/bin/false") if git else GitProgram("git", memory=1 << 20)
    merged = merge_packs(sources, empty(tmp_path), git=broken)
    assert merged
    assert objects((merged.pack, merged.idx)) == objects(*sources)


@BOTH
def test_what_does_not_hold_what_it_should_is_not_let_out(
    tmp_path: Path, git: GitProgram | None
) -> None:
    blobs = [new_blob(b"%d" % n) for n in range(3)]
    ids = {bytes.fromhex(blob.id) for blob in blobs}
    good = write_pack(blobs, tmp_path)
    check_merged(good, ids, empty(tmp_path, "a"), git=git)
    for wrong in (ids | {bytes(20)}, set(list(ids)[:2])):
        with pytest.raises(BadPack, match="does not hold"):
            check_merged(good, wrong, empty(tmp_path, f"b{len(wrong)}"), git=git)
    liar = _with_other_content(blobs, tmp_path)
    with pytest.raises(BadPack):
        check_merged(liar, ids, empty(tmp_path, "c"), git=git)


def _with_other_content(blobs: list[NewObject], tmp_path: Path) -> PackFiles:
    """A pack whose checksums are right and whose index names other objects."""
    other = write_pack([new_blob(b"x%d" % n) for n in range(3)], tmp_path)
    pack = Pack.open(other.pack, other.idx)
    offsets = sorted(offset for _, offset in pack.ids())
    raws = sorted(bytes.fromhex(blob.id) for blob in blobs)
    data = other.pack.read_bytes()
    lines = [
        IndexLine(raw, zlib.crc32(data[offset : pack.end_of(offset)]), offset)
        for raw, offset in zip(raws, offsets, strict=True)
    ]
    other.idx.unlink()
    write_index(lines, data[-20:], other.idx)
    return other
