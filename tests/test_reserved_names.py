"""No account may take a name that the hub's own addresses begin with."""

import itertools
from collections.abc import Iterator

import pytest

from hub_server import api, web, wire
from hub_server.accounts import names

DOORS = {"api": api, "web": web, "wire": wire}


def segments(door) -> Iterator[list[str]]:
    for route in door.router.routes:
        if path := getattr(route, "path", ""):
            yield path.strip("/").split("/")


@pytest.mark.parametrize("door", DOORS)
def test_first_segments_of_every_route_are_reserved(door):
    firsts = {parts[0] for parts in segments(DOORS[door]) if parts[0]}
    assert firsts
    assert names.unreserved(firsts) == set()


@pytest.mark.parametrize("door", DOORS)
def test_words_after_a_repository_are_not_names_of_repositories(door):
    """Else `/gpt2/tree/main` could be the repository `tree` of a user `gpt2`."""
    words = {
        following
        for parts in segments(DOORS[door])
        for first, following in itertools.pairwise(parts)
        if first.startswith("{") and first.endswith((":id}", ":repo}")) and "{" not in following
    }
    free = {word for word in words if word.lower() not in names.ROUTE_WORDS}
    assert not free
