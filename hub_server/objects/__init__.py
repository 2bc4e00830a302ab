"""Large files: their verified bytes, stored once, and the repositories that may use them.

An oid is never a capability: an object is readable only through a repository that links it and
that the caller may read. Knows no HTTP, and nothing of Git.
"""

from hub_server.objects.access import Claim, authorize, present, upload_claim
from hub_server.objects.expiry import Stray, expire, handlers, stray, sweep_stray
from hub_server.objects.links import (
    LinkedObject,
    ObjectInfo,
    ObjectsGone,
    TooManyPending,
    object_key,
)
from hub_server.objects.signing import Purpose, Ticket, TicketRefused, Tickets
from hub_server.objects.store import LINK_SECONDS, UPLOAD_SECONDS, Objects
from hub_server.objects.uploads import StoredPart, UploadEnded, UploadInfo, Wanted
from hub_server.objects.verification import UploadFailed

__all__ = [
    "LINK_SECONDS",
    "UPLOAD_SECONDS",
    "Claim",
    "LinkedObject",
    "ObjectInfo",
    "Objects",
    "ObjectsGone",
    "Purpose",
    "StoredPart",
    "Stray",
    "Ticket",
    "TicketRefused",
    "Tickets",
    "TooManyPending",
    "UploadEnded",
    "UploadFailed",
    "UploadInfo",
    "Wanted",
    "authorize",
    "expire",
    "handlers",
    "object_key",
    "present",
    "stray",
    "sweep_stray",
    "upload_claim",
]
