"""The description of the API: valid, whole, and true of what it describes."""

import httpx
import pytest
from openapi_spec_validator import validate

from tests.support.server import LiveHub


@pytest.fixture(scope="module")
def document(hub: LiveHub) -> dict[str, object]:
    with hub.client() as client:
        answer: httpx.Response = client.get("/api/openapi.json")
    assert answer.is_success
    found: dict[str, object] = answer.json()
    return found


def test_it_is_valid(document: dict[str, object]) -> None:
    validate(document)


def test_every_part_of_a_path_is_described(document: dict[str, dict[str, dict[str, dict]]]) -> None:
    for path, operations in document["paths"].items():
        wanted = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        for operation in operations.values():
            named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert named == wanted, path


def test_bodies_are_described(document: dict[str, dict[str, dict[str, dict]]]) -> None:
    body = document["paths"]["/api/repos/create"]["post"]["requestBody"]
    assert "organization" in body["content"]["application/json"]["schema"]["properties"]
