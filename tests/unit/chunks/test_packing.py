"""Xorbs that the hub writes itself."""

import random
from pathlib import Path

import pytest

from hub_server.chunks import BadXorb, Cutter, XorbWriter, check_xorb, chunk_hash, unpack
from tests.unit.chunks.samples import mixed_parts


def test_a_written_xorb_is_one(tmp_path: Path) -> None:
    parts = mixed_parts(1, 50, 20_000)
    with XorbWriter(tmp_path / "xorb") as writer:
        numbers = [writer.add(part, chunk_hash(part)) for part in parts]
        index = writer.finish()
    packed = (tmp_path / "xorb").read_bytes()
    assert numbers == list(range(50))
    assert check_xorb(packed) == index
    assert index.size == len(packed)
    assert b"".join(unpack(packed)) == b"".join(parts)


def test_a_file_through_all_of_it(tmp_path: Path) -> None:
    data = random.Random(2).randbytes(700_000) + bytes(400_000)
    cutter = Cutter()
    with XorbWriter(tmp_path / "xorb") as writer:
        for chunk in (*cutter.feed(data), *cutter.finish()):
            writer.add(memoryview(chunk), chunk_hash(chunk))
        index = writer.finish()
    packed = (tmp_path / "xorb").read_bytes()
    assert index == check_xorb(packed)
    assert b"".join(unpack(packed)) == data
    assert len(packed) < 720_000


def test_a_xorb_is_full_at_64_mib(tmp_path: Path) -> None:
    part = bytes(131072)
    with XorbWriter(tmp_path / "xorb") as writer:
        assert [writer.add(part, bytes(32)) for _ in range(514)][510:] == [510, 511, None, None]
        assert writer.add(b"x", bytes(32)) is None
        assert writer.finish().unpacked_size() == 64 * 1024**2


def test_a_xorb_is_full_at_8192_chunks(tmp_path: Path) -> None:
    with XorbWriter(tmp_path / "xorb") as writer:
        for number in range(8192):
            assert writer.add(b"x", bytes(32)) == number
        assert writer.add(b"x", bytes(32)) is None
        assert writer.finish().count == 8192


def test_a_writer_writes_no_file_anew_and_nothing_after_its_end(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        XorbWriter(tmp_path / "there")
    with XorbWriter(tmp_path / "xorb") as writer:
        assert writer.finish().count == 0
    with pytest.raises(ValueError, match="closed"):
        writer.add(b"x", bytes(32))
    with pytest.raises(BadXorb):
        check_xorb((tmp_path / "xorb").read_bytes())
