"""A person's own settings: profile, password, tokens; invitations for administrators."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hub_server.web.translation import mark
from hub_server.web.views.page import Person
from hub_server.web.views.repos import chosen
from hub_server.web.views.shared import Choice

ROLES = (
    Choice("read", mark("Read"), mark("Download what you can see")),
    Choice("write", mark("Write"), mark("Push, create and change")),
    Choice("fine-grained", mark("Fine-grained"), mark("Only what you choose below")),
)
IN_NAMESPACE = (
    Choice("", mark("nothing")),
    Choice("read", mark("read")),
    Choice("write", mark("read and write")),
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
class SessionRow:
    """One browser that is signed in; `browser` and `system` are "" where it does not say."""

    id: str
    browser: str
    system: str
    began: datetime
    seen: datetime
    ends: datetime
    is_here: bool = False


@dataclass(frozen=True)
class Sessions:
    """This browser first. `done` is "one" or "others" after some were signed out."""

    sessions: tuple[SessionRow, ...]
    done: str = ""


@dataclass(frozen=True)
class ScopeRow:
    target: str
    writes: bool


@dataclass(frozen=True)
class PlaceRow:
    """A namespace or a repository in the form of a fine-grained token; `may` is "" for nothing."""

    name: str
    may: str = ""

    @property
    def in_namespace(self) -> tuple[Choice, ...]:
        return chosen(IN_NAMESPACE, self.may)

    @property
    def in_repo(self) -> tuple[Choice, ...]:
        return chosen(IN_NAMESPACE[1:], self.may or "read")


@dataclass(frozen=True)
class Places:
    """Where a fine-grained token may go; `suggested` are repositories to choose from."""

    namespaces: tuple[PlaceRow, ...] = ()
    repos: tuple[PlaceRow, ...] = (PlaceRow(""),)
    suggested: tuple[str, ...] = ()


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
    scopes: tuple[ScopeRow, ...] = ()


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
    places: Places = Places()
    refused: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def roles(self) -> tuple[Choice, ...]:
        return chosen(ROLES, self.role)

    @property
    def lifetimes(self) -> tuple[Choice, ...]:
        return chosen(LIFETIMES, self.lifetime)


@dataclass(frozen=True)
class PersonRow:
    person: Person
    since: datetime
    is_admin: bool = False
    is_disabled: bool = False
    is_you: bool = False


@dataclass(frozen=True)
class People:
    """`fresh` is a link made by this very request, for `fresh_name` to choose a password.

    `is_local` says that the hub was opened by an address that other computers cannot reach.
    """

    people: tuple[PersonRow, ...]
    next_after: str = ""
    fresh: str = ""
    fresh_name: str = ""
    is_local: bool = False
    done: str = ""
    refused: str = ""


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
    """`fresh` is the link made by this very request; it is shown this once.

    `is_local` says that the hub was opened by an address that other computers cannot reach.
    """

    invitations: tuple[InvitationRow, ...]
    organizations: tuple[str, ...] = ()
    organization: str = ""
    fresh: str = ""
    is_local: bool = False
    done: str = ""
    refused: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def organization_options(self) -> tuple[Choice, ...]:
        none = Choice("", mark("No organization"))
        named = (Choice(name, name, translated=False) for name in self.organizations)
        return chosen((none, *named), self.organization)

    @property
    def role_options(self) -> tuple[Choice, ...]:
        return chosen(MEMBER_ROLES, "contributor")
