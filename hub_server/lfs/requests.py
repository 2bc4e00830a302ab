"""The batch API's bodies: what clients ask, checked, and what they are told, as JSON."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from hub_server.errors import BadRequest, Conflict, TooLarge, Unprocessable

MEDIA_TYPE = "application/vnd.git-lfs+json"
MOST = 1000
LARGEST_SIZE = 2**62
OID = re.compile(r"[0-9a-f]{64}")
HASHES = (None, "", "sha256", "sha_256")

Operation = Literal["upload", "download"]
TransferName = Literal["basic", "multipart", "xet"]


@dataclass(frozen=True, slots=True)
class Wish:
    """An object a client wants to send or fetch."""

    oid: str
    size: int


@dataclass(frozen=True, slots=True)
class BatchRequest:
    operation: Operation
    objects: tuple[Wish, ...]
    transfers: tuple[str, ...] = ("basic",)
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """A request the client is to make next; `header` is what it must send with it."""

    href: str
    seconds: int
    header: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"href": self.href, "expires_in": self.seconds}
        return {**said, "header": dict(self.header)} if self.header else said


@dataclass(frozen=True, slots=True)
class ObjectAnswer:
    """No actions and no error: there is nothing to do for this object."""

    oid: str
    size: int
    actions: Mapping[str, Action] = field(default_factory=dict)
    error: tuple[int, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """Keys that do not apply are left out: clients fail on `"actions": null`."""
        said: dict[str, Any] = {"oid": self.oid, "size": self.size}
        if self.error:
            said["error"] = {"code": self.error[0], "message": self.error[1]}
        elif self.actions:
            said["authenticated"] = True
            said["actions"] = {name: each.as_json() for name, each in self.actions.items()}
        return said


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    transfer: TransferName
    objects: tuple[ObjectAnswer, ...]

    def as_json(self) -> dict[str, Any]:
        objects = [each.as_json() for each in self.objects]
        return {"transfer": self.transfer, "objects": objects, "hash_algo": "sha256"}


def read_batch(body: object) -> BatchRequest:
    """The request in a decoded body. Raises BadRequest, Unprocessable, TooLarge, Conflict."""
    if not isinstance(body, dict):
        raise BadRequest("The body of a batch request is a JSON object.")
    operation = body.get("operation")
    if operation not in ("upload", "download"):
        raise Unprocessable("`operation` must be upload or download.")
    if body.get("hash_algo") not in HASHES:
        raise Conflict("Large files are named by sha256 here; no other hash is known.")
    objects = body.get("objects")
    if not isinstance(objects, list):
        raise Unprocessable("`objects` must be a list.")
    if len(objects) > MOST:
        raise TooLarge("A batch may name {most} objects; send several.", most=MOST)
    return BatchRequest(
        operation=cast(Operation, operation),
        objects=tuple(_wish(each) for each in objects),
        transfers=_transfers(body.get("transfers")),
        ref=_ref(body.get("ref")),
    )


def read_wish(body: object) -> Wish:
    """`{"oid": …, "size": …}`, as `verify` is sent it."""
    return _wish(body)


def read_completion(body: object) -> str:
    """The oid in the body of a completion; the parts it lists are known better here."""
    oid = body.get("oid") if isinstance(body, dict) else None
    if not isinstance(oid, str) or not OID.fullmatch(oid):
        raise Unprocessable("A completion names its oid and its parts.")
    return oid


def _wish(value: object) -> Wish:
    if not isinstance(value, dict):
        raise Unprocessable("An object has an oid and a size.")
    oid, size = value.get("oid"), value.get("size")
    if not isinstance(oid, str) or not OID.fullmatch(oid):
        raise Unprocessable("An oid must be a sha256 in 64 lower case hex characters.")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= LARGEST_SIZE:
        raise Unprocessable("The size of {oid} must be a whole number of bytes.", oid=oid)
    return Wish(oid, size)


def _transfers(value: object) -> tuple[str, ...]:
    if value is None:
        return ("basic",)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Unprocessable("`transfers` must be a list of names.")
    return tuple(value) or ("basic",)


def _ref(value: object) -> str | None:
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) and name else None
