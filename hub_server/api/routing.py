"""What the routes of the API share: documented paths, bodies in JSON, readings of a revision."""

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from hub_server.edge import small_body
from hub_server.errors import BadRequest, HubError

SMALL_BODY = 1024 * 1024
"""So many prefixes are tried as the name of a branch, where a proxy decoded its slashes."""

Found = TypeVar("Found")
Model = TypeVar("Model", bound=BaseModel)

_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
_ABOUT = {
    "kinds": "models, datasets or spaces",
    "id": "namespace/name, or one segment for an alias",
    "repo": "namespace/name, below datasets/ or spaces/ for those",
    "rest": "revision, with slashes encoded, and path",
}


class NotOffered(HubError):
    """Clients know it, this hub does not have it; they do not ask again as after a 500."""

    status = 501


class Asked(BaseModel):
    """A body as clients send it: names in camel case, what we do not know is ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class JsonBody(Generic[Model]):
    """A dependency that reads a bounded body. Name it before the session: senders may be slow."""

    def __init__(self, model: type[Model], *, limit: int = SMALL_BODY) -> None:
        self.model = model
        self.limit = limit

    async def __call__(self, request: Request) -> Model:
        data = await small_body(request, self.limit)
        try:
            return self.model.model_validate_json(data or b"{}")
        except ValidationError as failure:
            raise RequestValidationError(failure.errors()) from None


class RepoRoute(APIRoute):
    """Tells the description of the API what routes read from the request by themselves.

    Path parameters are not declared as arguments: they may hold bytes that no text type takes.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        extra = dict(options.pop("openapi_extra", None) or {})
        extra["parameters"] = [_path_parameter(name) for name in _PARAMETER.findall(path)]
        if body := _body_of(endpoint):
            extra["requestBody"] = {"content": {"application/json": {"schema": body}}}
        super().__init__(path, endpoint, openapi_extra=extra, **options)


def _path_parameter(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "description": _ABOUT.get(name, name),
    }


def _body_of(endpoint: Callable[..., Any]) -> dict[str, Any] | None:
    for hint in get_type_hints(endpoint, include_extras=True).values():
        for mark in get_args(hint)[1:]:
            if isinstance(mark, Depends) and isinstance(mark.dependency, JsonBody):
                return dict(mark.dependency.model.model_json_schema())
    return None


def asked_revision(request: Request) -> str:
    """The revision that ends the path, in either spelling of its slashes."""
    revision: str = request.path_params["rest"]
    return revision


def asked_name(request: Request) -> str:
    """The same where it shall become a name. Git takes any bytes, but JSON could not tell them."""
    name = asked_revision(request)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadRequest("A name must be valid UTF-8.") from None
    return name
