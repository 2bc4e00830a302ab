"""Names in cards that lead nowhere: the same words before an upload, in a commit and in a push."""

import httpx
import pytest

from tests.api.committing import file_line, header, post
from tests.support.gitclient import GitClient
from tests.support.server import LiveHub, LiveUser

CARD = "---\nlicense: mit\nbase_model: {base}\n---\n# Card\n"
SAID = '"base_model" names the model "{base}", which does not exist on this hub (line 3, column 1)'


def judged(client: httpx.Client, base: str) -> list[str]:
    body = {"content": CARD.format(base=base), "repoType": "model"}
    answer = client.post("/api/validate-yaml", json=body)
    assert answer.status_code == 200
    return [each["message"] for each in answer.json()["warnings"]]


@pytest.mark.git
def test_everywhere_the_same(hub: LiveHub, ada: LiveUser, git: GitClient) -> None:
    base, model, text = "nobody/lost", ada.make_repo(), CARD.format(base="nobody/lost")
    said = SAID.format(base=base)
    with hub.client() as client:
        assert judged(client, base) == [said]
    answer = post(ada, model, header(), file_line("README.md", text.encode()))
    assert answer.status_code == 200
    assert said in answer.json()["hookOutput"]
    clone = git.clone(ada.git_url(ada.make_repo()), "clone")
    git.commit(clone, {"README.md": text})
    assert said in git.said("push", "origin", "HEAD:main", cwd=clone)


def test_what_is_here_and_what_is_hidden(hub: LiveHub, ada: LiveUser, bob: LiveUser) -> None:
    public, hidden = ada.make_repo(), ada.make_repo(private=True)
    with hub.client() as nobody, ada.client() as own, bob.client() as other:
        assert judged(nobody, public) == judged(nobody, public.upper()) == []
        assert judged(own, hidden) == []
        for client in (nobody, other):
            assert judged(client, hidden) == [SAID.format(base=hidden)]
