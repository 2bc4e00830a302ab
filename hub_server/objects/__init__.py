"""Large files: their verified bytes, stored once, and the repositories that may use them.

An oid is never a capability: an object is readable only through a repository that links it and
that the caller may read. Knows no HTTP, and nothing of Git.
"""

from hub_server.objects.access import Claim, authorize, permit, present, upload_claim
from hub_server.objects.expiry import Stray, expire, handlers, stray, sweep_stray
from hub_server.objects.links import (
    LinkedObject,
    ObjectInfo,
    ObjectsGone,
    TooManyPending,
    object_key,
)
from hub_server.objects.parts import HubParts
from hub_server.objects.ranges import Ranges, covers, merged
from hub_server.objects.reassembly import PlacedTerm
from hub_server.objects.signing import Purpose, Ticket, TicketRefused, Tickets
from hub_server.objects.store import LINK_SECONDS, UPLOAD_SECONDS, Objects
from hub_server.objects.uploads import StoredPart, UploadEnded, UploadInfo, Wanted
from hub_server.objects.verification import UploadFailed
from hub_server.objects.xet_files import Term, XetFile, XetFiles
from hub_server.objects.xorbs import StoredXorb, Xorbs, xorb_key

__all__ = [
    "LINK_SECONDS",
    "UPLOAD_SECONDS",
    "Claim",
    "HubParts",
    "LinkedObject",
    "ObjectInfo",
    "Objects",
    "ObjectsGone",
    "PlacedTerm",
    "Purpose",
    "Ranges",
    "StoredPart",
    "StoredXorb",
    "Stray",
    "Term",
    "Ticket",
    "TicketRefused",
    "Tickets",
    "TooManyPending",
    "UploadEnded",
    "UploadFailed",
    "UploadInfo",
    "Wanted",
    "XetFile",
    "XetFiles",
    "Xorbs",
    "authorize",
    "covers",
    "expire",
    "handlers",
    "merged",
    "object_key",
    "permit",
    "present",
    "stray",
    "sweep_stray",
    "upload_claim",
    "xorb_key",
]
