"""Repositories as pages: new, card, files, commits, settings; with real pushes."""

import html
import os
import re
from pathlib import Path

import pytest

from tests.support.gitclient import GitClient
from tests.support.server import LiveHub, LiveUser
from tests.web.site import Visitor, links, words

pytestmark = pytest.mark.git

CARD = """---
license: apache-2.0
language: [en, fr]
pipeline_tag: token-classification
library_name: transformers
tags: [news]
datasets: [{dataset}, nobody/has-this]
model-index:
- name: tiny
  results:
  - task: {{type: token-classification}}
    dataset: {{type: conll2003, name: conll2003}}
    metrics:
    - {{type: f1, value: 0.913, name: F1}}
---
# Tiny

See [the config](config.json), <script>alert(1)</script> and $a^2$.

![cat](pictures/cat.png) ![far](https://example.org/far.png)
"""


def push(git: GitClient, user: LiveUser, repo: str, files: dict[str, str | bytes]) -> Path:
    clone = git.clone(user.git_url(repo), repo.rpartition("/")[2])
    git.commit(clone, files, "Add the model")
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    return clone


def test_a_new_repository_from_the_form(hub: LiveHub) -> None:
    user = hub.make_user()
    org = hub.make_org(None, f"{user.name}:contributor")
    other = hub.make_org(None, f"{user.name}:read")
    with Visitor(hub) as person:
        form = person.sign_in(user).get("/new?kind=dataset&owner=" + org)
        assert re.search(rf'value="{org}" selected', form)
        assert f'value="{other}"' not in form
        assert 'value="dataset" checked' in form
        refused = person.submit("/new", expect=400, owner=user.name, name="bert base")
        assert "cannot be the name of a repository" in words(refused.text)
        assert 'value="bert base"' in refused.text
        done = person.submit(
            "/new", kind="dataset", owner=org, name="words", licence="mit", visibility="private"
        )
        assert done.headers["location"] == f"/datasets/{org}/words"
        page = person.get(f"/datasets/{org}/words")
        assert "private" in words(page)
        assert "MIT" in words(page)
        taken = person.submit("/new", expect=409, kind="dataset", owner=org, name="Words")
        assert "already" in words(taken.text)
        denied = person.submit("/new", expect=403, owner=other, name="x")
        assert "rights to create" in words(denied.text)
        done = person.submit(
            "/new", kind="space", owner=user.name, name="app", sdk="static", licence="mit"
        )
        shown = person.get(f"/spaces/{user.name}/app/blob/main/README.md?plain=1")
        assert "license: mit" in words(shown)
        assert "sdk: static" in words(shown)


def test_a_card_is_shown_with_its_facts_and_nothing_dangerous(
    hub: LiveHub, ada: LiveUser, git: GitClient
) -> None:
    user = ada
    dataset = user.make_repo(kind="dataset")
    repo = user.make_repo()
    push(git, user, repo, {"README.md": CARD.format(dataset=dataset), "config.json": "{}"})
    with Visitor(hub) as guest:
        page = guest.get(f"/{repo}")
        text = words(page)
        assert "<script>alert" not in page
        for said in ("Token classification", "Transformers", "English", "French", "news", "Apache"):
            assert said in text
        assert "91" in text or "0.913" in text
        assert f"/{repo}/blob/main/config.json" in links(page)
        assert f'src="/{repo}/resolve/main/pictures/cat.png"' in page
        assert 'src="https://example.org' not in page
        assert "Picture on example.org" in text
        assert f"/datasets/{dataset}" in links(page)
        assert "/datasets/nobody/has-this" not in links(page)
        assert "<math" in page
        assert f"git clone {hub.url}/{repo}" in page
        assert "could say more" not in text
        assert "Settings" not in text
    with Visitor(hub, "ko") as guest:
        assert "토큰 분류" in words(guest.get(f"/{repo}"))


def test_spellings_of_an_address_lead_to_one(hub: LiveHub, ada: LiveUser) -> None:
    repo = ada.make_repo()
    with Visitor(hub) as guest:
        for spelling in (f"/{repo}.git", f"/models/{repo}"):
            answer = guest.client.get(spelling)
            assert (answer.status_code, answer.headers["location"]) == (303, f"/{repo}")
        guest.get(f"/{repo.upper()}")


def test_private_repositories_do_not_exist_for_others(
    hub: LiveHub, ada: LiveUser, bob: LiveUser
) -> None:
    user = ada
    repo = user.make_repo(private=True)
    with Visitor(hub) as guest, Visitor(hub) as other, Visitor(hub) as owner:
        for path in ("", "/tree/main", "/commits/main", "/blob/main/.gitattributes"):
            missing = words(guest.get(f"/nobody/nothing{path}", 401))
            hidden = words(guest.get(f"/{repo}{path}", 401))
            assert re.sub(r"request \S+", "", hidden) == re.sub(r"request \S+", "", missing)
        other.sign_in(bob)
        assert "There is nothing here" in words(other.get(f"/{repo}", 404))
        assert repo not in other.get(f"/{user.name}")
        owner.sign_in(user)
        assert repo in words(owner.get(f"/{repo}"))
        assert repo in owner.get("/models?search=" + repo.rpartition("/")[2])


def test_files_with_odd_names_can_be_reached_by_their_links(
    hub: LiveHub, ada: LiveUser, git: GitClient
) -> None:
    user = ada
    repo = user.make_repo()
    names = ["a b.txt", "100%.txt", "a#b?.txt", "été/한국어.txt", "x&y=<1>.txt", "sub/deep/er.txt"]
    clone = push(git, user, repo, {name: f"in {name}\n" for name in names})
    git("checkout", "-q", "-b", "feat/x", cwd=clone)
    git("push", "-q", "origin", "feat/x", cwd=clone)
    git("tag", "v1.0", cwd=clone)
    git("push", "-q", "origin", "v1.0", cwd=clone)
    with Visitor(hub) as guest:
        for revision in ("main", "feat%2Fx", "v1.0", git("rev-parse", "HEAD", cwd=clone)):
            seen = _crawl(guest, f"/{repo}/tree/{revision}", f"/{repo}/blob/{revision}")
            assert seen == {*names, ".gitattributes"}
        page = guest.get(f"/{repo}/tree/main/sub/deep")
        assert f"/{repo}/tree/feat%2Fx/sub/deep" in links(page)
        assert f"/{repo}/tree/v1.0/sub/deep" in links(page)
        assert guest.client.get(f"/{repo}/tree/main/100%25.txt").status_code == 303
        assert guest.client.get(f"/{repo}/blob/main/sub").status_code == 303
        missing = guest.get(f"/{repo}/tree/nope", 404)
        assert "Invalid rev id: nope" in words(missing)
        assert f"Go to {repo}" in words(missing)
        assert f"/{repo}" in links(missing)
        guest.get(f"/{repo}/blob/main/missing.txt", 404)
        guest.get(f"/{repo}/tree/main/missing", 404)
        guest.get(f"/{repo}/blob/main/..%2F..%2Fetc", 404)


def _crawl(guest: Visitor, tree: str, blobs: str) -> set[str]:
    """Titles of all files that folders below `tree` lead to."""
    found, waiting, done = set(), [tree], set()
    while waiting:
        address = waiting.pop()
        done.add(address)
        for link in links(guest.get(address)):
            if link.startswith(f"{tree}/") and link not in done:
                waiting.append(link)
            elif link.startswith(f"{blobs}/"):
                shown = re.findall(r'<copy-button value="([^"]*)"', guest.get(link))
                found.add(html.unescape(shown[1]))
    return found


def test_the_looks_of_a_file(hub: LiveHub, ada: LiveUser, git: GitClient) -> None:
    user = ada
    repo = user.make_repo()
    clone = git.clone(user.git_url(repo), "looks")
    (clone / "link").symlink_to("code.py")
    git.commit(
        clone,
        {
            ".gitattributes": "",
            "code.py": "def f():\n    return '<b>'\n",
            "data.json": '{"a": 1}\n',
            "notes.md": "# Notes\n\n[code](code.py)\n",
            "empty.txt": "",
            "binary.dat": b"\0\1\2" * 100,
            "long.txt": "x" * 6000 + "\n",
            "huge.txt": "line\n" * 500_000,
            "cat.png": b"\x89PNG\r\n\x1a\n" + b"\0" * 64,
        },
    )
    git("push", "-q", "origin", "HEAD:main", cwd=clone)

    def page(name: str) -> str:
        return guest.get(f"/{repo}/blob/main/{name}")

    with Visitor(hub) as guest:
        code = page("code.py")
        assert '<span class="syn-k">def</span>' in code
        assert "&lt;b&gt;" in code
        assert '<tr id="L2">' in code
        assert "2 lines" in words(code)
        notes = page("notes.md")
        assert f"/{repo}/blob/main/code.py" in links(notes)
        assert "# Notes" in words(page("notes.md?plain=1"))
        assert "This file is empty." in words(page("empty.txt"))
        assert "Not text" in words(page("binary.dat"))
        assert "very long" in words(page("long.txt"))
        assert "too large" in words(page("huge.txt"))
        assert f'<img src="/{repo}/raw/main/cat.png"' in page("cat.png")
        assert "A symbolic link to code.py" in words(page("link"))
        listing = words(guest.get(f"/{repo}/tree/main"))
        assert "symbolic link" in listing
        assert "2.5 MB" in listing
        raw = guest.client.get(f"/{repo}/raw/main/code.py")
        assert raw.headers["content-security-policy"].startswith("sandbox")


def test_commits_and_what_they_changed(hub: LiveHub, ada: LiveUser, git: GitClient) -> None:
    user = ada
    repo = user.make_repo()
    clone = push(git, user, repo, {"a.txt": "one two three\nfour\n", "b.bin": b"\0\1"})
    git.commit(
        clone, {"a.txt": "one 2 three\nfour\n", "<x>.txt": "<i>\n"}, "Say <2>\n\nWith a body."
    )
    git("mv", "b.bin", "c.bin", cwd=clone)
    last = git.commit(clone, {}, "Move it")
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    with Visitor(hub) as guest:
        listing = guest.get(f"/{repo}/commits/main")
        assert words(listing).index("Move it") < words(listing).index("initial commit")
        assert "Say &lt;2&gt;" in listing
        only = words(guest.get(f"/{repo}/commits/main/a.txt"))
        assert "Say <2>" in only
        assert "Move it" not in only
        middle = re.search(rf"/{repo}/commit/([0-9a-f]{{40}})[^>]*>Say", listing)
        assert middle
        page = guest.get(f"/{repo}/commit/{middle[1]}")
        assert "one <del>two</del> three" in page
        assert "one <ins>2</ins> three" in page
        assert "With a body." in page
        assert "&lt;i&gt;" in page
        assert "2 files changed" in words(page)
        assert "no branch or tag" not in words(page)
        assert "renamed" in words(guest.get(f"/{repo}/commit/{last}"))
        assert guest.get(f"/{repo}/commit/{last[:8]}")
        guest.get(f"/{repo}/commit/{'0' * 40}", 404)


def test_long_histories_have_pages(hub: LiveHub, ada: LiveUser, git: GitClient) -> None:
    user = ada
    repo = user.make_repo()
    clone = git.clone(user.git_url(repo), "long")
    for number in range(60):
        git("commit", "-q", "--allow-empty", "-m", f"commit {number}", cwd=clone)
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    with Visitor(hub) as guest:
        first = guest.get(f"/{repo}/commits/main")
        assert "commit 59" in words(first)
        assert "commit 9 " not in words(first)
        second = words(guest.get(f"/{repo}/commits/main?p=1"))
        assert "commit 9 " in second
        assert "initial commit" in second
        assert "51 to 61" in second


def test_visibility_name_and_deletion(hub: LiveHub, bob: LiveUser) -> None:
    user = hub.make_user()
    repo = user.make_repo()
    with Visitor(hub) as owner, Visitor(hub) as guest, Visitor(hub) as other:
        other.sign_in(bob).get(f"/{repo}/settings", 403)
        guest.get(f"/{repo}/settings", 401)
        owner.sign_in(user)
        owner.submit(f"/{repo}/settings", f"/{repo}/settings/visibility", visibility="private")
        assert "private now" in words(owner.get(f"/{repo}/settings?done=visibility"))
        guest.get(f"/{repo}", 401)
        owner.submit(f"/{repo}/settings", f"/{repo}/settings/visibility", visibility="public")
        guest.get(f"/{repo}")
        refused = owner.submit(
            f"/{repo}/settings", f"/{repo}/settings/rename", expect=400, owner=user.name, name="a b"
        )
        assert "cannot be the name" in words(refused.text)
        done = owner.submit(
            f"/{repo}/settings", f"/{repo}/settings/rename", owner=user.name, name="renamed"
        )
        new = f"{user.name}/renamed"
        assert done.headers["location"] == f"/{new}/settings?done=renamed"
        moved = guest.client.get(f"/{repo}/tree/main")
        assert (moved.status_code, moved.headers["location"]) == (307, f"/{new}/tree/main")
        refused = owner.submit(
            f"/{new}/settings", f"/{new}/settings/delete", expect=400, typed="renamed"
        )
        assert f"Type {new} to delete" in words(refused.text)
        done = owner.submit(f"/{new}/settings", f"/{new}/settings/delete", typed=new)
        assert done.headers["location"] == f"/{user.name}?deleted={new.partition('/')[2]}"
        assert "renamed is deleted" in words(owner.get(done.headers["location"]))
        assert "is deleted" not in words(owner.get(f"/{user.name}?deleted=never-was"))
        assert "is deleted" not in words(guest.get(done.headers["location"]))
        owner.get(f"/{new}", 404)


def test_names_that_are_no_text_lead_to_their_files(
    hub: LiveHub, git: GitClient, bob: LiveUser
) -> None:
    repo = bob.make_repo()
    clone = git.clone(bob.git_url(repo), "odd-names")
    folder = os.fsencode(clone) + b"/d\xe9"
    os.mkdir(folder)  # noqa: PTH102 - pathlib takes no bytes
    with open(folder + b"/caf\xe9.txt", "wb") as file:  # noqa: PTH123
        file.write(b"old bytes\n")
    git("add", "-A", cwd=clone)
    git("commit", "-q", "-m", "odd", cwd=clone)
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    with Visitor(hub) as person:
        top = links(person.get(f"/{repo}/tree/main"))
        below = next(path for path in top if path.endswith("/tree/main/d%E9"))
        folder_page = person.get(below)
        assert "odd" in words(folder_page)
        found = next(path for path in links(folder_page) if "/blob/main/" in path)
        shown = words(person.get(found))
        assert "old bytes" in shown
        assert "caf\N{REPLACEMENT CHARACTER}.txt" in shown
        for page in ("commits/main/d%E9/caf%E9.txt", "commits/main"):
            assert "odd" in words(person.get(f"/{repo}/{page}"))
        commit = next(path for path in links(folder_page) if "/commit/" in path)
        assert "caf" in words(person.get(commit))
        person.get(f"/{repo}/blob/main/d%E9/gone%E9", 404)
