"""The hub's schema in an empty database, made by the migrations, as an operator gets it."""

from hub_server.db import Database
from hub_server.db.schema import Schema
from hub_server.settings import data_path


def create_schema(url: str) -> None:
    database = Database(url)
    try:
        Schema(database, data_path("migrations")).prepare("auto")
    finally:
        database.dispose()
