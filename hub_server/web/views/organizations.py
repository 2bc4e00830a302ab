"""Organizations and who is in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub_server.web.translation import mark
from hub_server.web.views.page import Person
from hub_server.web.views.repos import chosen
from hub_server.web.views.settings import MEMBER_ROLES
from hub_server.web.views.shared import Choice

DEFAULTS = (
    Choice(
        "private",
        mark("Private"),
        mark("Only members see it, as their roles allow."),
        "lock",
    ),
    Choice(
        "public",
        mark("Public"),
        mark("Everyone who can open this hub sees it."),
        "globe",
    ),
)


@dataclass(frozen=True)
class OrganizationRow:
    """`role` is the caller's, "" for an administrator of the hub who is no member."""

    org: Person
    role: str


@dataclass(frozen=True)
class OrganizationsPage:
    organizations: tuple[OrganizationRow, ...]
    can_make: bool = False
    done: str = ""
    refused: str = ""


@dataclass(frozen=True)
class NewOrganization:
    name: str = ""
    full_name: str = ""
    visibility: str = "private"
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def visibilities(self) -> tuple[Choice, ...]:
        return chosen(DEFAULTS, self.visibility)


@dataclass(frozen=True)
class MemberRow:
    person: Person
    role: str

    @property
    def roles(self) -> tuple[Choice, ...]:
        return chosen(MEMBER_ROLES, self.role)


@dataclass(frozen=True)
class OrganizationSettings:
    """`done` is "saved" or "members"; `member_refused` stands above the form for a new member."""

    org: Person
    full_name: str
    about: str
    visibility: str
    members: tuple[MemberRow, ...]
    can_invite: bool = False
    done: str = ""
    user: str = ""
    refused: str = ""
    member_refused: str = ""

    @property
    def visibilities(self) -> tuple[Choice, ...]:
        return chosen(DEFAULTS, self.visibility)

    @property
    def new_roles(self) -> tuple[Choice, ...]:
        return chosen(MEMBER_ROLES, "contributor")
