"""Doors: signing in and out, the first administrator, invitations, a new password."""

import re
from collections.abc import Callable

import pytest

from tests.support.server import LiveHub, LiveUser
from tests.web.site import Visitor, words

PASSWORD = "correct horse battery"


def test_the_first_administrator_comes_by_a_link_that_works_once(
    make_hub: Callable[..., LiveHub],
) -> None:
    hub = make_hub()
    link = (hub.setup_link() or "").removeprefix(hub.url)
    with Visitor(hub) as ada:
        assert "administrator" in words(ada.get(link))
        refused = ada.submit(link, expect=400, name="ada love", password=PASSWORD)
        assert "cannot be the name" in words(refused.text)
        assert 'value="ada love"' in refused.text
        refused = ada.submit(link, expect=400, name="ada", password="short")
        assert "at least 8 characters" in words(refused.text)
        assert "short" not in refused.text
        done = ada.submit(link, name="ada", email="ada@example.org", password=PASSWORD)
        assert done.headers["location"] == "/"
        home = ada.get("/")
        assert "This hub is empty" in words(home)
        assert "Invitations" in home
        assert "does not work any more" in words(ada.get(link, 410))
        ada.get("/setup/never-was", 410)


def test_signing_in_and_out(hub: LiveHub, bob: LiveUser) -> None:
    with Visitor(hub) as person:
        refused = person.submit("/login", expect=403, name=bob.name, password="wrong")
        assert "The name or the password is wrong." in words(refused.text)
        done = person.submit(
            "/login", name=bob.name, password=bob.password, next="/models?search=x"
        )
        assert done.headers["location"] == "/models?search=x"
        cookie = done.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert f">{bob.name}<" in person.get("/")
        assert person.client.get("/login").status_code == 303
        person.submit("/", "/logout")
        assert "Sign in" in person.get("/")
        person.get("/settings/tokens", 401)


def test_staying_signed_in(hub: LiveHub, bob: LiveUser) -> None:
    with Visitor(hub) as person:
        refused = person.submit("/login", expect=403, name=bob.name, password="x", stay="yes")
        assert re.search(r'name="stay" value="yes" checked', refused.text)
        done = person.submit("/login", name=bob.name, password=bob.password, stay="yes")
        assert f"Max-Age={30 * 24 * 3600}" in done.headers.get_list("set-cookie")[0]
    with Visitor(hub) as person:
        done = person.submit("/login", name=bob.name, password=bob.password)
        assert "Max-Age" not in done.headers.get_list("set-cookie")[0]


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/\tx", "/a\nb"]
)
def test_next_leads_to_pages_of_the_hub_only(hub: LiveHub, bob: LiveUser, wanted: str) -> None:
    with Visitor(hub) as person:
        done = person.submit("/login", name=bob.name, password=bob.password, next=wanted)
        assert done.headers["location"] == "/"


def test_forms_of_other_sites_change_nothing(hub: LiveHub, bob: LiveUser) -> None:
    with Visitor(hub) as person:
        data = {"name": bob.name, "password": bob.password}
        answer = person.client.post("/login", data=data)
        assert answer.status_code == 403
        assert "came from another site" in words(answer.text)
        person.sign_in(bob)
        person.client.headers["Origin"] = "http://evil.example"
        answer = person.submit("/settings/profile", expect=403, full_name="Evil")
        assert "another site" in words(answer.text)
        assert "Evil" not in person.get("/settings/profile")


def test_wrong_passwords_are_slowed_down_in_the_readers_language(
    hub: LiveHub, make_hub: Callable[..., LiveHub]
) -> None:
    name = hub.make_user().name
    with Visitor(hub, "fr") as person:
        for _ in range(6):
            last = person.submit("/login", expect=403, name=name, password="wrong one")
        assert "Trop de mots de passe erronés" in words(last.text)


def test_an_invitation_makes_as_many_accounts_as_it_says(hub: LiveHub, teacher: LiveUser) -> None:
    org = hub.make_org()
    with Visitor(hub) as admin, Visitor(hub) as one, Visitor(hub) as two:
        admin.sign_in(teacher)
        refused = admin.submit("/settings/invitations", expect=400, uses="0", days="7")
        assert "Give a number from 1" in words(refused.text)
        made = admin.submit(
            "/settings/invitations", expect=200, uses="1", days="7", organization=org, role="write"
        )
        assert made.headers["cache-control"] == "no-store"
        link = made.text.partition(f"{hub.url}/join/")[2].partition("<")[0].partition('"')[0]
        assert f"{hub.url}/join/" not in admin.get("/settings/invitations")
        assert org in words(one.get(f"/join/{link}"))
        one.submit(f"/join/{link}", name=f"new-{org}", password=PASSWORD)
        assert f"new-{org}" in words(one.get(f"/{org}"))
        two.get(f"/join/{link}", 410)


def test_a_withdrawn_invitation_is_over(hub: LiveHub, teacher: LiveUser) -> None:
    with Visitor(hub) as admin, Visitor(hub) as guest:
        admin.sign_in(teacher)
        made = admin.submit("/settings/invitations", expect=200, uses="5", days="7")
        link = made.text.partition(f"{hub.url}/join/")[2].partition("<")[0].partition('"')[0]
        number = made.text.partition("/settings/invitations/")[2].partition("/")[0]
        guest.get(f"/join/{link}")
        admin.submit("/settings/invitations", f"/settings/invitations/{number}/revoke")
        guest.get(f"/join/{link}", 410)


def test_only_administrators_invite(hub: LiveHub, bob: LiveUser) -> None:
    with Visitor(hub) as person:
        assert "not allowed" in words(person.sign_in(bob).get("/settings/invitations", 403))


def test_signing_up_follows_the_setting(hub: LiveHub, make_hub: Callable[..., LiveHub]) -> None:
    with Visitor(hub) as person:
        person.get("/join", 410)
        assert "by invitation" in words(person.get("/login"))
    open_hub = make_hub(HUB_SIGNUP="open")
    with Visitor(open_hub) as person, Visitor(open_hub) as other:
        assert "Sign up" in person.get("/login")
        person.submit("/join", name="carol", password=PASSWORD)
        taken = other.submit("/join", expect=409, name="Carol", password=PASSWORD)
        assert "is taken" in words(taken.text)
        assert ">carol<" in person.get("/")


def test_a_reset_link_changes_the_password_once(hub: LiveHub) -> None:
    user = hub.make_user()
    link = hub.command("user", "password", user.name, "--link").partition("/reset/")[2]
    with Visitor(hub) as elsewhere, Visitor(hub) as person:
        elsewhere.sign_in(user)
        assert user.name in words(person.get(f"/reset/{link}"))
        person.submit(f"/reset/{link}", expect=400, password="short")
        person.submit(f"/reset/{link}", password=PASSWORD)
        assert f">{user.name}<" in person.get("/")
        person.get(f"/reset/{link}", 410)
        elsewhere.get("/settings/profile", 401)
        person.submit("/", "/logout")
        person.submit("/login", name=user.name, password=PASSWORD)
