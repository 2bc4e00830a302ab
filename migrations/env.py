"""Runs migrations on the connection that `hub_server.db.schema` hands over, in its transaction."""

from alembic import context

from hub_server.db import Base
from hub_server.db import tables as tables  # registers every table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    compare_server_default=False,
)
with context.begin_transaction():
    context.run_migrations()
