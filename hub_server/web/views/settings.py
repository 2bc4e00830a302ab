"""A person's own settings: profile, password, tokens; invitations for administrators."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hub_server.web.translation import mark
from hub_server.web.views.repos import chosen
from hub_server.web.views.shared import Choice

ROLES = (
    Choice("read", mark("Read"), mark("Download what you can see")),
    Choice("write", mark("Write"), mark("Push, create and change")),
)
MEMBER_ROLES = (
    Choice("read", mark("Reader: sees what is private")),
    Choice("contributor", mark("Contributor: makes and changes own repositories")),
    Choice("write", mark("Writer: changes all repositories")),
    Choice("admin", mark("Administrator: settings and members too")),
)
LIFETIMES = (
    Choice("30", mark("in 30 days")),
    Choice("90", mark("in 90 days")),
    Choice("365", mark("in a year")),
    Choice("never", mark("never")),
)


@dataclass(frozen=True)
class Profile:
    name: str
    full_name: str
    email: str
    about: str
    done: str = ""
    refused: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Password:
    name: str
    has_password: bool = True
    done: str = ""
    refused: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TokenRow:
    id: int
    name: str
    role: str
    hint: str
    created: datetime
    last_used: datetime | None = None
    ends: datetime | None = None
    is_expired: bool = False
    ends_soon: bool = False


@dataclass(frozen=True)
class Tokens:
    """`fresh` is the value of a token made by this very request; it is shown this once."""

    tokens: tuple[TokenRow, ...]
    endpoint: str
    fresh: str = ""
    fresh_name: str = ""
    done: str = ""
    name: str = ""
    role: str = "write"
    lifetime: str = "90"
    refused: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def roles(self) -> tuple[Choice, ...]:
        return chosen(ROLES, self.role)

    @property
    def lifetimes(self) -> tuple[Choice, ...]:
        return chosen(LIFETIMES, self.lifetime)


@dataclass(frozen=True)
class InvitationRow:
    id: int
    hint: str
    created: datetime
    organization: str = ""
    role: str = ""
    ends: datetime | None = None
    uses_left: int | None = None
    used: int = 0
    is_over: bool = False


@dataclass(frozen=True)
class Invitations:
    """`fresh` is the link made by this very request; it is shown this once."""

    invitations: tuple[InvitationRow, ...]
    organizations: tuple[str, ...] = ()
    fresh: str = ""
    done: str = ""
    refused: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def organization_options(self) -> tuple[Choice, ...]:
        none = Choice("", mark("No organization"), selected=True)
        return (none, *(Choice(name, name, translated=False) for name in self.organizations))

    @property
    def role_options(self) -> tuple[Choice, ...]:
        return chosen(MEMBER_ROLES, "contributor")
