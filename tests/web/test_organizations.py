"""Organizations and people in the settings: who may change what, and what follows."""

import re

from tests.support.server import LiveHub, LiveUser
from tests.web.site import Visitor, words


def test_a_class_from_its_name_to_its_members(hub: LiveHub, teacher: LiveUser) -> None:
    student = hub.make_user()
    name = f"{student.name}-class"
    with Visitor(hub) as boss, Visitor(hub) as pupil:
        boss.sign_in(teacher)
        pupil.sign_in(student)
        pupil.get("/organizations/new", 403)
        refused = boss.submit("/organizations/new", expect=409, name=student.name)
        assert "is taken" in words(refused.text)
        made = boss.submit("/organizations/new", name=name, visibility="private")
        settings, members = made.headers["location"], f"/organizations/{name}/members"
        assert 'value="private" checked' in boss.get(f"/new?owner={name}")
        refused = boss.submit(settings, members, expect=404, user="nobody-here", role="read")
        assert "There is no user called nobody-here" in words(refused.text)
        boss.submit(settings, members, user=student.name, role="contributor")
        assert "Contributor" in words(pupil.get("/settings/organizations"))
        pupil.get(settings, 403)
        boss.submit(settings, settings, full_name="Our <class>", about="", visibility="public")
        assert "Our &lt;class&gt;" in boss.get(f"/{name}")
        assert f'href="{settings}"' in boss.get(f"/{name}")
        assert f'href="{settings}"' not in pupil.get(f"/{name}")
        token = re.search(r'name="csrf_token" value="([^"]+)"', pupil.get("/settings/profile"))
        assert token
        forged = {"csrf_token": token[1], "user": student.name, "role": "admin"}
        assert pupil.client.post(members, data=forged).status_code == 403
        pupil.submit("/settings/organizations", f"/settings/organizations/{name}/leave")
        assert name not in words(pupil.get("/settings/organizations"))


def test_an_organization_keeps_an_administrator(hub: LiveHub) -> None:
    owner, other = hub.make_user(), hub.make_user()
    org = hub.make_org(None, f"{owner.name}:admin", f"{other.name}:write")
    settings, members = f"/organizations/{org}/settings", f"/organizations/{org}/members"
    with Visitor(hub) as person:
        person.sign_in(owner)
        for path, fields in (
            (members, {"user": owner.name, "role": "read"}),
            (f"{members}/{owner.name}/remove", {}),
            (f"/settings/organizations/{org}/leave", {}),
        ):
            refused = person.submit(settings, path, expect=409, **fields)
            assert "no administrator left" in words(refused.text)
        person.submit(settings, members, user=other.name, role="admin")
        gone = person.submit(settings, f"{members}/{owner.name}/remove")
        assert gone.headers["location"] == f"/{org}"
        person.get(settings, 403)


def test_people_are_for_administrators(hub: LiveHub, bob: LiveUser, teacher: LiveUser) -> None:
    student = hub.make_user()
    own = f"/settings/people/{student.name}"
    with Visitor(hub) as boss, Visitor(hub) as pupil, Visitor(hub) as stranger:
        stranger.sign_in(bob).get("/settings/people", 403)
        stranger.submit("/settings/profile", f"{own}/disable", expect=403)
        pupil.sign_in(student)
        boss.sign_in(teacher)
        assert student.name in words(boss.get("/settings/people"))
        made = boss.submit("/settings/people", f"{own}/password", expect=200)
        assert made.headers["cache-control"] == "no-store"
        assert "This link works on this computer only" in words(made.text)
        link = re.search(rf"{hub.url}(/reset/[\w-]+)", made.text)
        assert link
        pupil.submit(link[1], password="another good one")
        pupil.get("/settings/profile")
        boss.submit("/settings/people", f"{own}/disable")
        pupil.get("/settings/profile", 401)
        with student.client() as api:
            assert api.get("/api/whoami-v2").status_code == 401
        boss.submit("/settings/people", f"{own}/enable")
        with student.client() as api:
            assert api.get("/api/whoami-v2").status_code == 200
        self_harm = f"/settings/people/{teacher.name}/disable"
        refused = boss.submit("/settings/people", self_harm, expect=400)
        assert "cannot disable your own account" in words(refused.text)


def test_an_invitation_can_begin_at_an_organization(hub: LiveHub, teacher: LiveUser) -> None:
    org = hub.make_org()
    with Visitor(hub) as boss:
        page = boss.sign_in(teacher).get(f"/settings/invitations?organization={org}")
        assert f'<option value="{org}" selected>' in page
