"""From settings to a store; the only place that knows which kinds there are."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from hub_server.blobs.files import FileStore
from hub_server.blobs.protocol import BlobStore
from hub_server.settings import Settings


def open_store(settings: Settings) -> BlobStore:
    """The store that HUB_BLOBS names; `check` tells whether it can be used."""
    url = urlsplit(settings.blobs)
    if url.scheme == "file":
        return FileStore(file_root(settings))
    # Imported here: boto3 costs 30 MB and a while, which a hub on a directory need not pay.
    from hub_server.blobs.s3 import S3Store
    from hub_server.blobs.s3client import S3Place

    secret = settings.s3_secret_access_key
    place = S3Place(
        bucket=url.netloc,
        prefix=url.path.strip("/"),
        endpoint=settings.s3_endpoint or None,
        public_endpoint=settings.s3_public_endpoint or None,
        region=settings.s3_region or "us-east-1",
        access_key_id=settings.s3_access_key_id or None,
        secret_access_key=secret.get_secret_value() if secret else None,
    )
    return S3Store(place, direct=settings.s3_direct)


def file_root(settings: Settings) -> Path:
    """`file:///srv/hub` and `file://relative/to/the/data/directory`."""
    url = urlsplit(settings.blobs)
    return (settings.data_dir / unquote(f"{url.netloc}{url.path}")).resolve()
