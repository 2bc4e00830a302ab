import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_server.git.errors import BadRefName
from hub_server.git.refs import branch_ref, check_ref_name, short_name, tag_ref

PIECES = [
    b"a",
    b"/",
    b".",
    b"..",
    b"@",
    b"{",
    b"@{",
    b"\\",
    b".lock",
    b"~",
    b" ",
    b"*",
    b"\xc3\xa9",
]


def git_accepts(name: bytes) -> bool:
    return subprocess.run(["git", "check-ref-format", name], check=False).returncode == 0


def we_accept(name: bytes) -> bool:
    try:
        check_ref_name(name)
    except BadRefName:
        return False
    return True


@settings(max_examples=250, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=0, max_size=5).map(b"".join))
def test_names_are_judged_as_git_judges_them(tail):
    name = b"refs/heads/" + tail
    assert we_accept(name) == git_accepts(name)


@pytest.mark.parametrize(
    "name",
    [b"HEAD", b"refs/heads", b"refs/heads/", b"refs/notes/x", b"refs/remotes/origin/main", b"main",
     b"refs/heads/" + b"x" * 1100, b"refs/heads/a\0b", b"refs/heads/a\nb", b""],
)  # fmt: skip
def test_other_places_and_impossible_names_are_refused(name):
    assert not we_accept(name)


def test_pull_requests_and_converted_files_have_places():
    for name in (b"refs/pr/1", b"refs/convert/parquet", b"refs/tags/v1.0", b"refs/heads/a/b"):
        check_ref_name(name)


@pytest.mark.parametrize("name", ["HEAD", "-x", "a" * 40, "", "a..b", "a b"])
def test_branches_that_would_be_taken_for_something_else_are_refused(name):
    with pytest.raises(BadRefName):
        branch_ref(name)


def test_short_names_are_what_people_type():
    assert short_name(branch_ref("feature/é")) == "feature/é"
    assert short_name(tag_ref("v1")) == "v1"
    assert short_name(b"refs/pr/3") == "refs/pr/3"
    with pytest.raises(BadRefName):
        tag_ref("-v1")
