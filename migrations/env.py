"""Runs migrations on the connection that `hub_server.db.schema` hands over, in its transaction."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import JSON

from hub_server.db import Base, UtcDateTime
from hub_server.db import tables as tables  # registers every table
from hub_server.db.schema import is_ours


def plain_types(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Migrations name no type of ours: what one wrote must not change with the code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, JSON):
        return 'sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(), "postgresql")'
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    render_item=plain_types,
    compare_type=True,
    include_name=is_ours,
    compare_server_default=False,
)
with context.begin_transaction():
    context.run_migrations()
