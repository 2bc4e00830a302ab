"""What the API tells of repositories that refer to each other."""

import httpx

from tests.api.committing import put
from tests.support.server import LiveHub, LiveUser


def card(**fields: str) -> dict[str, bytes]:
    lines = "".join(f"{name}: {value}\n" for name, value in fields.items())
    return {"README.md": f"---\n{lines}---\n# Card\n".encode()}


def told(client: httpx.Client, model: str, *names: str) -> dict[str, object]:
    answer = client.get(f"/api/models/{model}", params={"expand": list(names)})
    assert answer.is_success
    found: dict[str, object] = answer.json()
    return found


def test_the_tree_of_a_base_model(hub: LiveHub, ada: LiveUser) -> None:
    base, child, other = (ada.make_repo() for _ in range(3))
    hidden = ada.make_repo(private=True)
    put(ada, child, card(base_model=base))
    put(ada, other, card(base_model=f"[{base}, nobody/nothing]", base_model_relation="merge"))
    put(ada, hidden, card(base_model=base, base_model_relation="quantized"))
    with hub.client() as nobody, ada.client() as own:
        counts = told(nobody, base, "childrenModelCount")["childrenModelCount"]
        assert counts == {"finetune": 1, "adapter": 0, "merge": 1, "quantized": 0}
        mine = told(own, base, "childrenModelCount")["childrenModelCount"]
        assert mine == {**counts, "quantized": 1}
        bases = told(nobody, other, "baseModels")["baseModels"]
        number = nobody.get(f"/api/models/{base}").json()["_id"]
        assert bases == {
            "relation": "merge",
            "models": [{"_id": number, "id": base}, {"id": "nobody/nothing"}],
        }
        listed = nobody.get(
            "/api/models", params={"author": "ada", "expand": ["childrenModelCount", "spaces"]}
        ).json()
        assert {each["id"]: each for each in listed}[base]["childrenModelCount"] == counts
        assert {each["id"]: each for each in listed}[child]["spaces"] == []


def test_spaces_that_use_a_model(hub: LiveHub, ada: LiveUser) -> None:
    model, space = ada.make_repo(), ada.make_repo(kind="space")
    put(ada, space, card(sdk="static", title="App", models=f"[{model}]"), kinds="spaces")
    with hub.client() as nobody:
        assert nobody.get(f"/api/models/{model}").json()["spaces"] == [space]
        assert told(nobody, model, "spaces")["spaces"] == [space]
        assert nobody.get(f"/api/spaces?models={model}").json()[0]["id"] == space
