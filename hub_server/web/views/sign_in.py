"""Doors: signing in and out, the first administrator, invitations, a new password.

`refused` is a translated sentence for the whole form, `errors` one for each field that is wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SignIn:
    next: str = ""
    name: str = ""
    refused: str = ""
    note: str = ""
    signup: str = "invite"
    stay: bool = False


@dataclass(frozen=True)
class NewAccount:
    """First-run set-up and joining share their fields; `action` is where the form goes.

    `organization` is the one an invitation leads into, "" for none.
    """

    action: str
    is_setup: bool = False
    token: str = ""
    organization: str = ""
    name: str = ""
    email: str = ""
    full_name: str = ""
    refused: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PasswordReset:
    action: str
    token: str
    name: str
    refused: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DeadLink:
    """A set-up, invitation or reset link that is used up, expired or never was."""

    purpose: str
