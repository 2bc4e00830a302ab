"""No account may take a name that the hub's own addresses begin with."""

import itertools
from collections.abc import Iterator

from hub_server.accounts import names
from tests.support.routes import all_routes


def segments() -> Iterator[list[str]]:
    for path, _ in all_routes():
        yield path.strip("/").split("/")


def test_first_segments_of_every_route_are_reserved():
    firsts = {parts[0] for parts in segments() if parts[0]}
    assert {"api", "-", "settings"} <= firsts
    assert names.unreserved(firsts) == set()


def test_words_after_a_repository_are_not_names_of_repositories():
    """Else `/gpt2/tree/main` could be the repository `tree` of a user `gpt2`."""
    words = {
        following
        for parts in segments()
        for first, following in itertools.pairwise(parts)
        if first.startswith("{") and first.endswith((":id}", ":repo}")) and "{" not in following
    }
    assert {"tree", "resolve", "commits"} <= words
    free = {word for word in words if word.lower() not in names.ROUTE_WORDS}
    assert not free
