from datetime import timedelta

from sqlalchemy import select

from hub_server import accounts
from hub_server.accounts import invitations, links, sessions, throttling
from hub_server.accounts.invitations import NewInvitation
from hub_server.db import now
from hub_server.db.tables.accounts import BrowserSession, Invitation, OneTimeLink, Throttle
from tests.support.people import make_user


def test_what_ended_long_ago_goes_and_the_rest_stays(database):
    long_ago = now() - timedelta(days=40)
    with database.write() as session:
        ada, bob = make_user(session), make_user(session, "bob")
        for user in (ada, bob):
            sessions.open_session(session, user.id)
            links.make_reset_link(session, user)
            throttling.count_try(session, user.name, user.name)
            invitations.create_invitation(session, NewInvitation(expires_at=now() + timedelta(1)))
        session.scalars(select(BrowserSession)).first().expires_at = long_ago
        session.scalars(select(OneTimeLink)).first().expires_at = long_ago
        session.scalars(select(Invitation)).first().expires_at = long_ago
        session.scalars(select(Throttle)).first().window_ends_at = long_ago
    with database.write() as session:
        accounts.clean_up(session)
    with database.read() as session:
        left = [
            session.query(table).count()
            for table in (BrowserSession, OneTimeLink, Invitation, Throttle)
        ]
    assert left == [1, 1, 1, 5]
