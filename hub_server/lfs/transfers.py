"""What the links of a batch lead to: bodies and parts coming in, completion, verification, bytes.

Each begins with a ticket and asks anew whether its user may still do this. Between the first and
the last function of a transfer bytes move, and no connection to the database is held.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from hub_server.accounts import Access, Caller, RepoFacts, require
from hub_server.blobs import BlobReader, Received
from hub_server.errors import NotFound, Unprocessable
from hub_server.lfs.requests import Wish
from hub_server.objects import HubParts, ObjectInfo, Ticket, Tickets, UploadInfo, present

WAIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Arrival:
    """A body that may come in now: `size` bytes, with this sha256 where it is known."""

    ticket: Ticket
    size: int
    sha256: str | None
    upload: UploadInfo | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """An object the ticket's user may fetch; `url` is where the store itself has it, if it says."""

    sha256: str
    size: int
    url: str | None


def open_upload(hub: HubParts, oid: str, ticket: str) -> Arrival:
    """Before a PUT of a whole object. Raises TicketRefused, or what permission says."""
    found = Tickets(hub.keys).read("upload", oid, ticket)
    hub.objects.check_claim(found.claim)
    return Arrival(found, found.size, found.sha256)


def open_part(hub: HubParts, oid: str, ticket: str) -> Arrival:
    """Before a PUT of a part. Also raises UploadEnded."""
    found = Tickets(hub.keys).read("part", oid, ticket)
    hub.objects.check_claim(found.claim)
    upload = hub.objects.find_upload(found.upload)
    return Arrival(found, upload.part_length(found.number), None, upload)


async def receive(hub: HubParts, arrival: Arrival, body: AsyncIterator[bytes]) -> Received:
    """The body in a local file. Raises SizeMismatch, DigestMismatch, TooLarge, StoreFull."""
    async with hub.incoming.writer(
        limit=arrival.size, expect_size=arrival.size, expect=arrival.sha256
    ) as writer:
        async for chunk in body:
            if chunk:
                await writer.send(chunk)
    return writer.received


def store(hub: HubParts, arrival: Arrival, received: Received) -> str:
    """After a PUT, of either kind; returns the ETag."""
    if arrival.upload is None:
        return hub.objects.store_received(received, arrival.ticket.claim).sha256
    return hub.objects.store_part(arrival.upload, arrival.ticket.number, received).etag


def complete(hub: HubParts, oid: str, ticket: str) -> bool:
    """All parts are sent: False if they are still being verified after a minute.

    Raises PartsMissing, UploadFailed, UploadEnded.
    """
    found = Tickets(hub.keys).read("complete", oid, ticket)
    hub.objects.check_claim(found.claim)
    return hub.objects.finish_upload(found.upload, seconds=WAIT_SECONDS)


def verify_upload(hub: HubParts, oid: str, ticket: str, wish: Wish) -> bool:
    """The `verify` action of an upload past the hub; like `complete`."""
    found = Tickets(hub.keys).read("verify", oid, ticket)
    if wish != Wish(found.sha256, found.size):
        raise Unprocessable("This link verifies another object.")
    hub.objects.check_claim(found.claim)
    return hub.objects.finish_upload(found.upload, seconds=WAIT_SECONDS)


def verify(hub: HubParts, caller: Caller, repo: RepoFacts, wish: Wish) -> None:
    """Raise NotFound unless the repository has the object, Unprocessable if its size differs."""
    require(caller, repo, Access.READ)
    hub.objects.settle(repo.id, caller.user_id, [wish.oid], seconds=WAIT_SECONDS)
    info = _linked(hub, repo.id, wish.oid, caller.user_id)
    if info is None:
        raise NotFound("Object does not exist")
    if info.size != wish.size:
        raise Unprocessable(
            "The object has {size} bytes, not {said}.", size=info.size, said=wish.size
        )


def open_download(
    hub: HubParts, oid: str, ticket: str, *, headers: Mapping[str, str] | None = None
) -> Download:
    """Before a GET or HEAD of an object; `headers` are what a direct link is to answer with."""
    found = Tickets(hub.keys).read("download", oid, ticket)
    claim = found.claim
    with hub.database.read() as session:
        caller, repo = present(session, claim.repo_id, claim.user_id)
        require(caller, repo, Access.READ)
        info = hub.objects.is_linked(session, repo.id, [oid], user_id=claim.user_id).get(oid)
    if info is None:
        raise NotFound("Object does not exist")
    return Download(oid, info.size, hub.objects.checked_url(oid, size=info.size, headers=headers))


def read_download(
    hub: HubParts, download: Download, start: int = 0, length: int | None = None
) -> BlobReader:
    """The bytes of a download, in constant memory."""
    return hub.objects.open(download.sha256, start, length, size=download.size)


def _linked(hub: HubParts, repo_id: int, oid: str, user_id: int | None) -> ObjectInfo | None:
    with hub.database.read() as session:
        return hub.objects.is_linked(session, repo_id, [oid], user_id=user_id).get(oid)
