"""Damaged xorbs and shards are refused, or what is read of them is true."""

from hub_server.chunks import check_xorb, read_shard
from tests.unit.chunks.mutations import judge_shard, judge_xorb, some_xorb
from tests.unit.chunks.samples import some_shard

EACH = 250


def test_the_samples_are_sound() -> None:
    for seed in range(20):
        assert check_xorb(some_xorb(seed)).count
        assert read_shard(some_shard(seed)).files


def test_damaged_xorbs() -> None:
    accepted = sum(judge_xorb(seed) for seed in range(EACH))
    assert 0 < accepted < EACH // 2


def test_damaged_shards() -> None:
    accepted = sum(judge_shard(seed) for seed in range(EACH))
    assert 0 < accepted < EACH // 2
