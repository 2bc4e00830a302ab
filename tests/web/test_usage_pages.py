"""Likes, downloads and related repositories on the card page, without script."""

from datetime import timedelta

import httpx
from sqlalchemy import update

from hub_server import repos
from hub_server.db import now
from hub_server.db.tables.repos import Repo
from hub_server.db.tables.usage import DailyDownloads
from tests.api.committing import put
from tests.support.server import LiveHub, LiveUser
from tests.web.site import Visitor, links, words


def card(text: str) -> dict[str, bytes]:
    return {"README.md": f"---\n{text}\n---\n# Card\n".encode()}


def test_a_like_from_the_page(hub: LiveHub, ada: LiveUser) -> None:
    model = ada.make_repo()
    put(ada, model, card("license: mit"))
    with Visitor(hub) as fan:
        fan.sign_in(hub.make_user())
        assert 'aria-pressed="false"' in fan.get(f"/{model}")
        for _ in range(2):
            done = fan.submit(f"/{model}", f"/{model}/like", liked="yes")
            assert done.headers["location"] == f"/{model}"
        page = fan.get(f"/{model}")
        assert 'aria-pressed="true"' in page
        assert "Likes: 1" in words(page)
        assert 'name="liked" value="no"' in page
        fan.submit(f"/{model}", f"/{model}/like", liked="no")
        assert "Likes: 0" in words(fan.get(f"/{model}"))


def test_who_may_not(hub: LiveHub, ada: LiveUser) -> None:
    model, hidden = ada.make_repo(), ada.make_repo(private=True)
    with Visitor(hub) as nobody:
        assert f"/login?next=/{model}" in links(nobody.get(f"/{model}"))
        answer = nobody.client.post(f"/{model}/like", data={"liked": "yes"})
        assert answer.status_code in (303, 401)
    with Visitor(hub) as fan:
        fan.sign_in(hub.make_user())
        fan.submit(f"/{model}", f"/{hidden}/like", expect=404, liked="yes")
        forged = fan.client.post(f"/{model}/like", data={"liked": "yes", "csrf_token": "x"})
        assert forged.status_code == 403
        assert "Likes: 0" in words(fan.get(f"/{model}"))


def downloaded(hub: LiveHub, name: str) -> None:
    """12 yesterday and 3 a week ago, of 100."""
    with hub.writing() as session:
        repo = repos.locate(session, "model", name)
        for age, count in ((1, 12), (7, 3)):
            day = now().date() - timedelta(days=age)
            session.add(DailyDownloads(repo_id=repo.id, day=day, downloads=count))
        values = {"downloads": 15, "downloads_all_time": 100}
        session.execute(update(Repo).where(Repo.id == repo.id).values(values))


def test_downloads_as_a_line_and_in_words(hub: LiveHub, ada: LiveUser) -> None:
    model = ada.make_repo()
    put(ada, model, card("license: mit"))
    with Visitor(hub) as person:
        assert "sparkline" not in person.get(f"/{model}")
    downloaded(hub, model)
    with Visitor(hub) as person:
        page = person.get(f"/{model}")
        assert 'role="img" aria-label="15 downloads in the last 30 days' in page
        assert "100 in all" in words(page)
    with Visitor(hub, language="fr") as person:
        assert "15 téléchargements en 30 jours" in person.get(f"/{model}")


def test_related_repositories(hub: LiveHub, ada: LiveUser) -> None:
    base, child, space = ada.make_repo(), ada.make_repo(), ada.make_repo(kind="space")
    data, hidden = ada.make_repo(kind="dataset"), ada.make_repo(private=True)
    text = f"base_model: {base}\ndatasets: [{data}, nobody/lost]"
    put(ada, child, card(text))
    put(ada, hidden, card(text))
    put(ada, space, card(f"sdk: static\nmodels: [{child}]"), kinds="spaces")
    with Visitor(hub) as nobody:
        page = nobody.get(f"/{child}")
        assert {f"/{base}", f"/datasets/{data}", f"/spaces/{space}"} <= set(links(page))
        assert "nobody/lost" in words(page)
        assert "/datasets/nobody/lost" not in links(page)
        page = nobody.get(f"/{base}")
        assert "Finetunes of it 1" in words(page)
        assert f"/{child}" in links(page)
        assert hidden not in page
        page = nobody.get(f"/datasets/{data}")
        assert "Models trained on it 1" in words(page)
        assert hidden not in page
    with Visitor(hub) as owner:
        assert "Finetunes of it 2" in words(owner.sign_in(ada).get(f"/{base}"))


def test_a_form_without_a_token_is_for_programs(hub: LiveHub, ada: LiveUser) -> None:
    model = ada.make_repo()
    with ada.client() as client:
        answer: httpx.Response = client.post(f"/{model}/like", data={"liked": "yes"})
    assert answer.status_code == 303
