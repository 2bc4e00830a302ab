"""What can go wrong with objects, packs, names and pushes, in sentences people can act on.

The tree:

    GitError
    ├── ObjectMissing 404       NotACommit
    ├── ObjectTooLarge 413      an object, or the result of a delta, beyond the limit
    ├── BadObject 422           BadPack
    ├── BadPath 400             PathConflict 409
    └── BadRefName 400
"""

from hub_server.errors import BadRequest, Conflict, HubError, NotFound, TooLarge, Unprocessable


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
