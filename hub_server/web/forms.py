"""What forms send: guarded against other sites, trimmed, and refused in the reader's words."""

from typing import Annotated

from fastapi import Depends, Form, Request
from pydantic import BaseModel, ConfigDict, Field

from hub_server.edge import TheHub, csrf
from hub_server.errors import HubError
from hub_server.web.rendering import catalog_of

MOST = 10_000
Text = Annotated[str, Form(max_length=MOST)]


class Fields(BaseModel):
    """A form as it was sent; a field that is missing has its default."""

    model_config = ConfigDict(frozen=True, str_max_length=MOST)


class SignInForm(Fields):
    name: str = ""
    password: str = ""
    next: str = ""
    stay: str = ""


class NewRepoForm(Fields):
    kind: str = "model"
    owner: str = ""
    name: str = ""
    licence: str = ""
    sdk: str = "static"
    visibility: str = "public"


class PlaceForm(Fields):
    """Where a repository goes."""

    owner: str = ""
    name: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name.strip()}"


class InvitationForm(Fields):
    uses: str = "1"
    days: str = "7"
    organization: str = ""
    role: str = "contributor"


class NewOrganizationForm(Fields):
    name: str = ""
    full_name: str = ""
    visibility: str = "private"


class OrganizationForm(Fields):
    full_name: str = ""
    about: str = ""
    visibility: str = "private"


class ProfileForm(Fields):
    full_name: str = ""
    email: str = ""
    about: str = ""


class TokenForm(Fields):
    """`namespace_may` and `repo_may` answer, place by place, to `namespace` and `repo`."""

    name: str = ""
    role: str = "write"
    lifetime: str = "90"
    namespace: list[str] = Field(default=[], max_length=1000)
    namespace_may: list[str] = Field(default=[], max_length=1000)
    repo: list[str] = Field(default=[], max_length=100)
    repo_may: list[str] = Field(default=[], max_length=100)


def _own(request: Request, hub: TheHub, sent: csrf.SentToken) -> None:
    if not csrf.is_ours(request, hub.keys, sent):
        raise csrf.ForgedRequest


OwnForm = Depends(_own)
"""For forms of people who are not signed in; `CurrentCaller` sees to everybody else's."""


def said(request: Request, error: HubError) -> str:
    """The sentence of a refusal, to stand in the form that was refused."""
    return str(catalog_of(request).error(error))
