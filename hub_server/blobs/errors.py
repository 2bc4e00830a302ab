"""What can go wrong between the hub and its blobs; each has its status and words."""

import errno

from hub_server.errors import BadRequest, HubError, NotFound, StorageFull, Unavailable
from hub_server.errors import TooLarge as TooLarge

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class BlobError(HubError):
    """Any failure of a blob store or of a body on its way into it."""


class BlobMissing(BlobError, NotFound):
    def __init__(self, key: str) -> None:
        super().__init__("There is nothing stored under {key}.", key=key)
        self.key = key


class DigestMismatch(BlobError, BadRequest):
    """The bytes are not the ones that were announced; nothing of them was kept."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(
            "The bytes have the sha256 {found}, not {expected}; nothing was stored.",
            found=found,
            expected=expected,
        )


class SizeMismatch(BlobError, BadRequest):
    """A body that ended early or went on too long; nothing of it was kept."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(
            "The body has {found} bytes instead of {expected}; nothing was stored.",
            found=found,
            expected=expected,
        )


class StoreFull(BlobError, StorageFull):
    def __init__(self) -> None:
        super().__init__("The storage of this hub is full. Nothing was stored.")


class StoreUnavailable(BlobError, Unavailable):
    """The store does not answer, or answers nonsense; trying again may help."""

    def __init__(self, reason: str, *, retry_after: int = 10) -> None:
        super().__init__(
            "The storage of this hub does not answer ({reason}). Try again later.",
            retry_after=retry_after,
            reason=reason,
        )


class PartsMissing(BlobError, BadRequest):
    """An upload in parts that is unknown, ended, or was completed with other parts than it has."""

    def __init__(self, reason: str) -> None:
        super().__init__("The upload in parts cannot go on: {reason}.", reason=reason)


def disk_failure(failure: OSError) -> BlobError:
    """The named error for a failed write or read of the local disk."""
    if failure.errno in FULL:
        return StoreFull()
    return StoreUnavailable(failure.strerror or type(failure).__name__)
