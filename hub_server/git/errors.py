"""What can go wrong with objects, packs, names and pushes, in sentences people can act on.

The tree:

    GitError
    ├── ObjectMissing 404       NotACommit
    ├── ObjectTooLarge 413      an object, or the result of a delta, beyond the limit
    ├── BadObject 422           BadPack
    ├── BadPath 400             PathConflict 409
    ├── BadRefName 400
    ├── BadProtocol 400         what a client sent is not the Git protocol
    ├── NotOurRef 404           a want that nothing fetchable reaches
    ├── PushTooLarge 413        a push beyond a limit, other than one object's size
    └── ProgramFailed 503       the git program died or was stopped
"""

from hub_server.errors import (
    BadRequest,
    Conflict,
    HubError,
    NotFound,
    TooLarge,
    Unavailable,
    Unprocessable,
)


class GitError(HubError):
    """Everything this room refuses; the status comes from the second base of each leaf."""


class ObjectMissing(GitError, NotFound):
    def __init__(self, object_id: str) -> None:
        super().__init__("Object {id} is not in this repository", id=object_id[:64])
        self.object_id = object_id


class NotACommit(GitError, NotFound):
    def __init__(self, object_id: str, kind: str) -> None:
        super().__init__("{id} is a {kind}, not a commit", id=object_id[:64], kind=kind)


class ObjectTooLarge(GitError, TooLarge):
    """Big files belong in LFS; raised before anything of that size is held in memory."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            "An object of {size} bytes is above the limit of {limit} bytes; "
            "store large files with Git LFS",
            size=size,
            limit=limit,
        )


class BadObject(GitError, Unprocessable):
    """An object whose bytes are not what its kind asks for."""


class BadPack(BadObject):
    """A pack or index that is truncated, corrupt or hostile."""


class BadPath(GitError, BadRequest):
    """A file path that no client could check out safely."""


class PathConflict(GitError, Conflict):
    """A file where a folder is needed, or the other way round."""


class BadRefName(GitError, BadRequest):
    """Not a name that `git check-ref-format` and this hub accept."""


class BadProtocol(GitError, BadRequest):
    """A request that is not the Git protocol, or asks for what was not advertised."""


class NotOurRef(GitError, NotFound):
    """A want that no ref of the repository reaches, or that the caller may not fetch."""

    def __init__(self, object_id: str) -> None:
        # The words of stock Git: clients and their users search for them.
        super().__init__("upload-pack: not our ref {id}", id=object_id[:64])


class PushTooLarge(GitError, TooLarge):
    """A push beyond a limit; raised before anything of that size is held."""


class ProgramFailed(GitError, Unavailable):
    """The git program ended without doing its work, or was stopped at its limits."""
