"""Answers of an S3 service whose head was cut off are no answers.

http.client takes the end of a connection for the end of the head: a `Content-Length: 12345` that
broke off after `12` would be believed, and an object served short.
"""

from http.client import HTTPResponse, RemoteDisconnected
from typing import IO, Any

from botocore.awsrequest import AWSHTTPConnection, AWSHTTPSConnection

ENDS = (b"\r\n", b"\n")


class _Lines:
    """A file that remembers the last line that was read of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        self.last = self.file.readline(limit)
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class WholeHead(HTTPResponse):
    def begin(self) -> None:
        """Raises RemoteDisconnected, which botocore tries again, unless an empty line ends the
        head.
        """
        whole = self.fp
        lines: Any = _Lines(whole)
        self.fp = lines
        super().begin()
        if self.fp is lines:
            self.fp = whole
        if lines.last not in ENDS:
            raise RemoteDisconnected("the answer broke off in its head")


def insist() -> None:
    """For all connections that botocore makes in this process from now on."""
    for each in (AWSHTTPConnection, AWSHTTPSConnection):
        each.response_class = WholeHead
