"""The batch API: what must be sent or can be fetched, and where. Permission is decided here."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from hub_server.accounts import Access, Caller, RepoFacts, require
from hub_server.errors import HubError, Unprocessable
from hub_server.lfs.requests import (
    Action,
    BatchAnswer,
    BatchRequest,
    ObjectAnswer,
    TransferName,
    Wish,
)
from hub_server.objects import (
    LINK_SECONDS,
    UPLOAD_SECONDS,
    Claim,
    HubParts,
    ObjectInfo,
    Ticket,
    Tickets,
    TooManyPending,
    UploadInfo,
    Wanted,
    upload_claim,
)

MIB = 1024**2
LEAST_PART = 5 * MIB
MOST_PARTS = 9_000
LARGEST_BODY = 5 * 10**9
"""An S3 service takes no more in one request."""
ANSWER_HEADERS = {
    "content-type": "application/octet-stream",
    "content-disposition": "attachment",
}


@dataclass(frozen=True, slots=True)
class BatchClient:
    """Who asks; `base` is the hub's address as they know it, without a slash at the end.

    `sends_headers` says that the client sends the headers of its actions (git-lfs does, the Python
    client does not), so that the store itself can refuse other bytes. `by_xet` makes the action of
    an upload where the client lists the transfer `xet`.
    """

    base: str
    sends_headers: bool = False
    by_xet: Callable[[Claim], Action] | None = None


def batch(
    hub: HubParts, caller: Caller, repo: RepoFacts, request: BatchRequest, client: BatchClient
) -> BatchAnswer:
    """Answer a batch. Raises what permission says."""
    if request.operation == "download":
        require(caller, repo, Access.READ)
        downloads = _Downloads(hub, caller, repo, client.base)
        return BatchAnswer("basic", downloads.answer(request.objects))
    claim = upload_claim(caller, repo, request.ref)
    uploads = _Uploads(hub, caller, claim, client)
    if client.by_xet and "xet" in request.transfers:
        return uploads.answer_xet(request, client.by_xet(claim))
    return uploads.answer(request)


class _Downloads:
    def __init__(self, hub: HubParts, caller: Caller, repo: RepoFacts, base: str) -> None:
        self._hub = hub
        self._claim = Claim(repo.id, caller.user_id)
        self._base = base
        self._tickets = Tickets(hub.keys)

    def answer(self, wishes: Sequence[Wish]) -> tuple[ObjectAnswer, ...]:
        oids = {wish.oid for wish in wishes}
        with self._hub.database.read() as session:
            found = self._hub.objects.is_linked(
                session, self._claim.repo_id, oids, user_id=self._claim.user_id
            )
        return tuple(self._one(wish, found.get(wish.oid)) for wish in wishes)

    def _one(self, wish: Wish, info: ObjectInfo | None) -> ObjectAnswer:
        if info is None:
            return ObjectAnswer(wish.oid, wish.size, error=(404, "Object does not exist"))
        if info.size != wish.size:
            return _wrong_size(wish, info)
        href = self._hub.objects.url(
            wish.oid, seconds=LINK_SECONDS, headers=ANSWER_HEADERS, plain=info.plain
        )
        if href is None:
            ticket = Ticket("download", wish.oid, wish.size, self._claim)
            href = self._base + self._tickets.path(ticket, seconds=LINK_SECONDS)
        return ObjectAnswer(wish.oid, wish.size, {"download": Action(href, LINK_SECONDS)})


class _Uploads:
    def __init__(self, hub: HubParts, caller: Caller, claim: Claim, client: BatchClient) -> None:
        self._hub = hub
        self._caller = caller
        self._claim = claim
        self._base = client.base
        self._sends_headers = client.sends_headers
        self._tickets = Tickets(hub.keys)
        self._direct = hub.objects.direct

    def answer(self, request: BatchRequest) -> BatchAnswer:
        wishes = {wish.oid: wish for wish in request.objects}
        present = self._present(wishes.keys())
        refused = self._refused([wish for oid, wish in wishes.items() if oid not in present])
        new = [w for oid, w in wishes.items() if oid not in present and oid not in refused]
        in_parts = self._in_parts(new) if "multipart" in request.transfers else set()
        actions = self._actions(new, in_parts)
        name: TransferName = "multipart" if in_parts else "basic"
        return self._told(name, request, present, refused, actions)

    def answer_xet(self, request: BatchRequest, action: Action) -> BatchAnswer:
        """The same action for each: what it leads to learns from shards what objects there are."""
        wishes = {wish.oid: wish for wish in request.objects}
        present = self._present(wishes.keys())
        new = [wish for oid, wish in wishes.items() if oid not in present]
        actions: dict[str, dict[str, Action]] = {wish.oid: {"upload": action} for wish in new}
        return self._told("xet", request, present, self._refused(new), actions)

    def _told(
        self,
        name: TransferName,
        request: BatchRequest,
        present: Mapping[str, ObjectInfo],
        refused: Mapping[str, HubError],
        actions: Mapping[str, dict[str, Action]],
    ) -> BatchAnswer:
        return BatchAnswer(
            name,
            tuple(
                self._one(wish, present.get(wish.oid), refused.get(wish.oid), actions)
                for wish in request.objects
            ),
        )

    @staticmethod
    def _one(
        wish: Wish,
        info: ObjectInfo | None,
        refusal: HubError | None,
        actions: Mapping[str, dict[str, Action]],
    ) -> ObjectAnswer:
        if info is not None and info.size != wish.size:
            return _wrong_size(wish, info)
        if refusal is not None:
            return ObjectAnswer(wish.oid, wish.size, error=(refusal.status, str(refusal)))
        return ObjectAnswer(wish.oid, wish.size, actions.get(wish.oid, {}))

    def _present(self, oids: Collection[str]) -> dict[str, ObjectInfo]:
        """Objects of the repository; those the caller can read elsewhere become its now.

        What the store has lost is not among them: sending it again brings it back for everybody.
        """
        objects, claim = self._hub.objects, self._claim
        with self._hub.database.read() as session:
            found = objects.is_linked(session, claim.repo_id, oids, user_id=claim.user_id)
            rest = [oid for oid in oids if oid not in found]
            elsewhere = objects.provable(session, self._caller, rest) if rest else {}
        if elsewhere:
            limit = self._hub.settings.pending_per_user
            with self._hub.database.write() as session:
                for info in elsewhere.values():
                    objects.link(
                        session,
                        claim.repo_id,
                        info.id,
                        claim.user_id,
                        pending=claim.pending,
                        pending_limit=limit,
                    )
        present = found | elsewhere
        whole = objects.whole(present.values())
        return {oid: info for oid, info in present.items() if oid in whole}

    def _refused(self, new: Sequence[Wish]) -> dict[str, HubError]:
        """What may not be sent, and why."""
        most = self._hub.settings.max_lfs_file
        refused: dict[str, HubError] = {
            wish.oid: FileTooLarge(wish.size, most) for wish in new if wish.size > most
        }
        if self._claim.pending and self._claim.user_id is not None:
            limit = self._hub.settings.pending_per_user
            with self._hub.database.read() as session:
                free = limit - self._hub.objects.count_pending(session, self._claim.user_id)
            over = [wish.oid for wish in new if wish.oid not in refused][max(0, free) :]
            refused |= {oid: TooManyPending(limit) for oid in over}
        return refused

    def _in_parts(self, new: Sequence[Wish]) -> set[str]:
        """git-lfs hands all objects of a batch to one agent; others look at each object."""
        threshold = self._hub.settings.lfs_multipart_threshold
        large = {wish.oid for wish in new if wish.size > threshold}
        if large and self._sends_headers:
            return {wish.oid for wish in new}
        return large

    def _actions(
        self, new: Sequence[Wish], in_parts: Collection[str]
    ) -> dict[str, dict[str, Action]]:
        wanted = {}
        for wish in new:
            if wish.oid in in_parts:
                wanted[wish.oid] = self._wanted(wish, self._part_size(wish.size))
            elif self._direct and 0 < wish.size <= LARGEST_BODY:
                wanted[wish.oid] = self._wanted(wish, wish.size)
        begun = self._hub.objects.start_uploads(list(wanted.values())) if wanted else []
        uploads = {upload.sha256: upload for upload in begun}
        return {
            wish.oid: self._parts(uploads[wish.oid])
            if wish.oid in in_parts
            else self._single(wish, uploads.get(wish.oid))
            for wish in new
        }

    def _wanted(self, wish: Wish, part_size: int) -> Wanted:
        return Wanted(self._claim, wish.oid, wish.size, part_size, self._direct)

    def _part_size(self, size: int) -> int:
        """At least what is set, and so much that there are not too many parts; whole MiB then."""
        least = self._hub.settings.lfs_part_size
        if self._hub.objects.blobs.incoming_folder is None:  # S3 takes no smaller parts
            least = max(least, LEAST_PART)
        needed = -(-size // MOST_PARTS)
        return least if needed <= least else -(-needed // MIB) * MIB

    def _single(self, wish: Wish, upload: UploadInfo | None) -> dict[str, Action]:
        if upload is None:
            return {"upload": self._ticket(Ticket("upload", wish.oid, wish.size, self._claim))}
        sha256 = wish.oid if self._sends_headers else None
        target = self._hub.objects.part_target(upload, 1, sha256=sha256)
        assert target  # noqa: S101 - the upload goes past the hub
        verify = Ticket("verify", wish.oid, wish.size, self._claim, upload.token)
        return {
            "upload": Action(target.url, UPLOAD_SECONDS, target.headers),
            "verify": self._ticket(verify),
        }

    def _parts(self, upload: UploadInfo) -> dict[str, Action]:
        """Nothing else may stand in `header`: an agent takes every other value for a part."""
        header = {"chunk_size": str(upload.part_size)}
        for number in range(1, upload.count + 1):
            header[f"{number:05}"] = self._part(upload, number)
        complete = Ticket("complete", upload.sha256, upload.size, self._claim, upload.token)
        return {"upload": Action(self._ticket(complete).href, UPLOAD_SECONDS, header)}

    def _part(self, upload: UploadInfo, number: int) -> str:
        if target := self._hub.objects.part_target(upload, number):
            return target.url
        length = upload.part_length(number)
        ticket = Ticket("part", upload.sha256, length, self._claim, upload.token, number)
        return self._ticket(ticket).href

    def _ticket(self, ticket: Ticket) -> Action:
        return Action(
            self._base + self._tickets.path(ticket, seconds=UPLOAD_SECONDS), UPLOAD_SECONDS
        )


class FileTooLarge(Unprocessable):
    def __init__(self, size: int, most: int) -> None:
        super().__init__("The file has {size} bytes; this hub takes {most}.", size=size, most=most)


def _wrong_size(wish: Wish, info: ObjectInfo) -> ObjectAnswer:
    said = f"The object has {info.size} bytes, not {wish.size}"
    return ObjectAnswer(wish.oid, wish.size, error=(422, said))
