"""Links to bytes: each opens one range, for a quarter of an hour."""

import time

import pytest

from hub_server.errors import Lost
from hub_server.keys import Keys
from hub_server.xet import Bytes, BytesRefused, open_bytes, read_ticket
from hub_server.xet.tickets import bytes_path
from tests.support.large_files import LargeFileHub

KEYS = Keys.of("a secret of tests")
WANTED = Bytes("ab" * 32, 1000, 100, 50)
RANGE = ["bytes=100-149"]


def parts(path: str) -> tuple[str, str]:
    sha256, _, ticket = path.removeprefix("/-/xet/bytes/").partition("?ticket=")
    return sha256, ticket


def test_what_they_open() -> None:
    sha256, ticket = parts(bytes_path(KEYS, WANTED))
    assert read_ticket(KEYS, sha256, ticket, RANGE) == WANTED


@pytest.mark.parametrize(
    "ranges",
    [[], ["bytes=100-"], ["bytes=100-150"], ["bytes=100-148"], ["bytes=0-149"], ["bytes=-50"],
     ["bytes= 100-149"], ["bytes=100-149,0-1"], [*RANGE, *RANGE], ["Bytes=100-149"], ["x"]],
)  # fmt: skip
def test_other_ranges(ranges: list[str]) -> None:
    with pytest.raises(BytesRefused, match="another range"):
        read_ticket(KEYS, *parts(bytes_path(KEYS, WANTED)), ranges)


def test_they_grow_old() -> None:
    sha256, ticket = parts(bytes_path(KEYS, WANTED))
    read_ticket(KEYS, sha256, ticket, RANGE, clock=lambda: time.time() + 890)
    with pytest.raises(BytesRefused, match="expired"):
        read_ticket(KEYS, sha256, ticket, RANGE, clock=lambda: time.time() + 910)


def test_forged_ones() -> None:
    sha256, ticket = parts(bytes_path(KEYS, WANTED))
    for name, text in [
        ("cd" * 32, ticket),
        (sha256, ticket.replace(".100.", ".101.")),
        (sha256, ticket + "x"),
        (sha256, "١" + ticket[1:]),
        (sha256 + "\udcff", ticket),
        (sha256, ""),
    ]:
        with pytest.raises(BytesRefused, match="not one of this hub"):
            read_ticket(KEYS, name, text, RANGE)


def test_bytes_that_are_lost(large_file_hub: LargeFileHub) -> None:
    with pytest.raises(Lost):
        open_bytes(large_file_hub, WANTED, 100, 50)
