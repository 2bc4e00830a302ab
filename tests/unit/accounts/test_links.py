from datetime import timedelta

import pytest
from sqlalchemy import select, update

from hub_server.accounts import invitations, links, orgs, users
from hub_server.accounts.invitations import InvitationEnded, NewInvitation, SignupClosed
from hub_server.accounts.links import LinkEnded
from hub_server.accounts.users import NewUser
from hub_server.db import now
from hub_server.db.tables.accounts import Account, Invitation, OneTimeLink
from hub_server.errors import BadRequest, NotFound
from tests.support.crowds import at_once
from tests.support.people import make_org, make_user


def test_the_first_administrator_comes_by_a_link(database):
    with database.write() as session:
        first, second = links.ensure_setup_link(session), links.ensure_setup_link(session)
        for secret in (first, second):
            links.check_setup_link(session, secret)
        with pytest.raises(LinkEnded):
            links.check_setup_link(session, "guess")
    with database.write() as session:
        made = links.create_first_administrator(session, first, NewUser("ada", "a@x.org"))
        assert made.is_admin
    with database.write() as session:
        assert links.ensure_setup_link(session) is None
        for secret in (first, second):
            with pytest.raises(LinkEnded):
                links.create_first_administrator(session, secret, NewUser("eve"))


def test_a_name_refused_does_not_use_the_link_up(database):
    with database.write() as session:
        secret = links.ensure_setup_link(session)
    with pytest.raises(BadRequest), database.write() as session:
        links.create_first_administrator(session, secret, NewUser("api"))
    with database.write() as session:
        links.create_first_administrator(session, secret, NewUser("ada"))


def test_of_many_first_administrators_there_is_one(database):
    with database.write() as session:
        secrets = [links.ensure_setup_link(session) for _ in range(2)]

    def claim(number):
        with database.write() as session:
            secret = secrets[number % 2]
            return links.create_first_administrator(session, secret, NewUser(f"u{number}")).id

    results = at_once(8, claim)
    assert sum(isinstance(each, int) for each in results) == 1
    assert all(isinstance(each, int | LinkEnded) for each in results)
    with database.read() as session:
        assert len(session.scalars(select(Account.id)).all()) == 1


def test_a_reset_link_works_once_within_a_day(database):
    with database.write() as session:
        ada = make_user(session)
        old = links.make_reset_link(session, ada)
        secret = links.make_reset_link(session, ada)
        with pytest.raises(LinkEnded):
            links.check_reset_link(session, old)
        assert links.check_reset_link(session, secret).id == ada.id
        with pytest.raises(LinkEnded):
            links.check_setup_link(session, secret)
        assert links.reset_password(session, secret, "hash").password_hash == "hash"
        with pytest.raises(LinkEnded):
            links.reset_password(session, secret, "again")
        late = links.make_reset_link(session, ada)
        session.execute(update(OneTimeLink).values(expires_at=now() - timedelta(seconds=1)))
        with pytest.raises(LinkEnded):
            links.reset_password(session, late, "again")


def test_a_reset_link_ends_with_another_change_of_the_password(database):
    with database.write() as session:
        ada = make_user(session)
        secret = links.make_reset_link(session, ada)
        users.set_password(session, ada, "hash")
        with pytest.raises(LinkEnded):
            links.reset_password(session, secret, "other")


def test_sign_up_modes(database):
    with database.write() as session:
        _, secret = invitations.create_invitation(session, NewInvitation())
        with pytest.raises(SignupClosed, match="administrators"):
            invitations.sign_up(session, "closed", NewUser("ada"), invitation=secret)
        with pytest.raises(SignupClosed, match="invitation"):
            invitations.sign_up(session, "invite", NewUser("ada"))
        with pytest.raises(InvitationEnded):
            invitations.sign_up(session, "invite", NewUser("ada"), invitation="guess")
        ada = invitations.sign_up(session, "invite", NewUser("ada"), invitation=secret)
        assert not ada.is_admin
        with pytest.raises(InvitationEnded):
            invitations.sign_up(session, "invite", NewUser("bob"), invitation=secret)
        assert invitations.sign_up(session, "open", NewUser("bob")).name == "bob"


def test_an_invitation_into_an_organization(database):
    with database.write() as session:
        admin, ada = make_user(session, "boss"), make_user(session, "ada")
        lab = make_org(session, "lab", admin=admin)
        _, secret = invitations.create_invitation(
            session, NewInvitation(lab, "contributor", uses=2, created_by=admin.id)
        )
        new = invitations.sign_up(session, "invite", NewUser("bob"), invitation=secret)
        assert orgs.orgs_of(session, new.id)[0][1] == "contributor"
        invitations.accept(session, secret, admin)  # keeps the higher role, uses nothing up
        assert orgs.orgs_of(session, admin.id)[0][1] == "admin"
        invitations.accept(session, secret, ada)
        assert orgs.orgs_of(session, ada.id)[0][1] == "contributor"
        with pytest.raises(InvitationEnded):
            invitations.accept(session, secret, make_user(session, "late"))
        _, plain = invitations.create_invitation(session, NewInvitation())
        with pytest.raises(BadRequest):
            invitations.accept(session, plain, ada)


def test_invitations_end(database):
    with database.write() as session:
        soon = NewInvitation(expires_at=now() + timedelta(hours=1), uses=None)
        row, secret = invitations.create_invitation(session, soon)
        invitations.sign_up(session, "invite", NewUser("a1"), invitation=secret)
        invitations.sign_up(session, "invite", NewUser("a2"), invitation=secret)
        session.refresh(row)
        assert (row.used, row.uses_left) == (2, None)
        assert [each.id for each in invitations.list_invitations(session)] == [row.id]
        row.expires_at = now() - timedelta(seconds=1)
        session.flush()
        with pytest.raises(InvitationEnded):
            invitations.check_invitation(session, secret)
        second, other = invitations.create_invitation(session, NewInvitation())
        invitations.revoke_invitation(session, second.id)
        with pytest.raises(InvitationEnded):
            invitations.check_invitation(session, other)
        with pytest.raises(NotFound):
            invitations.revoke_invitation(session, second.id)
        assert invitations.list_invitations(session) == []


def test_impossible_invitations(database):
    with database.write() as session:
        lab = make_org(session)
        for wrong in (
            NewInvitation(uses=0),
            NewInvitation(lab),
            NewInvitation(role="read"),
            NewInvitation(expires_at=now() - timedelta(days=1)),
        ):
            with pytest.raises(BadRequest):
                invitations.create_invitation(session, wrong)


def test_one_use_serves_one_of_eight(database):
    with database.write() as session:
        lab = make_org(session)
        _, secret = invitations.create_invitation(session, NewInvitation(lab, "write", uses=1))

    def join(number):
        with database.write() as session:
            new = NewUser(f"u{number}")
            return invitations.sign_up(session, "invite", new, invitation=secret).id

    results = at_once(8, join)
    assert sum(isinstance(each, int) for each in results) == 1
    assert all(isinstance(each, int | InvitationEnded) for each in results)
    with database.read() as session:
        row = session.scalars(select(Invitation)).one()
        assert (row.used, row.uses_left) == (1, 0)
        assert len(orgs.members(session, orgs.org_named(session, "lab"))) == 1
