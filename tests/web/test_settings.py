"""A person's own settings: profile, password, access tokens."""

import re

from tests.support.server import LiveHub, LiveUser
from tests.web.site import Visitor, words


def test_a_token_is_shown_once_and_works_until_it_is_revoked(hub: LiveHub, ada: LiveUser) -> None:
    user = ada
    with Visitor(hub) as person:
        person.sign_in(user)
        made = person.submit("/settings/tokens", expect=200, name="laptop", role="write")
        assert made.headers["cache-control"] == "no-store"
        found = re.search(r"hf_[A-Za-z0-9]{34}", made.text)
        assert found
        token = found[0]
        lines = f"export HF_ENDPOINT={hub.url}\nhf auth login"
        assert f"{lines} --token {token}" in made.text
        again = person.get("/settings/tokens")
        assert token not in again
        assert token[-4:] in again
        with hub.client(token) as api:
            assert api.get("/api/whoami-v2").json()["name"] == user.name
        number = again.partition("/settings/tokens/")[2].partition("/")[0]
        assert number.isdecimal()
        person.submit("/settings/tokens", f"/settings/tokens/{number}/revoke")
        with hub.client(token) as api:
            assert api.get("/api/whoami-v2").status_code == 401


def test_a_token_needs_a_name(hub: LiveHub, ada: LiveUser) -> None:
    with Visitor(hub) as person:
        person.sign_in(ada)
        refused = person.submit("/settings/tokens", expect=400, name=" ", role="read")
        assert "A token needs a name" in words(refused.text)
        assert re.search(r'value="read" checked', refused.text)


def test_a_fine_grained_token_goes_where_it_was_let(hub: LiveHub, bob: LiveUser) -> None:
    user = hub.make_user()
    org = hub.make_org(None, f"{user.name}:write")
    own, other = user.make_repo(private=True), user.make_repo(private=True)
    hidden = bob.make_repo(private=True)
    fine = {"name": "one task", "role": "fine-grained"}
    with Visitor(hub) as person:
        person.sign_in(user)
        assert f'<option value="models/{own}">' in person.get("/settings/tokens")
        refused = person.submit("/settings/tokens", expect=400, **fine)
        assert "at least one place" in words(refused.text)
        for path in (hidden, "nobody/nothing", f"datasets/{own}", "/"):
            refused = person.submit("/settings/tokens", expect=400, repo=path, **fine)
            assert "There is no " in words(refused.text)
            assert f'value="{path}"' in refused.text
        wanted = {"namespace": org, "namespace_may": "read", "repo": own, "repo_may": "write"}
        made = person.submit("/settings/tokens", expect=200, **fine, **wanted)
        assert f"models/{own} read and write" in words(made.text)
        found = re.search(r"hf_[A-Za-z0-9]{34}", made.text)
    assert found
    with hub.client(found[0]) as api:
        assert api.put(f"/api/models/{own}/settings", json={"private": True}).is_success
        assert api.get(f"/api/models/{other}").status_code == 404
        for space, status in ((org, 403), (user.name, 403)):
            body = {"name": "more", "organization": space}
            assert api.post("/api/repos/create", json=body).status_code == status


def test_a_token_reaches_no_namespace_its_owner_is_not_in(hub: LiveHub, bob: LiveUser) -> None:
    user = hub.make_user()
    fine = {"name": "x", "role": "fine-grained", "namespace": bob.name, "namespace_may": "write"}
    with Visitor(hub) as person:
        person.sign_in(user)
        refused = person.submit("/settings/tokens", expect=400, **fine)
        assert "at least one place" in words(refused.text)


def test_nobody_revokes_tokens_of_others(hub: LiveHub, ada: LiveUser, bob: LiveUser) -> None:
    with Visitor(hub) as one, Visitor(hub) as other:
        one.sign_in(ada)
        page = one.get("/settings/tokens")
        number = page.partition("/settings/tokens/")[2].partition("/")[0]
        other.sign_in(bob)
        refused = other.submit("/settings/tokens", f"/settings/tokens/{number}/revoke", expect=404)
        assert "There is no such token." in words(refused.text)


def test_a_token_changes_no_settings_and_makes_no_other(hub: LiveHub) -> None:
    boss = hub.make_user(None, admin=True)
    weak = hub.command("token", "create", boss.name, "--role", "read")
    for token in (weak, boss.token):
        with hub.client(token) as program:
            for page in ("profile", "password", "sessions", "tokens", "invitations"):
                assert program.get(f"/settings/{page}").status_code == 403, page
            made = program.post("/settings/tokens", data={"name": "more", "role": "write"})
            assert made.status_code == 403
            assert "hf_" not in made.text
            changed = program.post("/settings/profile", data={"full_name": "Somebody else"})
            assert changed.status_code == 403


def test_browsers_that_are_signed_in(hub: LiveHub, bob: LiveUser) -> None:
    user = hub.make_user()
    phone = {"User-Agent": "Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36"}
    with Visitor(hub) as here, Visitor(hub) as there, Visitor(hub) as other:
        there.client.headers.update(phone)
        there.sign_in(user)
        here.sign_in(user)
        other.sign_in(bob)
        page = here.get("/settings/sessions")
        assert "Chrome · Android" in words(page)
        assert words(page).index("this one") < words(page).index("Chrome")
        here_id, there_id = re.findall(r"/settings/sessions/([0-9a-f]{64})/end", page)
        other.submit("/settings/sessions", f"/settings/sessions/{there_id}/end", expect=404)
        there.get("/settings/profile")
        here.submit("/settings/sessions", f"/settings/sessions/{there_id}/end")
        there.get("/settings/profile", 401)
        there.sign_in(user)
        here.submit("/settings/sessions", "/settings/sessions/end-others")
        there.get("/settings/profile", 401)
        left = here.submit("/settings/sessions", f"/settings/sessions/{here_id}/end")
        assert left.headers["location"] == "/"
        here.get("/settings/profile", 401)
        other.get("/settings/profile")


def test_profile(hub: LiveHub, bob: LiveUser) -> None:
    user, taken = hub.make_user(), bob
    with Visitor(hub) as person:
        person.sign_in(user)
        refused = person.submit("/settings/profile", expect=400, email="nonsense")
        assert "is not an e-mail address" in words(refused.text)
        refused = person.submit("/settings/profile", expect=409, email=f"{taken.name}@example.org")
        assert "There is an account with the address" in words(refused.text)
        person.submit("/settings/profile", full_name="Ada <b>L.</b>", about="One\nTwo", email="")
        page = person.get(f"/{user.name}")
        assert "Ada &lt;b&gt;L.&lt;/b&gt;" in page
        assert "One\nTwo" in page


def test_a_new_password_signs_other_browsers_out(hub: LiveHub) -> None:
    user = hub.make_user()
    with Visitor(hub) as here, Visitor(hub) as there:
        here.sign_in(user)
        there.sign_in(user)
        wrong = here.submit("/settings/password", expect=403, current="no", password="long enough")
        assert "wrong" in words(wrong.text)
        weak = here.submit("/settings/password", expect=400, current=user.password, password="aa")
        assert "at least 8" in words(weak.text)
        here.submit("/settings/password", current=user.password, password="another long one")
        here.get("/settings/password")
        there.get("/settings/password", 401)
        with user.client() as api:  # tokens go on working
            assert api.get("/api/whoami-v2").status_code == 200


def test_settings_are_for_people_who_are_signed_in(hub: LiveHub) -> None:
    with Visitor(hub) as person:
        for page in ("", "/profile", "/password", "/sessions", "/tokens", "/invitations"):
            shown = person.get(f"/settings{page}", 401)
            assert f"/login?next=/settings{page}" in shown
        answer = person.client.post("/settings/tokens", data={"name": "x"})
        assert answer.status_code in (401, 403)
