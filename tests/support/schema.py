"""The hub's tables in an empty database."""

import importlib
import pkgutil

from hub_server.db import Base, Database, tables


def create_schema(url: str) -> None:
    for module in pkgutil.iter_modules(tables.__path__):
        importlib.import_module(f"{tables.__name__}.{module.name}")
    database = Database(url)
    try:
        Base.metadata.create_all(database.engine.execution_options(writer=True))
    finally:
        database.dispose()
