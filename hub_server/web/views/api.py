"""The API as a page: what programs may ask, by resource."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Operation:
    """`about` is the English first paragraph of its description."""

    method: str
    path: str
    about: str


@dataclass(frozen=True)
class ApiPage:
    """Groups in the order of their names; `description_url` is the OpenAPI document."""

    groups: tuple[tuple[str, tuple[Operation, ...]], ...]
    description_url: str
    endpoint: str
