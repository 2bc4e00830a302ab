"""Connections to an S3 service, and the links it will accept from clients."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import boto3
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config

from hub_server.blobs import wholeheads
from hub_server.blobs.errors import StoreUnavailable
from hub_server.blobs.protocol import UploadTarget


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where the bucket is. Without keys, boto3 looks where it always does (instance roles …)."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    public_endpoint: str | None = None
    region: str = "us-east-1"
    access_key_id: str | None = None
    secret_access_key: str | None = None


def _session(place: S3Place) -> Any:
    return boto3.session.Session(
        aws_access_key_id=place.access_key_id,
        aws_secret_access_key=place.secret_access_key,
        region_name=place.region,
    )


def connect(place: S3Place, endpoint: str | None) -> Any:
    wholeheads.insist()
    client = _session(place).client(
        "s3",
        endpoint_url=endpoint,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=64,
            tcp_keepalive=True,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    client.meta.events.register("before-send.s3", _send_at_once)
    return client


def _send_at_once(request: Any, **_: object) -> None:
    """Wait for no "100 Continue": where a connection breaks in the middle of one, botocore (1.44)
    reads its end for ever, and whoever waits for this upload waits with it.
    """
    request.headers.pop("Expect", None)


class UploadLinks:
    """Signs PUTs itself: boto3 does not bind Content-Length or x-amz-content-sha256 in a link."""

    def __init__(self, place: S3Place, endpoint: str) -> None:
        self._place = place
        self._base = f"{endpoint.rstrip('/')}/{place.bucket}"
        self._credentials = _session(place).get_credentials()

    def put(
        self,
        name: str,
        query: Mapping[str, str],
        seconds: int,
        size: int | None,
        sha256: str | None,
    ) -> UploadTarget:
        """A link that is good only for a PUT of this size, with the headers it comes with."""
        if self._credentials is None:
            raise StoreUnavailable("no keys for the S3 service are set")
        wanted = {"x-amz-content-sha256": sha256} if sha256 else {}
        bound = {"content-length": str(size)} if size is not None else {}
        url = f"{self._base}/{quote(name)}" + (f"?{urlencode(query)}" if query else "")
        request = AWSRequest(method="PUT", url=url, headers={**wanted, **bound})
        signer = S3SigV4QueryAuth(
            self._credentials.get_frozen_credentials(), "s3", self._place.region, expires=seconds
        )
        signer.add_auth(request)
        return UploadTarget(str(request.url), wanted)
