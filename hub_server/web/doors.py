"""What the doors share: the fields of a new account, its refusals, links that have ended."""

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from hub_server.accounts import EmailTaken, NameTaken, NewUser, passwords
from hub_server.errors import HubError, InvalidName
from hub_server.web.forms import Text, said
from hub_server.web.rendering import language_of, render
from hub_server.web.views.sign_in import DeadLink, NewAccount

FIELDS: tuple[tuple[type[HubError], str], ...] = (
    (NameTaken, "name"),
    (InvalidName, "name"),
    (EmailTaken, "email"),
    (passwords.WeakPassword, "password"),
)


@dataclass(frozen=True)
class AccountFields:
    name: str
    full_name: str
    email: str
    password: str
    language: str

    def new_user(self) -> NewUser:
        """Hashes the password, so call it outside a unit of work; raises WeakPassword."""
        hashed = passwords.make(self.password, self.name, self.email, self.full_name)
        return NewUser(
            self.name.strip(),
            self.email,
            self.full_name,
            password_hash=hashed,
            language=self.language,
        )


def _fields(
    request: Request, name: Text = "", full_name: Text = "", email: Text = "", password: Text = ""
) -> AccountFields:
    return AccountFields(name, full_name, email, password, language_of(request))


NewAccountForm = Annotated[AccountFields, Depends(_fields)]


def refused_account(
    request: Request, view: NewAccount, form: AccountFields, error: HubError
) -> Response:
    """The form again, filled as it was but for the password, with the reason where it belongs."""
    field = next((name for kind, name in FIELDS if isinstance(error, kind)), "")
    sentence = said(request, error)
    view = replace(
        view,
        name=form.name,
        full_name=form.full_name,
        email=form.email,
        refused="" if field else sentence,
        errors={field: sentence} if field else {},
    )
    return render(request, "sign_in/new_account.html", view, status=error.status)


def dead_link(request: Request, purpose: str) -> Response:
    return render(request, "sign_in/dead_link.html", DeadLink(purpose), status=HTTPStatus.GONE)
