"""Large files by Git LFS: pointers, batches of transfers, locks. Knows no HTTP."""

from hub_server.lfs.batches import BatchClient, batch
from hub_server.lfs.locks import (
    AlreadyLocked,
    Lock,
    LockPage,
    create_lock,
    list_locks,
    unlock,
)
from hub_server.lfs.pointers import LARGEST, Pointer, format_pointer, parse_pointer
from hub_server.lfs.requests import (
    MEDIA_TYPE,
    Action,
    BatchAnswer,
    BatchRequest,
    ObjectAnswer,
    Wish,
    read_batch,
    read_completion,
    read_wish,
)
from hub_server.lfs.transfers import (
    Arrival,
    Download,
    complete,
    open_download,
    open_part,
    open_upload,
    read_download,
    receive,
    store,
    verify,
    verify_upload,
)
from hub_server.objects import HubParts

__all__ = [
    "LARGEST",
    "MEDIA_TYPE",
    "Action",
    "AlreadyLocked",
    "Arrival",
    "BatchAnswer",
    "BatchClient",
    "BatchRequest",
    "Download",
    "HubParts",
    "Lock",
    "LockPage",
    "ObjectAnswer",
    "Pointer",
    "Wish",
    "batch",
    "complete",
    "create_lock",
    "format_pointer",
    "list_locks",
    "open_download",
    "open_part",
    "open_upload",
    "parse_pointer",
    "read_batch",
    "read_completion",
    "read_download",
    "read_wish",
    "receive",
    "store",
    "unlock",
    "verify",
    "verify_upload",
]
