import pytest

from hub_server.accounts import AccountNotFound, EmailTaken, NameTaken, Profile, orgs, users
from hub_server.accounts.orgs import LastOrgAdministrator
from hub_server.accounts.users import LastAdministrator, NewUser
from hub_server.db.tables.repos import Alias
from hub_server.errors import BadRequest, HubError, InvalidName, NotFound
from tests.support.crowds import at_once
from tests.support.people import make_org, make_user


def test_people_are_found_in_any_case_by_name_and_address(database):
    with database.write() as session:
        make_user(session, "Ada", email="Ada@Example.org", full_name="  Ada   L. ")
        make_org(session, "Lab")
    with database.read() as session:
        ada = users.user_named(session, "aDA")
        assert (ada.name, ada.full_name, ada.kind) == ("Ada", "Ada L.", "user")
        assert users.user_by_login(session, " ADA@example.ORG ").id == ada.id
        assert users.user_by_login(session, "ada").id == ada.id
        assert users.user_by_login(session, "lab") is None
        assert users.account_named(session, "LAB").kind == "org"
        assert users.find_account(session, "a\0\udce9") is None
        for missing in ("lab", "nobody"):
            with pytest.raises(AccountNotFound):
                users.user_named(session, missing)
        with pytest.raises(AccountNotFound):
            orgs.org_named(session, "ada")


def test_names_and_addresses_are_taken_once(database):
    with database.write() as session:
        make_user(session, "Ada", email="a@x.org")
        session.add(Alias(kind="model", name_key="gpt2", target="o/gpt2"))
    for new, error in (
        (NewUser("ADA"), NameTaken),
        (NewUser("gpt2"), NameTaken),
        (NewUser("bob", "A@X.org"), EmailTaken),
        (NewUser("api"), InvalidName),
        (NewUser("bob", "nonsense"), BadRequest),
        (NewUser("bob", "b@x.org", full_name="x" * 201), BadRequest),
        (NewUser("bob", "b@x.org", full_name="x\0"), BadRequest),
        (NewUser("bob", "b@\0.org"), BadRequest),
        (NewUser("bob", "b@x.org", language="de"), BadRequest),
    ):
        with pytest.raises(error), database.write() as session:
            users.create_user(session, new)
    with database.write() as session:
        users.create_user(session, NewUser("bob", ""))
        users.create_user(session, NewUser("eve", "  "))


def test_of_many_who_want_a_name_one_gets_it(database):
    def join(number):
        with database.write() as session:
            return users.create_user(session, NewUser("Ada", f"ada{number}@x.org")).id

    results = at_once(8, join)
    assert sum(isinstance(each, int) for each in results) == 1
    assert all(isinstance(each, int | NameTaken) for each in results)


def test_of_many_with_one_address_one_gets_in(database):
    def join(number):
        with database.write() as session:
            return users.create_user(session, NewUser(f"u{number}", "same@x.org")).id

    results = at_once(8, join)
    assert sum(isinstance(each, int) for each in results) == 1
    assert all(isinstance(each, int | EmailTaken) for each in results)


def test_a_profile_changes_only_what_is_given(database):
    with database.write() as session:
        ada = make_user(session, "ada", full_name="Ada")
        make_user(session, "bob")
        users.change_profile(session, ada, Profile(about="Hello", language="ko"))
        assert (ada.full_name, ada.about, ada.language) == ("Ada", "Hello", "ko")
        users.change_profile(session, ada, Profile(full_name="", language="", email="New@x.org"))
        assert (ada.full_name, ada.language, ada.email_key) == ("", None, "new@x.org")
        users.change_profile(session, ada, Profile(email="NEW@x.org"))
        for wrong in (Profile(email="bob@example.org"), Profile(about="x" * 2001),
                      Profile(about="a\0b"), Profile(language="xx")):  # fmt: skip
            with pytest.raises(HubError):
                users.change_profile(session, ada, wrong)


def test_somebody_always_administers_the_hub(database):
    with database.write() as session:
        assert not users.has_administrator(session)
        ada, bob = make_user(session, "ada", is_admin=True), make_user(session, "bob")
        assert users.has_administrator(session)
        for last in (users.disable, lambda s, u: users.set_admin(s, u, False),
                     lambda s, u: users.remove(s, u, keep_row=False)):  # fmt: skip
            with pytest.raises(LastAdministrator):
                last(session, ada)
        users.set_admin(session, bob, True)
        users.disable(session, ada)
        with pytest.raises(LastAdministrator):
            users.set_admin(session, bob, False)


def test_members_and_their_roles(database):
    with database.write() as session:
        ada, bob = make_user(session, "ada"), make_user(session, "bob")
        lab = orgs.create_org(session, "lab", admin=ada, default_visibility="private")
        orgs.set_member(session, lab, bob, "read")
        orgs.set_member(session, lab, bob, "write")
        found = [(each.user.name, each.role) for each in orgs.members(session, lab)]
        assert found == [("ada", "admin"), ("bob", "write")]
        assert [each.user.name for each in orgs.members(session, lab, after="ada")] == ["bob"]
        assert [(o.name, r) for o, r in orgs.orgs_of(session, bob.id)] == [("lab", "write")]
        with pytest.raises(LastOrgAdministrator):
            orgs.set_member(session, lab, ada, "write", keep_admin=True)
        with pytest.raises(LastOrgAdministrator):
            orgs.remove_member(session, lab, ada, keep_admin=True)
        orgs.remove_member(session, lab, bob, keep_admin=True)
        with pytest.raises(NotFound):
            orgs.remove_member(session, lab, bob)
        with pytest.raises(BadRequest):
            orgs.set_member(session, ada, bob, "read")
        with pytest.raises(BadRequest):
            orgs.check_role("owner")
        orgs.change_org(session, lab, full_name="The Lab", default_visibility="public")
        assert [(o.full_name, o.default_visibility) for o in orgs.list_orgs(session)] == [
            ("The Lab", "public")
        ]


def test_users_are_listed_by_name(database):
    with database.write() as session:
        for name in ("Carl", "ada", "Bob"):
            make_user(session, name)
        make_org(session, "lab")
        assert [u.name for u in users.list_users(session)] == ["ada", "Bob", "Carl"]
        assert [u.name for u in users.list_users(session, after="ADA", limit=1)] == ["Bob"]
