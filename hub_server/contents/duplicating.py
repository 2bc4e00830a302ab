"""A copy of a repository: its packs copied inside the store, its branches, tags and large files."""

import secrets
from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from hub_server import repos
from hub_server.accounts import Access, Caller
from hub_server.contents.cards_of import record_or_none
from hub_server.contents.hub import Hub
from hub_server.contents.landing import Landing, authorize_again, land_in
from hub_server.contents.snapshots import ContentFacts, of_commit
from hub_server.db import now
from hub_server.db.tables.git import Pack
from hub_server.db.tables.repos import Repo
from hub_server.errors import HubError
from hub_server.gitstore import Pruned, RefUpdate, StagedPack
from hub_server.gitstore.records import index_key, pack_key


def duplicate_repository(
    hub: Hub, caller: Caller, source: ContentFacts, full_name: str, *, private: bool | None = None
) -> Repo:
    """A new repository with the branches, tags and large files of `source`, which the caller may
    read. Raises what `repos.duplicate` raises; if the copy fails the new one is gone again.
    """
    with hub.database.write() as session:
        row = session.get_one(Repo, source.id)
        target = repos.duplicate(session, caller, row, full_name, private=private)
    try:
        _copy(hub, caller, source, target)
    except HubError:
        with hub.database.write() as session:
            repos.delete(session, session.merge(target))
        raise
    with hub.database.read() as session:
        return session.get_one(Repo, target.id)


def _copy(hub: Hub, caller: Caller, source: ContentFacts, target: Repo) -> None:
    view = hub.git.open(source.id, default_branch=source.default_branch)
    lines = view.refs(None)
    staged = _copy_packs(hub, source.id, target.id)
    record = None
    head = next((line for line in lines if line.name == view.head), None)
    if head is not None:
        seen = of_commit(hub, source.id, view.objects, head.id)
        record = record_or_none(seen, source.kind, hub.settings.region)
    updates = [RefUpdate(line.name, None, line.id, line.peeled) for line in lines]
    with hub.database.write() as session:
        now_there = authorize_again(session, caller, source.id, Access.READ)[1]
        if now_there.prunes != source.prunes:
            raise Pruned(now_there.prunes)
        hub.objects.copy_links(session, source.id, target.id, caller.user_id)
        landing = Landing(
            target.id, caller, updates, target.prunes, staged=staged, atomic=True, record=record
        )
        land_in(session, hub, landing)


def _copy_packs(hub: Hub, source_id: int, target_id: int) -> Sequence[StagedPack]:
    """Rows first, as always, then the bytes, which do not pass through the hub."""
    with hub.database.write() as session:
        copies = _rows(session, source_id, target_id)
    for old, new in copies:
        for key in (pack_key, index_key):
            hub.blobs.copy(key(old), key(new.name))
    return [new for _, new in copies]


def _rows(session: Session, source_id: int, target_id: int) -> list[tuple[str, StagedPack]]:
    kept = ("size", "index_size", "objects", "pack_sha256", "index_sha256")
    packs = session.execute(
        select(Pack.name, *(getattr(Pack, name) for name in kept))
        .where(Pack.repo_id == source_id, Pack.state == "live")
        .order_by(Pack.id)
    ).all()
    copies = []
    for pack in packs:
        sha1 = pack.name.rpartition("-")[2]
        name = f"{target_id}-{secrets.token_hex(8)}-{sha1}"
        values = {key: getattr(pack, key) for key in kept}
        values |= {"repo_id": target_id, "name": name, "state": "uploading", "created_at": now()}
        number = session.execute(insert(Pack).values(values).returning(Pack.id)).scalar_one()
        copies.append((pack.name, StagedPack(number, name)))
    return copies
