"""Who would miss stored bytes: the repositories that use an object."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hub_server.db.tables.objects import ObjectLink, PendingLink
from hub_server.db.tables.repos import Repo
from hub_server.upkeep.repositories import label

SHOWN = 10
"""Repositories that a finding names."""


def users(session: Session, object_ids: Any) -> list[str]:
    """Some repositories that link one of the objects or have it waiting; nobody else needs it.

    `object_ids` is a list or a choice of them.
    """
    linked = select(ObjectLink.repo_id).where(ObjectLink.object_id.in_(object_ids))
    waiting = select(PendingLink.repo_id).where(PendingLink.object_id.in_(object_ids))
    columns = select(Repo.kind, Repo.full_name, Repo.deleted_at)
    rows = session.execute(
        columns.where(or_(Repo.id.in_(linked), Repo.id.in_(waiting)))
        .order_by(Repo.id)
        .limit(SHOWN + 1)
    )
    return [label(kind, name, deleted=gone is not None) for kind, name, gone in rows]


def shown(names: Sequence[str]) -> str:
    """As a sentence names them."""
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "") or "nobody"
