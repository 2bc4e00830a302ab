"""Xorbs on their way in: checked chunk by chunk before anything of them is kept.

What is answered says nothing of what strangers have sent: a xorb that is known already is new to
whoever had no right to all of it.
"""

import mmap

from hub_server.blobs import Received
from hub_server.chunks import BadXorb, XorbIndex, check_xorb, from_text, to_text
from hub_server.errors import NotFound
from hub_server.objects import HubParts
from hub_server.xet.tokens import Grant, still


def keep_xorb(hub: HubParts, grant: Grant, name: str, received: Received) -> bool:
    """Check and keep a body that arrived as the xorb `name`; whether it is new to the caller.

    The file is gone afterwards. Holds no connection while it checks. Raises BadHash, BadXorb.
    """
    wanted = from_text(name)
    index = _checked(received)
    if index.xorb_hash() != wanted:
        said = to_text(index.xorb_hash())
        raise BadXorb("These chunks are the xorb {said}, not {name}.", said=said, name=name)
    still(hub, grant)
    user = grant.claim.user_id
    with hub.database.read() as session:
        had = user is not None and hub.objects.xorbs.has_whole_right(session, user, name)
    hub.objects.xorbs.keep(received, index, user)
    return not had


def xorb_size(hub: HubParts, grant: Grant, name: str) -> int:
    """Stored bytes of a xorb that the caller may use all of. Raises NotFound, BadHash."""
    from_text(name)
    with hub.database.read() as session:
        found = hub.objects.xorbs.find(session, [name]).get(name)
        ranges = hub.objects.xorbs.usable(session, grant.caller, [name]).get(name, ())
    if found is None or (0, found.index.count) not in ranges:
        raise NotFound("There is no xorb {hash}.", hash=name)
    return found.index.size


def _checked(received: Received) -> XorbIndex:
    if not received.size:
        raise BadXorb("A xorb has at least one chunk.")
    with (
        received.path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        return check_xorb(mapped)
