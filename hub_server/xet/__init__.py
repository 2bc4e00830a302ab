"""Large files by Xet: tokens, xorbs on their way in, shards, reconstructions, dedup answers.

Knows no HTTP. A file hash, a xorb hash, a chunk hash is never a capability: whoever names one gets
what they could read or had sent anyway, and else the words for what does not exist.
"""

from hub_server.objects import HubParts
from hub_server.xet.checking import FileTooLarge, XorbUnknown
from hub_server.xet.offering import offer
from hub_server.xet.reconstructing import (
    Reconstruction,
    file_size,
    reconstruct,
    reconstruct_many,
)
from hub_server.xet.registering import Registration
from hub_server.xet.tickets import Bytes, BytesRefused, file_of, open_bytes, read_ticket
from hub_server.xet.tokens import (
    EPOCH,
    TOKEN_SECONDS,
    Grant,
    IssuedToken,
    Place,
    Scope,
    TokenRefused,
    issue_for,
    issue_read,
    issue_write,
    open_grant,
    place,
)
from hub_server.xet.uploading import keep_xorb, xorb_size

__all__ = [
    "EPOCH",
    "TOKEN_SECONDS",
    "Bytes",
    "BytesRefused",
    "FileTooLarge",
    "Grant",
    "HubParts",
    "IssuedToken",
    "Place",
    "Reconstruction",
    "Registration",
    "Scope",
    "TokenRefused",
    "XorbUnknown",
    "file_of",
    "file_size",
    "issue_for",
    "issue_read",
    "issue_write",
    "keep_xorb",
    "offer",
    "open_bytes",
    "open_grant",
    "place",
    "read_ticket",
    "reconstruct",
    "reconstruct_many",
    "xorb_size",
]
