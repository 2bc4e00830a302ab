"""What an S3 service says when it cannot, in the hub's words."""

import contextlib
from collections.abc import Iterator

from botocore.exceptions import (
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as S3ConnectionError
from botocore.parsers import ResponseParserError

from hub_server.blobs.errors import (
    BlobError,
    BlobMissing,
    PartsMissing,
    StoreFull,
    StoreUnavailable,
    disk_failure,
)

MISSING = {"NoSuchKey", "NotFound", "404"}
NO_PARTS = {
    "NoSuchUpload": "it is unknown or has ended",
    "InvalidPart": "a part has not arrived",
    "InvalidPartOrder": "its parts are not in order",
    "EntityTooSmall": "a part is too small",
}
FULL = {"QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity", "StorageFull"}
INSUFFICIENT_STORAGE = 507


def named(failure: ClientError, key: str) -> BlobError:
    code = str(failure.response.get("Error", {}).get("Code", ""))
    status = failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code in NO_PARTS:
        return PartsMissing(NO_PARTS[code])
    if code in FULL or status == INSUFFICIENT_STORAGE:
        return StoreFull()
    if code in MISSING:
        return BlobMissing(key)
    return StoreUnavailable(f"the S3 service answers {code or status}")


@contextlib.contextmanager
def parts_errors(key: str) -> Iterator[None]:
    """The same for requests about an upload in parts, which services call missing in many words."""
    try:
        with s3_errors(key):
            yield
    except BlobMissing:
        raise PartsMissing(NO_PARTS["NoSuchUpload"]) from None


@contextlib.contextmanager
def s3_errors(key: str) -> Iterator[None]:
    """Turn what boto3 raises into BlobErrors; a mistake of ours passes through."""
    try:
        yield
    except ClientError as failure:
        raise named(failure, key) from failure
    except (NoCredentialsError, PartialCredentialsError) as failure:
        raise StoreUnavailable("no keys for the S3 service are set") from failure
    except ResponseParserError as failure:
        raise StoreUnavailable("an answer of the S3 service was cut off") from failure
    except (S3ConnectionError, HTTPClientError) as failure:
        raise StoreUnavailable("the S3 service cannot be reached") from failure
    except OSError as failure:
        raise disk_failure(failure) from failure
