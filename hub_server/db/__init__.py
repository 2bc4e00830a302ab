"""The database: engine, units of work, column types, tables. Knows no feature."""

from hub_server.db.base import Base, JsonValue, UtcDateTime, new_public_id, now
from hub_server.db.engine import Database, database_clock
from hub_server.db.insert import insert_ignore, insert_into, upsert

__all__ = [
    "Base",
    "Database",
    "JsonValue",
    "UtcDateTime",
    "database_clock",
    "insert_ignore",
    "insert_into",
    "new_public_id",
    "now",
    "upsert",
]
