"""What surrounds every page: language, theme, headers, errors, lists, path prefixes."""

from collections.abc import Callable

import httpx
import pytest

from tests.support.server import LiveHub, LiveUser
from tests.web.site import Visitor, links, words


def test_language_by_address_then_cookie_then_browser(hub: LiveHub) -> None:
    with Visitor(hub, "ko-KR, en;q=0.5") as person:
        assert '<html lang="ko"' in person.get("/login")
        assert '<html lang="fr"' in person.get("/login?lang=fr")
        assert '<html lang="fr"' in person.get("/login")
        assert '<html lang="en"' in person.get("/login?lang=en")
        assert '<html lang="en"' in person.get("/login?lang=xx")


def test_a_link_from_elsewhere_changes_only_that_page(hub: LiveHub) -> None:
    with Visitor(hub) as person:
        person.client.headers["Sec-Fetch-Site"] = "cross-site"
        assert '<html lang="fr" data-theme="dark"' in person.get("/login?lang=fr&theme=dark")
        del person.client.headers["Sec-Fetch-Site"]
        assert '<html lang="en">' in person.get("/login")


def test_theme_is_kept_and_its_links_keep_the_question(hub: LiveHub) -> None:
    with Visitor(hub) as person:
        page = person.get("/models?search=a%26b&theme=dark")
        assert 'data-theme="dark"' in page
        assert "/models?search=a%26b&amp;theme=light" in page
        assert 'data-theme="dark"' in person.get("/datasets")
        assert "data-theme" not in person.get("/datasets?theme=system")


def test_an_accounts_language_wins_over_the_browsers(
    make_hub: Callable[..., LiveHub],
) -> None:
    hub = make_hub(HUB_SIGNUP="open", HUB_DEFAULT_LANGUAGE="ko")
    with Visitor(hub, "fr") as person:
        person.submit("/join", name="jeanne", password="mot de passe long")
        person.client.headers["Accept-Language"] = "en"
        assert '<html lang="fr"' in person.get("/")
    with Visitor(hub, "de") as person:
        assert '<html lang="ko"' in person.get("/login")


def test_pages_carry_safe_headers(hub: LiveHub) -> None:
    with Visitor(hub) as person:
        headers = person.client.get("/login").headers
        policy = headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "style-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "private, no-cache"
        assert "Cookie" in headers["vary"]


def test_static_files_of_a_page_are_there_for_ever(hub: LiveHub) -> None:
    with Visitor(hub) as person:
        page = person.get("/login")
        for name in ("hub.css", "js/main.js", "images/mark.svg"):
            address = page.partition("/static/")[2].partition("/")[0]
            answer = person.client.get(f"/static/{address}/{name}")
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
        person.get(f"/static/{address}/nope.css", 404)
        person.get(f"/static/{address}/..%2Fsettings.py", 404)
        assert person.client.get("/favicon.ico").headers["content-type"].startswith("image/svg")
        assert "Disallow" in person.client.get("/robots.txt").text


def test_errors_are_pages_for_people_and_json_for_programs(hub: LiveHub, bob: LiveUser) -> None:
    with Visitor(hub) as person:
        person.sign_in(bob)
        page = person.get("/nobody/nothing", 404)
        assert "404" in words(page)
        assert "request" in words(page)
        assert "/models" in links(page)
        assert f">{bob.name}<" in page  # still signed in on an error page
        assert "Something broke" not in page
        answer = person.client.get("/nobody/nothing", headers={"Accept": "application/json"})
        assert answer.headers["content-type"] == "application/json"
        person.get("/some/where/deep/down", 404)
        person.get("/login/x/y/z", 404)
    with Visitor(hub, "fr") as person:
        page = person.get("/nobody/nothing", 401)
        assert "Connectez-vous" in words(page)
        assert "/login?next=/nobody/nothing" in page


@pytest.mark.parametrize("path", ["/%00", "/a/%ff%fe", "/a/b/tree/%00", "/a%2Fb", "/" + "x" * 4000])
def test_odd_addresses_get_a_page(hub: LiveHub, path: str) -> None:
    with Visitor(hub) as person:
        assert person.client.get(path).status_code in (401, 404)


def test_lists_show_what_one_may_see_and_have_pages(hub: LiveHub, ada: LiveUser) -> None:
    user = ada
    names = [user.make_repo(f"listed-{number:02}") for number in range(32)]
    hidden = user.make_repo("listed-hidden", private=True)
    with Visitor(hub) as guest, Visitor(hub) as owner:
        page = guest.get(f"/models?search={user.name}%20listed")
        assert "32 models" in words(page)
        assert "1 to 30 of 32" in words(page)
        assert hidden not in page
        later = next(link for link in links(page) if "cursor=" in link)
        rest = guest.get(later)
        assert "31 to 32 of 32" in words(rest)
        shown = {link.lstrip("/") for link in [*links(page), *links(rest)]}
        assert set(names) <= shown
        owner.sign_in(user)
        assert "33 models" in words(owner.get(f"/models?search={user.name}%20listed"))
        assert "Nothing matches" in words(guest.get("/models?search=xyzzy-none"))
        guest.get("/models?cursor=garbage&before=x")
        assert hidden not in guest.get(f"/{user.name}")
        assert hidden in owner.get(f"/{user.name}")


def test_profiles_of_users_and_organizations(hub: LiveHub, ada: LiveUser) -> None:
    org = hub.make_org(None, f"{ada.name}:write")
    with Visitor(hub) as guest:
        assert ada.name in words(guest.get(f"/{org}"))
        assert org in words(guest.get(f"/{ada.name.upper()}"))
        guest.get("/nobody-has-this-name", 401)


def test_a_hub_that_asks_everybody_to_sign_in(make_hub: Callable[..., LiveHub]) -> None:
    hub = make_hub(HUB_ANONYMOUS="none")
    user = hub.make_user("ada")
    repo = user.make_repo()
    with Visitor(hub) as guest:
        assert guest.client.get("/").headers["location"] == "/login"
        for path in ("/models", "/ada", f"/{repo}", f"/{repo}/tree/main"):
            guest.get(path, 401)
        guest.get("/login")
        guest.sign_in(user).get(f"/{repo}/tree/main")


def test_a_hub_below_a_path_leads_only_there(
    make_hub: Callable[..., LiveHub], free_port: int
) -> None:
    hub = make_hub(HUB_PUBLIC_URL="http://hub.localhost/hub")
    user = hub.make_user("ada")
    repo = user.make_repo()
    headers = {"Host": "hub.localhost", "Accept": "text/html", "Origin": "http://hub.localhost"}
    with httpx.Client(base_url=hub.url, headers=headers, trust_env=False) as client:
        for path in (
            "/hub/",
            "/hub/models",
            f"/hub/{repo}",
            f"/hub/{repo}/tree/main",
            "/hub/login",
        ):
            page = client.get(path)
            assert page.status_code == 200, path
            found = [*links(page.text), page.text.partition('rel="stylesheet" href="')[2][:20]]
            assert [link for link in found if link[0] == "/" and link[:5] != "/hub/"] == []
        page = client.get("/hub/login").text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        data = {"csrf_token": token, "name": "ada", "password": user.password, "next": "/models"}
        done = client.post("/hub/login", data=data)
        assert done.headers["location"] == "/hub/models"
        assert "path=/hub" in done.headers["set-cookie"].lower()
        assert f"git clone http://hub.localhost/hub/{repo}" in client.get(f"/hub/{repo}").text


def test_the_api_is_described_for_people(hub: LiveHub) -> None:
    with Visitor(hub) as guest:
        page = words(guest.get("/api/docs"))
        assert "/api/whoami-v2" in page
        assert "/api/repos/create" in page
        assert guest.client.get("/api/openapi.json").json()["info"]["title"] == "hub server"


def test_everybody_has_a_picture(hub: LiveHub) -> None:
    with Visitor(hub) as guest:
        answer = guest.client.get("/-/avatars/ada.svg")
        assert answer.headers["content-type"] == "image/svg+xml"
        assert ">A<" in answer.text
        assert "&lt;" in guest.client.get("/-/avatars/%3Cb%3E.svg").text
        assert "<code>hf_sample" in guest.get("/-/patterns")
