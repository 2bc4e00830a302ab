"""Every failure a client can cause or must hear about. `edge.errors` alone renders them.

The tree:

    HubError
    ├── BadRequest 400          InvalidName
    ├── Unauthorized 401        InvalidCredentials
    ├── Forbidden 403           DisabledRepo
    ├── NotFound 404            RepoNotFound, RevisionNotFound, EntryNotFound
    ├── MethodNotAllowed 405
    ├── Conflict 409            AlreadyExists
    ├── Gone 410                Lost
    ├── PreconditionFailed 412
    ├── TooLarge 413
    ├── RangeNotSatisfiable 416
    ├── Unprocessable 422
    ├── Unavailable 503         (Retry-After)
    └── StorageFull 507
    Moved 307                   a redirect that a lower room found

Quota and policy refusals are 4xx but never 429: clients retry that one. A leaf lives in the room
that raises it, unless several rooms share it.
"""

from typing import ClassVar


class HubError(Exception):
    """An expected failure: an English sentence, a status, and what the wire formats need.

    `message` may hold `{name}` fields that `params` fill; pages translate the unfilled sentence.
    """

    status: int = 500
    code: ClassVar[str] = ""

    def __init__(
        self, message: str, *, headers: dict[str, str] | None = None, **params: object
    ) -> None:
        self.message_id = message
        self.params = {name: _printable(value) for name, value in params.items()}
        self.headers = dict(headers or {})
        super().__init__(_printable(message.format(**self.params) if params else message))


def _printable(value: object) -> object:
    """Text of a request may hold bytes that are no text; no answer could carry those."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


class BadRequest(HubError):
    status = 400


class InvalidName(BadRequest):
    """A namespace, repository, branch or file name that nothing may carry."""


class Unauthorized(HubError):
    status = 401


class InvalidCredentials(Unauthorized):
    """A token that is malformed, unknown, expired or revoked; clients compare these words."""

    def __init__(self) -> None:
        super().__init__("Invalid credentials in Authorization header")


class Forbidden(HubError):
    status = 403


class NotFound(HubError):
    status = 404


class RepoNotFound(NotFound):
    """Missing, or not to be seen, in the same words; anonymous callers are answered 401."""

    code = "RepoNotFound"

    def __init__(self, *, anonymous: bool = False) -> None:
        super().__init__("Invalid username or password." if anonymous else "Repository not found")
        if anonymous:
            self.status = 401


class RevisionNotFound(NotFound):
    code = "RevisionNotFound"

    def __init__(self, revision: str) -> None:
        super().__init__("Invalid rev id: {revision}", revision=revision[:200])


class EntryNotFound(NotFound):
    """No such file at this revision; the answer still names the commit, clients cache it."""

    code = "EntryNotFound"

    def __init__(self, message: str = "Entry not found", *, commit: str | None = None) -> None:
        super().__init__(message, headers={"X-Repo-Commit": commit} if commit else None)


class MethodNotAllowed(HubError):
    status = 405


class Conflict(HubError):
    status = 409


class AlreadyExists(Conflict):
    """Carries what clients read from a conflict, `url` for repositories."""

    def __init__(self, message: str, *, url: str | None = None, **params: object) -> None:
        super().__init__(message, headers=None, **params)
        self.url = url


class Gone(HubError):
    status = 410


class Lost(Gone):
    """What was stored is not there any more, or is other bytes: trying again does not help.

    Clients retry a 5xx, so this is none; nobody ever gets the wrong bytes instead.
    """

    def __init__(self, key: str) -> None:
        super().__init__(
            "{key} is lost or damaged in the storage of this hub; "
            "`hub-server fsck` tells its operator more.",
            key=key,
        )


class PreconditionFailed(HubError):
    status = 412


class TooLarge(HubError):
    status = 413


class RangeNotSatisfiable(HubError):
    status = 416

    def __init__(self, size: int) -> None:
        super().__init__(
            "The requested range lies outside the file of {size} bytes.",
            headers={"Content-Range": f"bytes */{size}"},
            size=size,
        )


class Unprocessable(HubError):
    status = 422


class Unavailable(HubError):
    """Something behind the hub does not answer, or a queue is full; trying again helps."""

    status = 503

    def __init__(self, message: str, *, retry_after: int = 5, **params: object) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)}, **params)


class StorageFull(HubError):
    status = 507


class Moved(HubError):
    """The thing asked for lives under another name; `location` is the new path part of the id."""

    status = 307

    def __init__(self, old: str, new: str) -> None:
        super().__init__("{old} has moved to {new}.", old=old, new=new)
        self.old = old
        self.new = new
