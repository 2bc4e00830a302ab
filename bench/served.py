"""`hub-server serve` with two routes more, put around the application from outside.

`/-/bench/empty` is what any route of this application costs; `/-/bench/statements` counts SQL.
"""

import sys

from fastapi import Response
from sqlalchemy import event

from hub_server import app as composition
from hub_server.cli import main
from hub_server.settings import Settings

EMPTY = "/-/bench/empty"
STATEMENTS = "/-/bench/statements"


product = composition.create_app


def create_app(settings: Settings) -> composition.Application:
    application = product(settings)
    routes = application.routes
    counted = 0

    def count(_: object, __: object, statement: str, *___: object) -> None:
        nonlocal counted
        counted += not statement.startswith("BEGIN")

    event.listen(application.hub.database.engine, "before_cursor_execute", count)

    @routes.api_route(EMPTY, methods=["GET", "HEAD"])
    def empty() -> Response:
        return Response()

    @routes.get(STATEMENTS)
    def statements() -> int:
        return counted

    for _ in range(2):  # before the routes that take any two segments for a repository
        routes.router.routes.insert(0, routes.router.routes.pop())
    return application


if __name__ == "__main__":
    composition.create_app = create_app
    sys.argv[0] = "hub-server"
    main()
