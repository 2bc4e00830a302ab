"""Packs made by git are read, packs made by us satisfy git, hostile ones cost nothing."""

import hashlib
import os
import random
import resource
import struct
import threading
import zlib
from pathlib import Path

import pytest
from dulwich.pack import create_delta
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_server.git.deltas import BaseCache, apply_delta, inflate
from hub_server.git.errors import BadPack, ObjectMissing, ObjectTooLarge
from hub_server.git.packfiles import IndexLine, entry_head, write_index, write_pack
from hub_server.git.packs import Pack, PackSet
from hub_server.git.types import NewObject, new_blob
from tests.unit.git.histories import Repo

GARBAGE = random.Random(7)


def catalogue(repo: Repo) -> dict[str, tuple[str, int]]:
    """Kind and size of every object, as git tells them."""
    form = "--batch-check=%(objectname) %(objecttype) %(objectsize)"
    lines = repo.text("cat-file", "--batch-all-objects", form).split("\n")
    return {id: (kind, int(size)) for id, kind, size in (line.split() for line in lines)}


def open_pack(pack: Path) -> Pack:
    return Pack.open(pack, pack.with_suffix(".idx"))


def handmade(folder: Path, *entries: tuple[bytes, bytes]) -> Pack:
    """A pack of these entries (raw id, bytes as they stand in the pack), checked by nobody."""
    data = b"PACK" + struct.pack(">II", 2, len(entries))
    lines = []
    for raw, entry in entries:
        lines.append(IndexLine(raw, zlib.crc32(entry), len(data)))
        data += entry
    digest = hashlib.sha1(data).digest()
    pack = folder / "pack-made.pack"
    pack.write_bytes(data + digest)
    write_index(lines, digest, pack.with_suffix(".idx"))
    return open_pack(pack)


def head(number: int, size: int) -> bytes:
    whole = entry_head("commit", size)
    return bytes([whole[0] & 0x8F | number << 4]) + whole[1:]


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def ref_delta(base: bytes, delta: bytes) -> bytes:
    return head(7, len(delta)) + base + zlib.compress(delta)


@pytest.mark.parametrize("flags", [["--delta-base-offset"], [], ["--depth=0"]])
def test_every_object_of_a_history_is_read(history, tmp_path, flags):
    repo = history(1)
    known = catalogue(repo)
    stem = os.fsencode(tmp_path / "pack")
    repo.git("pack-objects", "-q", *flags, stem, stdin="\n".join(known).encode())
    (path,) = tmp_path.glob("*.pack")
    objects = PackSet([open_pack(path)], cache=BaseCache(2_000))
    for id in random.Random(3).sample(sorted(known), len(known)):
        kind, data = objects.read(id)
        assert (kind, len(data)) == known[id] == (objects.kind(id), objects.size(id))
        assert NewObject(kind, data).id == id
    assert sorted(raw.hex() for raw, _ in objects.packs[0].ids()) == sorted(known)


def test_a_deep_chain_of_deltas_is_read_whatever_the_cache_holds(repo: Repo, tmp_path: Path):
    text = b"".join(b"line %d %d\n" % (n, n * n) for n in range(400))
    ids = [repo.blob(text + b"end %d\n" % n) for n in range(200)]
    flags = ["-q", "--depth=200", "--window=250"]
    repo.git("pack-objects", *flags, os.fsencode(tmp_path / "pack"), stdin="\n".join(ids).encode())
    (path,) = tmp_path.glob("*.pack")
    assert b"chain length = 1" in repo.git("verify-pack", "-v", os.fsencode(path))
    for capacity in (0, 100_000, 10_000_000):
        objects = PackSet([open_pack(path)], cache=BaseCache(capacity))
        for number, id in enumerate(ids):
            assert objects.read(id) == ("blob", text + b"end %d\n" % number)
            assert objects.size(id) == len(text) + len(b"end %d\n" % number)
        assert objects.cache.used <= capacity


def test_our_packs_satisfy_git(repo: Repo):
    news = [new_blob(GARBAGE.randbytes(GARBAGE.randrange(3000))) for _ in range(60)]
    news += [new_blob(b""), new_blob(b"x" * 5_000_000), NewObject("tree", b""), news[0]]
    files = write_pack(iter(news), repo.path / "objects/pack")
    assert files.count == 63
    assert files.size == files.pack.stat().st_size
    assert files.pack.name == f"pack-{files.name}.pack"
    repo.git("verify-pack", os.fsencode(files.pack))
    repo.git("fsck", "--full")
    index = files.idx.read_bytes()
    repo.git("index-pack", "-o", "again.idx", os.fsencode(files.pack))
    assert (repo.path / "again.idx").read_bytes() == index
    pack = Pack.open(files.pack, files.idx)
    objects = PackSet([pack])
    for new in news:
        assert objects.read(new.id) == (new.kind, new.data)
    assert pack.name == files.name
    for raw, offset in pack.ids():
        entry = pack.data[offset : pack.end_of(offset)]
        assert zlib.crc32(entry) == pack.crc_at(pack.position(raw))


def test_a_pack_that_cannot_be_written_leaves_nothing(tmp_path: Path):
    def broken():
        yield new_blob(b"one")
        raise InterruptedError

    with pytest.raises(InterruptedError):
        write_pack(broken(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_packs_share_a_cache_but_never_each_others_bytes(tmp_path: Path):
    """Even when a pack calls itself by the name of another one."""
    cache = BaseCache()
    for text in (b"first ", b"other "):
        base, new = new_blob(text * 100), new_blob(text * 99 + b"end")
        delta = b"".join(create_delta(base.data, new.data))
        folder = tmp_path / text.decode().strip()
        folder.mkdir()
        whole = entry_head("blob", len(base.data)) + zlib.compress(base.data)
        raw = bytes.fromhex(base.id)
        pack = handmade(folder, (raw, whole), (bytes.fromhex(new.id), ref_delta(raw, delta)))
        assert PackSet([pack], cache=cache).read(new.id) == ("blob", new.data)
    assert cache.used > 0


def test_what_need_not_last_is_the_same_on_disk(tmp_path: Path):
    news = [new_blob(b"a"), new_blob(b"b")]
    quick = write_pack(news, tmp_path, durable=False)
    contents = quick.pack.read_bytes(), quick.idx.read_bytes()
    slow = write_pack(news, tmp_path)
    assert (slow.pack.read_bytes(), slow.idx.read_bytes()) == contents


def test_an_empty_pack_is_a_pack(tmp_path: Path):
    files = write_pack([], tmp_path)
    pack = Pack.open(files.pack, files.idx)
    assert (pack.count, list(pack.ids())) == (0, [])
    objects = PackSet([pack])
    assert "1" * 40 not in objects
    assert objects.read_prefix("1") == []


def test_objects_are_found_among_many_packs(tmp_path: Path):
    news = [[new_blob(b"%d/%d" % (n, m)) for m in range(3)] for n in range(120)]
    packs = [open_pack(write_pack(group, tmp_path).pack) for group in news]
    objects = PackSet(packs)
    for new in random.Random(1).sample([new for group in news for new in group], 360):
        assert new.id in objects
        assert objects.read(new.id) == ("blob", new.data)
    for wrong in ("0" * 40, "f" * 40, "ab", "", "x" * 40, "é", None, 7):
        assert wrong not in objects
    with pytest.raises(ObjectMissing):
        objects.read("0" * 40)
    for method in (objects.kind, objects.size):
        with pytest.raises(ObjectMissing):
            method("not an id")


def test_abbreviated_ids(tmp_path: Path):
    news = [new_blob(b"%d" % n) for n in range(900)]
    packs = [open_pack(write_pack(part, tmp_path).pack) for part in (news[:500], news[400:])]
    extra = new_blob(b"extra")
    objects = PackSet(packs, {extra.id: extra})
    ids = sorted({new.id for new in [*news, extra]})
    for prefix in ("a", "00", "ff", extra.id[:5], extra.id, extra.id.upper()[:9], "123"):
        assert objects.read_prefix(prefix) == [id for id in ids if id.startswith(prefix.lower())]
    for nonsense in ("xyz", "12 3", "é", "0" * 41, "0" * 42):
        assert objects.read_prefix(nonsense) == []


def test_new_objects_are_read_beside_stored_ones(tmp_path: Path):
    stored, extra = new_blob(b"stored"), NewObject("commit", b"not even a commit")
    pack = open_pack(write_pack([stored], tmp_path).pack)
    plain = PackSet([pack])
    objects = plain.with_extra({extra.id: extra})
    assert extra.id not in plain
    assert objects.read(extra.id) == ("commit", extra.data)
    assert (objects.kind(extra.id), objects.size(extra.id)) == ("commit", 17)
    assert objects.read(stored.id) == ("blob", b"stored")
    other = write_pack([new_blob(b"other")], tmp_path)
    assert new_blob(b"other").id in objects.with_packs([open_pack(other.pack)])


def test_the_base_of_a_thin_delta_is_found_in_another_pack_and_in_new_objects(tmp_path: Path):
    base, new = new_blob(b"base " * 100), new_blob(b"base " * 99 + b"end")
    delta = b"".join(create_delta(base.data, new.data))
    thin = handmade(tmp_path, (bytes.fromhex(new.id), ref_delta(bytes.fromhex(base.id), delta)))
    stored = open_pack(write_pack([base], tmp_path).pack)
    for objects in (PackSet([thin, stored]), PackSet([thin], {base.id: base})):
        assert objects.read(new.id) == ("blob", new.data)
        assert (objects.kind(new.id), objects.size(new.id)) == ("blob", len(new.data))
    with pytest.raises(ObjectMissing):
        PackSet([thin]).read(new.id)


def test_many_threads_read_at_once(history):
    objects = PackSet(history(3).objects().packs, cache=BaseCache(20_000))
    ids = [raw.hex() for raw, _ in objects.packs[0].ids()]
    wrong: list[str] = []

    def read(seed: int) -> None:
        for id in random.Random(seed).choices(ids, k=400):
            kind, data = objects.read(id)
            if NewObject(kind, data).id != id:
                wrong.append(id)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert 0 < objects.cache.used <= 20_000


def test_a_delta_bomb_is_refused_before_it_grows(tmp_path: Path):
    base = new_blob(b"\0" * 65_536)
    copies = b"\x80" * 40_000  # each copies 64 kB: 2.6 GB in all
    claims = {"honest": 65_536 * 40_000, "modest": 90_000_000, "tiny": 65_536}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, claim in claims.items():
        delta = varint(65_536) + varint(claim) + copies
        folder = tmp_path / name
        folder.mkdir()
        pack = handmade(
            folder,
            (bytes.fromhex(base.id), entry_head("blob", 65_536) + zlib.compress(base.data)),
            (b"\1" * 20, ref_delta(bytes.fromhex(base.id), delta)),
        )
        assert pack.size < 1000
        objects = PackSet([pack])
        assert objects.size("01" * 20) == claim
        with pytest.raises((BadPack, ObjectTooLarge)):
            objects.read("01" * 20)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 120_000_000


def test_an_inflation_bomb_is_refused(tmp_path: Path):
    bomb = zlib.compress(bytes(50_000_000), 9)
    pack = handmade(
        tmp_path,
        (b"\1" * 20, entry_head("blob", 100) + bomb),
        (b"\2" * 20, entry_head("blob", 50_000_000) + bomb),
    )
    objects = PackSet([pack], limit=1_000_000)
    with pytest.raises(BadPack):
        objects.read("01" * 20)
    with pytest.raises(ObjectTooLarge) as refused:
        objects.read("02" * 20)
    assert "LFS" in str(refused.value)
    assert refused.value.status == 413
    assert PackSet([pack]).read("02" * 20) == ("blob", bytes(50_000_000))


def test_deltas_in_a_ring_end(tmp_path: Path):
    delta = varint(3) + varint(3) + b"\x90\x03"
    one, two = b"\1" * 20, b"\2" * 20
    pack = handmade(tmp_path, (one, ref_delta(two, delta)), (two, ref_delta(one, delta)))
    objects = PackSet([pack])
    for method in (objects.read, objects.kind):
        with pytest.raises(BadPack):
            method(one.hex())


@pytest.mark.parametrize(
    "entry",
    [
        head(5, 3) + zlib.compress(b"abc"),
        head(0, 3) + zlib.compress(b"abc"),
        head(6, 3) + b"\x7f" + zlib.compress(b"abc"),
        head(6, 3) + b"\x00" + zlib.compress(b"abc"),
        entry_head("blob", 4) + zlib.compress(b"abc"),
        entry_head("blob", 2) + zlib.compress(b"abc"),
        entry_head("blob", 3) + b"no zlib at all",
        entry_head("blob", 300_000) + zlib.compress(bytes(300_000))[:20],
        b"\xb0" + b"\xff" * 60,
        ref_delta(b"\2" * 20, b"\x03"),
        ref_delta(b"\2" * 20, b"\xff" * 30),
    ],
)
def test_damaged_entries_are_named_so(tmp_path: Path, entry: bytes):
    good = (b"\2" * 20, entry_head("blob", 3) + zlib.compress(b"abc"))
    objects = PackSet([handmade(tmp_path, (b"\1" * 20, entry), good)], limit=10**30)
    with pytest.raises(BadPack):
        objects.read("01" * 20)


def test_files_that_are_no_pack_or_not_a_pair_are_refused(tmp_path: Path):
    one = write_pack([new_blob(b"one")], tmp_path)
    two = write_pack([new_blob(b"two")], tmp_path)
    with pytest.raises(BadPack):
        Pack.open(one.pack, two.idx)
    with pytest.raises(FileNotFoundError):
        Pack.open(tmp_path / "none.pack", one.idx)
    pack, idx = one.pack.read_bytes(), one.idx.read_bytes()
    for number, (left, right) in enumerate(
        [(b"", idx), (pack, b""), (pack[:-3], idx), (pack, idx[:-7]), (idx, idx), (pack, pack),
         (pack, idx[:8] + b"\0\0\0\5" + idx[12:]), (b"PACK" + bytes(8) + pack[12:], idx)]
    ):  # fmt: skip
        (tmp_path / f"{number}.pack").write_bytes(left)
        (tmp_path / f"{number}.idx").write_bytes(right)
        with pytest.raises(BadPack):
            Pack.open(tmp_path / f"{number}.pack", tmp_path / f"{number}.idx")


def test_offsets_beyond_two_gigabytes(tmp_path: Path):
    lines = [
        IndexLine(bytes([n]) * 20, n, offset) for n, offset in enumerate((12, 2**31 + 5, 2**40))
    ]
    write_index(lines, b"\7" * 20, tmp_path / "big.idx")
    sparse = tmp_path / "big.pack"
    sparse.write_bytes(b"PACK" + struct.pack(">II", 2, 3) + b"\7" * 20)
    pack = open_pack(sparse)
    assert [offset for _, offset in pack.ids()] == [12, 2**31 + 5, 2**40]
    assert pack.end_of(12) == 2**31 + 5


def test_large_packs_are_closed(tmp_path: Path):
    files = write_pack([new_blob(GARBAGE.randbytes(200_000))], tmp_path)
    pack = Pack.open(files.pack, files.idx)
    pack.close()
    with pytest.raises(ValueError, match="closed"):
        pack.entry(12)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=300), st.booleans())
def test_deltas_are_applied_the_same_way_by_both_means(base, extra, counting):
    new = extra[:40] + base[5:200] + extra[40:] + base[:9]
    delta = b"".join(create_delta(base, new))
    limit = len(new) if counting else 10**9  # a tight limit forbids the unchecked way
    assert apply_delta(base, delta, limit) == new


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60), st.binary(min_size=0, max_size=40), st.booleans())
def test_damaged_deltas_never_yield_more_than_they_declare(base, noise, counting):
    target = noise[0] if noise else 5
    delta = varint(len(base)) + varint(target) + noise
    try:
        result = apply_delta(base, delta, target if counting else 10**9)
    except BadPack:
        return
    assert len(result) == target


def test_a_copy_of_no_stated_size_is_64_kilobytes():
    base = GARBAGE.randbytes(0x10000)
    delta = varint(0x10000) + varint(0x10000) + b"\x80"
    assert apply_delta(base, delta, 0x10000) == apply_delta(base, delta, 10**9) == base


def test_inflating_stops_at_the_declared_size():
    stream = zlib.compress(b"abc")
    assert inflate(stream, 0, 3) == b"abc"
    assert inflate(b"before" + stream + b"after", 6, 3) == b"abc"
    assert inflate(zlib.compress(b""), 0, 0) == b""
    for size in (0, 2, 4):
        with pytest.raises(BadPack):
            inflate(stream, 0, size)
