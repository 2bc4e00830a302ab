"""The hub's schema in an empty database, as an operator gets it."""

from hub_server.db import Base, Database
from hub_server.db.schema import Schema
from hub_server.settings import data_path


def create_schema(url: str) -> None:
    database = Database(url)
    try:
        schema = Schema(database, data_path("migrations"))
        if schema.newest is None:
            Base.metadata.create_all(database.engine.execution_options(writer=True))
        else:
            schema.prepare("auto")
    finally:
        database.dispose()
