"""`user` and `org`: accounts, with or without a running server."""

import sys
from typing import get_args

import click

from hub_server import repos
from hub_server.accounts import NewUser, Role, links, orgs, passwords, users
from hub_server.accounts.orgs import Visibility
from hub_server.cli.base import open_database, with_settings
from hub_server.cli.results import EVERYBODY, link, reading, table, writing
from hub_server.errors import BadRequest
from hub_server.settings import Settings


def _password(name: str, email: str | None) -> str:
    """The hash of the first line of standard input, or of what is typed unseen."""
    if sys.stdin.isatty():
        given = str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    return passwords.make(given, name, email)


def _member(text: str) -> tuple[str, Role]:
    user, colon, role = text.rpartition(":")
    if not colon:
        raise BadRequest("--member: {text!r} is not of the form USER:ROLE.", text=text)
    return user, orgs.check_role(role)


@click.group()
def user() -> None:
    """Accounts of people."""


@user.command("create")
@click.argument("name")
@click.option("--email", help="E-mail address; the author of this user's commits.")
@click.option("--full-name", default="", help="Shown beside the name.")
@click.option("--admin", is_flag=True, help="Make an administrator of the whole hub.")
@click.option(
    "--password-stdin/--no-password",
    required=True,
    help="Read the password from standard input, or make an account for tokens only.",
)
@with_settings
def create_user(
    settings: Settings,
    name: str,
    email: str | None,
    full_name: str,
    admin: bool,
    password_stdin: bool,
) -> None:
    """Create the account NAME and print its name."""
    password_hash = _password(name, email) if password_stdin else None
    new = NewUser(name, email, full_name, password_hash, is_admin=admin)
    with writing(settings) as session:
        created = users.create_user(session, new)
    click.echo(created.name)


@user.command("list")
@with_settings
def list_users(settings: Settings) -> None:
    """All accounts: name, e-mail address, state, full name."""
    with reading(settings) as session:
        found = users.list_users(session, limit=EVERYBODY)
    table(
        "NAME EMAIL STATE FULL_NAME",
        (
            (
                each.name,
                each.email,
                "disabled" if each.disabled_at else "admin" if each.is_admin else "user",
                each.full_name,
            )
            for each in found
        ),
    )


@user.command("password")
@click.argument("name")
@click.option(
    "--password-stdin/--link",
    required=True,
    help="Read the new password from standard input, or print a link to choose one within a day.",
)
@with_settings
def change_password(settings: Settings, name: str, password_stdin: bool) -> None:
    """Give NAME a new password; browser sessions end, tokens go on working."""
    with open_database(settings) as database:
        with database.read() as session:
            account = users.user_named(session, name)
        fresh = _password(account.name, account.email) if password_stdin else None
        with database.write() as session:
            account = users.user_named(session, name)
            if fresh is None:
                click.echo(link(settings, f"/reset/{links.make_reset_link(session, account)}"))
                return
            users.set_password(session, account, fresh)
    click.echo(f"{account.name} has a new password.", err=True)


@user.command("disable")
@click.argument("name")
@with_settings
def disable_user(settings: Settings, name: str) -> None:
    """Sign NAME out everywhere and refuse the tokens; what they made stays."""
    with writing(settings) as session:
        users.disable(session, users.user_named(session, name))


@user.command("enable")
@click.argument("name")
@with_settings
def enable_user(settings: Settings, name: str) -> None:
    """Undo `user disable`."""
    with writing(settings) as session:
        users.enable(session, users.user_named(session, name))


@user.command("admin")
@click.argument("name")
@click.option("--revoke", is_flag=True, help="Take the right away instead.")
@with_settings
def make_admin(settings: Settings, name: str, revoke: bool) -> None:
    """Make NAME an administrator of the whole hub."""
    with writing(settings) as session:
        users.set_admin(session, users.user_named(session, name), not revoke)


@user.command("rename")
@click.argument("name")
@click.argument("to")
@with_settings
def rename_user(settings: Settings, name: str, to: str) -> None:
    """Rename an account; addresses of its repositories under the old name redirect."""
    with writing(settings) as session:
        repos.rename_namespace(session, users.user_named(session, name), to)


@user.command("delete")
@click.argument("name")
@click.option(
    "--with-repositories", is_flag=True, help="Delete what they own as well (kept for some days)."
)
@with_settings
def delete_user(settings: Settings, name: str, with_repositories: bool) -> None:
    """Delete an account; refused while it owns repositories, unless told."""
    with writing(settings) as session:
        account = users.user_named(session, name)
        repos.delete_namespace(session, account, with_repositories=with_repositories)


@click.group()
def org() -> None:
    """Organizations and their members."""


@org.command("create")
@click.argument("name")
@click.option("--full-name", default="", help="Shown beside the name.")
@click.option(
    "--default-visibility",
    type=click.Choice(get_args(Visibility)),
    default="public",
    show_default=True,
    help="Of new repositories that do not say.",
)
@click.option(
    "--member", "added", multiple=True, metavar="USER:ROLE", help="May be given several times."
)
@with_settings
def create_org(
    settings: Settings,
    name: str,
    full_name: str,
    default_visibility: Visibility,
    added: tuple[str, ...],
) -> None:
    """Create the organization NAME and print its name.

    Roles: read (see private repositories), contributor (also create, and change what one created),
    write (change all), admin (settings and members).
    """
    wanted = [_member(text) for text in added]
    with writing(settings) as session:
        made = orgs.create_org(
            session, name, full_name=full_name, default_visibility=default_visibility
        )
        for member, role in wanted:
            orgs.set_member(session, made, users.user_named(session, member), role)
    click.echo(made.name)


@org.command("list")
@with_settings
def list_orgs(settings: Settings) -> None:
    """All organizations: name, default visibility, full name."""
    with reading(settings) as session:
        found = orgs.list_orgs(session)
    table(
        "NAME DEFAULT_VISIBILITY FULL_NAME",
        ((each.name, each.default_visibility, each.full_name) for each in found),
    )


@org.command("member")
@click.argument("name")
@click.argument("added", nargs=-1, metavar="[USER:ROLE]...")
@click.option("--remove", "removed", multiple=True, metavar="USER", help="Take USER out.")
@with_settings
def change_members(
    settings: Settings, name: str, added: tuple[str, ...], removed: tuple[str, ...]
) -> None:
    """Add members to the organization NAME, change their roles; print who is in it then."""
    wanted = [_member(text) for text in added]
    with writing(settings) as session:
        account = orgs.org_named(session, name)
        for member, role in wanted:
            orgs.set_member(session, account, users.user_named(session, member), role)
        for member in removed:
            orgs.remove_member(session, account, users.user_named(session, member))
        found = orgs.members(session, account, limit=EVERYBODY)
    table("USER ROLE", ((each.user.name, each.role) for each in found))


@org.command("rename")
@click.argument("name")
@click.argument("to")
@with_settings
def rename_org(settings: Settings, name: str, to: str) -> None:
    """Rename an organization; addresses of its repositories under the old name redirect."""
    with writing(settings) as session:
        repos.rename_namespace(session, orgs.org_named(session, name), to)


@org.command("delete")
@click.argument("name")
@click.option(
    "--with-repositories", is_flag=True, help="Delete what it owns as well (kept for some days)."
)
@with_settings
def delete_org(settings: Settings, name: str, with_repositories: bool) -> None:
    """Delete an organization; refused while it owns repositories, unless told."""
    with writing(settings) as session:
        account = orgs.org_named(session, name)
        repos.delete_namespace(session, account, with_repositories=with_repositories)
