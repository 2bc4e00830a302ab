"""Changes: commits in two layouts, comparisons, and rolling a branch back."""

import re
from pathlib import Path

import pytest

from tests.support.gitclient import GitClient
from tests.support.server import LiveHub, LiveUser
from tests.web.site import Visitor, links, words

pytestmark = pytest.mark.git

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


def started(ada: LiveUser, git: GitClient) -> tuple[str, Path]:
    repo = ada.make_repo()
    clone = git.clone(ada.git_url(repo), repo.rpartition("/")[2])
    git.commit(clone, {"a.txt": "one\ntwo\n", "cat.png": PNG}, "First")
    return repo, clone


def push(git: GitClient, clone: Path, branch: str = "main") -> None:
    git("push", "-q", "origin", f"HEAD:{branch}", cwd=clone)


def test_a_commit_in_two_columns_with_pictures_and_folds(
    hub: LiveHub, ada: LiveUser, git: GitClient
) -> None:
    repo, clone = started(ada, git)
    first = git("rev-parse", "HEAD", cwd=clone)
    many = "".join(f"<i>{number}\n" for number in range(500))
    files = {"a.txt": "one\n2\nthree\n", "cat.png": PNG + b"x", "many.txt": many}
    last = git.commit(clone, files, "Second")
    push(git, clone)
    with Visitor(hub) as guest:
        page = guest.get(f"/{repo}/commit/{last}")
        assert f'src="/{repo}/resolve/{first}/cat.png"' in page
        assert f'src="/{repo}/resolve/{last}/cat.png"' in page
        assert "500 changed lines, folded" in words(page)
        assert "<i>" not in page
        assert f"/{repo}/commit/{last}?view=split" in links(page)
        split = guest.get(f"/{repo}/commit/{last}?view=split")
        row = re.search(r"<tr><td[^>]*>2</td>.*?</tr>", split)
        assert row
        assert words(row[0]) == "2 two 2 2"
        assert 'class="is-none"' in split
        assert "Roll back" not in page


def test_two_branches_compared(hub: LiveHub, ada: LiveUser, git: GitClient) -> None:
    repo, clone = started(ada, git)
    push(git, clone)
    git.commit(clone, {"b.txt": "on the branch\n"}, "On a branch")
    push(git, clone, "feat/x")
    git("checkout", "-q", "HEAD~1", cwd=clone)
    git.commit(clone, {"main.txt": "main goes on\n"}, "Main goes on")
    push(git, clone)
    with Visitor(hub) as guest:
        choice = guest.get(f"/{repo}/compare")
        assert '<option value="feat/x">' in choice
        asked = guest.client.get(f"/{repo}/compare?base=main&head=feat/x")
        assert asked.headers["location"] == f"/{repo}/compare/main...feat/x"
        for spec in ("main...feat/x", "main...feat%2Fx", "main..feat/x", "feat/x"):
            text = words(guest.get(f"/{repo}/compare/{spec}"))
            assert "On a branch" in text
            assert "on the branch" in text
            assert "main goes on" not in text
        swapped = words(guest.get(f"/{repo}/compare/feat/x...main"))
        assert "main goes on" in swapped
        same = words(guest.get(f"/{repo}/compare/main...main"))
        assert "Nothing to see between these two" in same
        refused = guest.get(f"/{repo}/compare/main...no-such", 404)
        assert "Invalid rev id: no-such" in words(refused)
        assert 'value="no-such"' in refused
        assert "Compare" in words(guest.get(f"/{repo}/tree/feat%2Fx"))


def test_a_branch_is_rolled_back_by_those_who_may_write(
    hub: LiveHub, ada: LiveUser, bob: LiveUser, git: GitClient
) -> None:
    repo, clone = started(ada, git)
    first = git("rev-parse", "HEAD", cwd=clone)
    git.commit(clone, {"a.txt": "broken\n", "b.txt": "b\n"}, "Break it")
    push(git, clone)
    place = f"/{repo}/rollback/{first}"
    with Visitor(hub) as guest, Visitor(hub) as other, Visitor(hub) as owner:
        guest.get(place, 401)
        other.sign_in(bob).get(place, 403)
        owner.sign_in(ada)
        assert place in links(owner.get(f"/{repo}/commit/{first}"))
        page = owner.get(place)
        assert "2 files would change" in words(page)
        assert "changes a.txt" in words(page)
        assert "goes b.txt" in words(page)
        head = re.search(r'name="head" value="([0-9a-f]{40})"', page)
        assert head
        git.commit(clone, {"c.txt": "meanwhile\n"}, "Meanwhile")
        push(git, clone)
        late = owner.submit(place, expect=412, branch="main", head=head[1], message="Back")
        assert "updated since you opened" in words(late.text)
        done = owner.submit(place, branch="main", message="Back to the first")
        made = owner.get(done.headers["location"])
        assert "Back to the first" in words(made)
        assert words(owner.get(f"/{repo}/blob/main/a.txt")).endswith("1 one 2 two")
        owner.get(f"/{repo}/blob/main/b.txt", 404)
        assert "Meanwhile" in words(owner.get(f"/{repo}/commits/main"))
        assert "nothing to change" in words(owner.get(place))
        assert "already" in words(owner.submit(place, expect=409, branch="main").text)
        owner.get(f"{place}?branch=none", 404)
        owner.get(f"/{repo}/rollback/{'0' * 40}", 404)
