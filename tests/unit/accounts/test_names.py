import pytest

from hub_server.accounts import names
from hub_server.errors import InvalidName


@pytest.mark.parametrize("name", ["a", "Ada", "01-ai", "h_emo", "x.y", "a" * 96, "deepset", "_x"])
def test_names_people_have(name):
    names.check_namespace_name(name)
    names.check_repo_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", ".a", "a.", "a--b", "a..b", "a.git", "A.GIT", "a" * 97, "a b", "é", "a/b",
     "a\0", "..", "a\n", "a%2Fb", "a\\b", "\udce9", "{0}", "{x!r}"],
)  # fmt: skip
def test_names_nothing_may_have(name):
    for check in (names.check_namespace_name, names.check_repo_name):
        with pytest.raises(InvalidName):
            check(name)


@pytest.mark.parametrize("name", ["api", "API", "datasets", "settings", "xet", "new", "me", "join"])
def test_the_hubs_own_first_segments_are_reserved(name):
    with pytest.raises(InvalidName, match="reserved"):
        names.check_namespace_name(name)
    if name.lower() not in names.ROUTE_WORDS:
        names.check_repo_name(name)


@pytest.mark.parametrize("name", ["tree", "Resolve", "raw", "blob", "commits", "git-upload-pack"])
def test_words_of_addresses_are_no_repositories(name):
    with pytest.raises(InvalidName, match="use this word"):
        names.check_repo_name(name)


def test_full_names_are_two_good_names():
    assert names.split_full_name("Ada/tiny") == ("Ada", "tiny")
    for bad in ("ada", "ada/", "/tiny", "ada/tiny/x", "ada/tree", "-a/b"):
        with pytest.raises(InvalidName):
            names.split_full_name(bad)


def test_segments_that_an_account_could_take_are_told():
    assert names.unreserved(["api", "-", "{namespace}", "datasets", "brand-new-door"]) == {
        "brand-new-door"
    }


def test_keys_survive_any_text():
    assert names.key("Ada/Tiny") == "ada/tiny"
    assert names.key("a\0\udce9").isprintable() is True
    names.key("a\0\udce9").encode()
