"""Immutable bytes under keys, in a directory or on S3. Knows no SQL, users or HTTP.

`S3Store` lives in `blobs.s3` and is imported only where a bucket is used.
"""

from hub_server.blobs.errors import (
    BlobError,
    BlobMissing,
    DigestMismatch,
    PartsMissing,
    SizeMismatch,
    StoreFull,
    StoreUnavailable,
    disk_failure,
)
from hub_server.blobs.files import FileStore
from hub_server.blobs.incoming import Incoming, Received, Writer
from hub_server.blobs.opening import file_root, open_store
from hub_server.blobs.protocol import (
    CHUNK,
    BadKey,
    BlobInfo,
    BlobReader,
    BlobStore,
    Digest,
    Key,
    Part,
    UnfinishedParts,
    UploadTarget,
    byte_range,
)

__all__ = [
    "CHUNK",
    "BadKey",
    "BlobError",
    "BlobInfo",
    "BlobMissing",
    "BlobReader",
    "BlobStore",
    "Digest",
    "DigestMismatch",
    "FileStore",
    "Incoming",
    "Key",
    "Part",
    "PartsMissing",
    "Received",
    "SizeMismatch",
    "StoreFull",
    "StoreUnavailable",
    "UnfinishedParts",
    "UploadTarget",
    "Writer",
    "byte_range",
    "disk_failure",
    "file_root",
    "open_store",
]
