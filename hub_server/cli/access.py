"""`token`, `invite` and `alias`: what lets people and names in, with or without a server."""

import re
from typing import get_args

import click

from hub_server import repos
from hub_server.accounts import Role, TokenRole, invitations, orgs, scopes, tokens, users
from hub_server.accounts.invitations import NewInvitation
from hub_server.accounts.tokens import NewToken
from hub_server.cli.base import with_settings
from hub_server.cli.results import day, expiry, link, reading, table, writing
from hub_server.db.tables.repos import KINDS, Kind
from hub_server.errors import BadRequest
from hub_server.settings import Settings


@click.group()
def token() -> None:
    """Access tokens, for the Python client, git and the API."""


@token.command("create")
@click.argument("name_of_user", metavar="USER")
@click.option("--name", default="command line", show_default=True, help="To tell tokens apart.")
@click.option(
    "--role",
    type=click.Choice(get_args(TokenRole)),
    help="What it may do at most (default: write, or fine-grained where there is a scope).",
)
@click.option(
    "--scope",
    "wanted",
    multiple=True,
    metavar="PERMISSION:TARGET",
    help="Of a fine-grained token, such as repo.write:models/ada/tiny or repo.read:ada; "
    "permissions are repo.read, repo.write, discussion.write. May be given several times.",
)
@click.option("--expires", metavar="DURATION", help="Such as 30d or 12h (default: never).")
@with_settings
def create_token(
    settings: Settings,
    name_of_user: str,
    name: str,
    role: TokenRole | None,
    wanted: tuple[str, ...],
    expires: str | None,
) -> None:
    """Print a new token of USER, alone on one line; it cannot be shown again."""
    with writing(settings) as session:
        account = users.user_named(session, name_of_user)
        if account.disabled_at:
            raise BadRequest("{name} is disabled; enable the account first.", name=account.name)
        new = NewToken(
            name,
            role or ("fine-grained" if wanted else "write"),
            tuple(scopes.parse_scope(session, text) for text in wanted),
            expiry(expires),
        )
        _, secret = tokens.create_token(session, account, new)
    click.echo(secret)


@token.command("list")
@click.argument("name_of_user", metavar="USER")
@with_settings
def list_tokens(settings: Settings, name_of_user: str) -> None:
    """The tokens of USER: number, role, last four characters, expiry, last use, name."""
    with reading(settings) as session:
        found = tokens.list_tokens(session, users.user_named(session, name_of_user).id)
    table(
        "NUMBER ROLE ENDS_IN EXPIRES LAST_USED NAME",
        (
            (
                each.id,
                each.role,
                each.hint,
                day(each.expires_at),
                day(each.last_used_at),
                each.name,
            )
            for each in found
        ),
    )


@token.command("revoke")
@click.argument("which", metavar="NUMBER|TOKEN")
@with_settings
def revoke_token(settings: Settings, which: str) -> None:
    """Take a token out of use, by its number in `token list` or the token itself."""
    with writing(settings) as session:
        if which.startswith(tokens.PREFIX):
            tokens.revoke_secret(session, which)
        elif re.fullmatch(r"[0-9]{1,9}", which):
            tokens.revoke_number(session, int(which))
        else:
            raise BadRequest("{which!r} is neither a token nor a number.", which=which)


@click.group()
def invite() -> None:
    """Invitations: links by which people make an account or join an organization."""


@invite.command("create")
@click.option("--org", "org_name", help="Whoever accepts joins this organization.")
@click.option("--role", type=click.Choice(orgs.ROLES), help="In the organization (default: read).")
@click.option("--uses", default="1", show_default=True, help="How often it works, or `any`.")
@click.option("--expires", default="14d", show_default=True, help="Such as 12h, or `never`.")
@with_settings
def create_invitation(
    settings: Settings, org_name: str | None, role: Role | None, uses: str, expires: str
) -> None:
    """Print an invitation link, alone on one line; it cannot be shown again."""
    if uses != "any" and not uses.isdecimal():
        raise BadRequest("--uses: {uses!r} is not a number or `any`.", uses=uses)
    with writing(settings) as session:
        joined = orgs.org_named(session, org_name) if org_name else None
        new = NewInvitation(
            joined,
            role or ("read" if joined else None),
            None if uses == "any" else int(uses),
            expiry(expires),
        )
        _, secret = invitations.create_invitation(session, new)
    click.echo(link(settings, f"/join/{secret}"))


@invite.command("list")
@with_settings
def list_invitations(settings: Settings) -> None:
    """Invitations that still work: number, uses left, expiry, organization, role."""
    with reading(settings) as session:
        names = {each.id: each.name for each in orgs.list_orgs(session)}
        found = invitations.list_invitations(session)
    table(
        "NUMBER USES_LEFT EXPIRES ORGANIZATION ROLE",
        (
            (
                each.id,
                "any" if each.uses_left is None else each.uses_left,
                day(each.expires_at) or "never",
                names.get(each.org_id or 0),
                each.role,
            )
            for each in found
        ),
    )


@invite.command("revoke")
@click.argument("number", type=click.IntRange(1, 10**9))
@with_settings
def revoke_invitation(settings: Settings, number: int) -> None:
    """Take an invitation out of use, by its number in `invite list`."""
    with writing(settings) as session:
        invitations.revoke_invitation(session, number)


@click.group()
def alias() -> None:
    """Names of one segment, such as gpt2, that redirect to a repository."""


kind_option = click.option(
    "--kind", type=click.Choice(KINDS), default="model", show_default=True, help="Of repository."
)


@alias.command("add")
@click.argument("name")
@click.argument("target", metavar="NAMESPACE/NAME")
@kind_option
@with_settings
def add_alias(settings: Settings, name: str, target: str, kind: Kind) -> None:
    """Make NAME stand for a repository, which may be created later."""
    with writing(settings) as session:
        repos.add_alias(session, kind, name, target)
        if repos.find(session, kind, target) is None:
            click.echo(f"There is no {kind} {target} yet.", err=True)


@alias.command("remove")
@click.argument("name")
@kind_option
@with_settings
def remove_alias(settings: Settings, name: str, kind: Kind) -> None:
    """NAME stands for nothing any more."""
    with writing(settings) as session:
        repos.remove_alias(session, kind, name)


@alias.command("list")
@with_settings
def list_aliases(settings: Settings) -> None:
    """All aliases: name, kind, repository."""
    with reading(settings) as session:
        found = repos.list_aliases(session)
    table("NAME KIND TARGET", ((each.name_key, each.kind, each.target) for each in found))
