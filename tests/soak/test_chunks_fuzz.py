"""Fifty thousand damaged xorbs and as many shards: refused, or read as what they say."""

from collections.abc import Callable

import pytest

from tests.soak.state import scaled
from tests.unit.chunks.mutations import judge_shard, judge_xorb

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]

FIRST = 1_000_000


@pytest.mark.parametrize("judge", [judge_xorb, judge_shard])
def test_damaged(judge: Callable[[int], bool]) -> None:
    count = scaled(50_000)
    accepted = sum(judge(seed) for seed in range(FIRST, FIRST + count))
    print(f"{judge.__name__}: {count} damaged, {accepted} still sound, {count - accepted} refused")
    assert accepted < count
