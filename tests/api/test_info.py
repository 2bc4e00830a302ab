"""What repositories tell about themselves, and listings of them."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.committing import put
from tests.support.server import LiveHub, LiveUser
from tests.unit.cards import headers

MODEL_CARD = b"""---
license: mit
language: [en, fr]
library_name: transformers
pipeline_tag: fill-mask
tags: [a-tag]
datasets: [ada/words]
base_model: ada/base
---
# Usage
See arxiv:2401.00001.
"""
DATASET_CARD = b"---\nlicense: mit\ntask_categories: [text-classification]\n---\n# Words\n"
CONFIG = b'{"architectures": ["BertForMaskedLM"], "model_type": "bert"}'


@pytest.fixture(scope="module")
def client(hub: LiveHub) -> Iterator[httpx.Client]:
    with hub.client() as made:
        yield made


@pytest.fixture(scope="module")
def model(ada: LiveUser) -> str:
    name = ada.make_repo()
    tokenizer = b'{"mask_token": "[MASK]"}'
    files = {"README.md": MODEL_CARD, "config.json": CONFIG, "tokenizer_config.json": tokenizer}
    put(ada, name, files)
    return name


def test_everything_a_model_tells(client: httpx.Client, model: str) -> None:
    info = client.get(f"/api/models/{model}?blobs=true&securityStatus=true&unknown=1").json()
    assert re.fullmatch("[0-9a-f]{24}", info["_id"])
    assert info["id"] == info["modelId"] == model
    assert info["author"] == "ada"
    assert re.fullmatch("[0-9a-f]{40}", info["sha"])
    for field in ("lastModified", "createdAt"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", info[field])
    assert (info["private"], info["gated"], info["disabled"]) == (False, False, False)
    assert (info["downloads"], info["likes"]) == (0, 0)
    assert info["pipeline_tag"] == "fill-mask"
    assert info["library_name"] == "transformers"
    assert info["config"]["model_type"] == "bert"
    assert info["mask_token"] == "[MASK]"
    assert info["transformersInfo"]["auto_model"] == "AutoModelForMaskedLM"
    assert info["transformersInfo"].keys() <= {
        "auto_model",
        "custom_class",
        "pipeline_tag",
        "processor",
    }
    assert info["cardData"]["datasets"] == ["ada/words"]
    assert {
        "transformers",
        "bert",
        "fill-mask",
        "en",
        "fr",
        "a-tag",
        "license:mit",
        "dataset:ada/words",
        "base_model:ada/base",
        "arxiv:2401.00001",
        "region:us",
    } <= set(info["tags"])
    assert info["securityRepoStatus"] == {"scansDone": False, "filesWithIssues": []}
    files = {file["rfilename"]: file for file in info["siblings"]}
    assert set(files) == {".gitattributes", "README.md", "config.json", "tokenizer_config.json"}
    assert files["config.json"]["size"] == len(CONFIG)
    assert re.fullmatch("[0-9a-f]{40}", files["config.json"]["blobId"])
    assert None not in info.values()


def test_names_of_files_without_being_asked(client: httpx.Client, model: str) -> None:
    files = client.get(f"/api/models/{model}").json()["siblings"]
    assert all(set(file) == {"rfilename"} for file in files)


def test_each_revision_tells_its_own(ada: LiveUser, client: httpx.Client) -> None:
    name = ada.make_repo()
    first = put(ada, name, {"README.md": b"---\nlicense: mit\n---\n"})
    put(ada, name, {"README.md": b"---\nlicense: apache-2.0\n---\n", "new.txt": b"x"})
    info = client.get(f"/api/models/{name}/revision/{first[:8]}").json()
    assert info["sha"] == first
    assert info["cardData"] == {"license": "mit"}
    assert "license:mit" in info["tags"]
    assert "new.txt" not in {file["rfilename"] for file in info["siblings"]}
    now = client.get(f"/api/models/{name}").json()
    assert now["cardData"] == {"license": "apache-2.0"}


@pytest.mark.parametrize("spelling", ["expand=sha&expand=gated", "expand[]=sha&expand[]=gated"])
def test_expand_returns_only_what_was_asked_for(
    client: httpx.Client, model: str, spelling: str
) -> None:
    info = client.get(f"/api/models/{model}?{spelling}").json()
    assert set(info) == {"_id", "id", "sha", "gated"}
    info = client.get(f"/api/models/{model}/revision/main?expand=xetEnabled").json()
    assert info["xetEnabled"] is True


def test_sizes_of_weights(ada: LiveUser, client: httpx.Client) -> None:
    name = ada.make_repo()
    header, size = headers.safetensors({"a": ("F32", [4, 5]), "b": ("I8", [3])})
    words = {"general.architecture": "llama", "llama.context_length": 2048}
    files = {
        "model.safetensors": header + bytes(size - len(header)),
        "tiny.gguf": headers.gguf(words, {"a": [64]}),
    }
    put(ada, name, files)
    info = client.get(f"/api/models/{name}?expand=safetensors&expand=gguf").json()
    assert info["safetensors"] == {"parameters": {"F32": 20, "I8": 3}, "total": 23}
    assert info["gguf"] == {"total": 64, "architecture": "llama", "context_length": 2048}
    first = client.get(f"/api/models/{name}").json()
    assert first["safetensors"]["total"] == 23
    header, size = headers.safetensors({"a": ("F32", [4])})
    put(ada, name, {"model.safetensors": header + bytes(size - len(header))})
    assert client.get(f"/api/models/{name}").json()["safetensors"]["total"] == 4
    before = client.get(f"/api/models/{name}/revision/{first['sha']}").json()
    assert (before["safetensors"], before["sha"]) == (first["safetensors"], first["sha"])


@pytest.mark.parametrize("kind", ["models", "datasets", "spaces"])
def test_unknown_properties(ada: LiveUser, client: httpx.Client, kind: str) -> None:
    name = ada.make_repo(kind=kind.removesuffix("s"))
    for path in (f"/api/{kind}/{name}", f"/api/{kind}"):
        answer = client.get(f"{path}?expand=sha&expand=%ff%3Cx%3E")
        assert answer.status_code == 400
        words = answer.json()["error"].partition("expected one of ")[2]
        assert {"sha", "siblings", "cardData"} <= set(re.findall('"([^"]+)"', words))


def test_a_dataset(ada: LiveUser, client: httpx.Client) -> None:
    name = ada.make_repo(kind="dataset")
    put(ada, name, {"README.md": DATASET_CARD, "a.csv": b"a,b\n1,2\n"}, kinds="datasets")
    info = client.get(f"/api/datasets/{name}").json()
    assert "modelId" not in info
    assert "task_categories:text-classification" in info["tags"]
    assert info["cardData"]["license"] == "mit"


def test_in_any_case(client: httpx.Client, model: str) -> None:
    assert client.get(f"/api/models/{model.upper()}").json()["id"] == model


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()]


@pytest.fixture(scope="module")
def shelf(hub: LiveHub) -> dict[str, Any]:
    """Some repositories of a user of their own."""
    user = hub.make_user()
    made = {}
    for number, (name, card) in enumerate(
        {
            "mask": "license: mit\npipeline_tag: fill-mask\nlanguage: fr",
            "image": "license: apache-2.0\npipeline_tag: image-classification",
            "plain": "license: mit",
        }.items()
    ):
        made[name] = user.make_repo(f"{name}-{number}")
        put(user, made[name], {"README.md": f"---\n{card}\ntags: [shelf]\n---\n".encode()})
    hidden = user.make_repo(private=True)
    return {"user": user, "hidden": hidden, **made}


def test_filters(client: httpx.Client, shelf: dict[str, Any]) -> None:
    author = shelf["user"].name

    def found(query: str) -> set[str]:
        answer = client.get(f"/api/models?author={author}&{query}")
        return {name for name in shelf if shelf[name] in ids(answer)}

    everything = {"mask", "image", "plain"}
    assert found("") == everything
    assert found("filter=license:mit") == {"mask", "plain"}
    assert found("filter=license:mit&filter=fr") == {"mask"}
    assert found("filter=license:mit,fr") == {"mask"}
    assert found("filter=language:fr") == {"mask"}
    assert found("pipeline_tag=image-classification") == {"image"}
    assert found("filter=fill-mask") == {"mask"}
    assert found("search=PLAIN") == {"plain"}
    assert found("search=IMAG&search=age") == {"image"}
    assert found("search=image&search=plain") == set()
    assert found("search=%25") == set()
    assert found("search=_") == set()
    assert found("gated=true") == set()
    assert found("gated=false") == everything
    assert found("inference=warm") == set()
    assert found("num_parameters=min:1B") == set()
    assert found("apps=ollama") == set()
    assert found("trained_dataset=squad") == set()


def test_facets(client: httpx.Client, shelf: dict[str, Any]) -> None:
    query = f"author={shelf['user'].name}&filter=license:mit"
    facets = client.get(f"/api/models/facets?{query}").json()
    assert facets["license"] == [
        {"id": "license:mit", "label": "MIT", "type": "license", "count": 2}
    ]
    assert [word["id"] for word in facets["language"]] == ["fr"]
    for words in facets.values():
        for word in words:
            found = client.get(f"/api/models?{query}&limit=1&filter={word['id']}")
            assert found.headers["x-total-count"] == str(word["count"]), word
    assert client.get(f"/api/models/facets?{query}&types=language").json().keys() == {"language"}
    assert client.get("/api/models/facets?types=public").status_code == 400
    assert client.get("/api/models?num_parameters=lots").status_code == 400
    many = "&".join(f"filter=t{number}" for number in range(1001))
    assert client.get(f"/api/models?{many}").status_code == 400


def test_order_and_pages(client: httpx.Client, hub: LiveHub, shelf: dict[str, Any]) -> None:
    query = f"/api/models?author={shelf['user'].name}"
    newest = ids(client.get(f"{query}&sort=createdAt&direction=-1"))
    assert newest == [shelf["plain"], shelf["image"], shelf["mask"]]
    for sort in ("lastModified", "likes", "downloads", "trendingScore", "num_parameters"):
        whole = client.get(f"{query}&sort={sort}")
        assert len(ids(whole)) == int(whole.headers["x-total-count"]) == 3
        answer = client.get(f"{query}&sort={sort}&limit=1")
        found = ids(answer)
        while "next" in answer.links:
            url = answer.links["next"]["url"]
            assert url.startswith(f"{hub.url}/api/models?")
            assert f"sort={sort}" in url
            answer = client.get(url)
            found += ids(answer)
        assert sorted(found) == sorted(newest), sort
    refused = client.get(f"{query}&sort=nonsense")
    assert (refused.status_code, '"likes"|' in refused.text.replace("\\", "")) == (400, True)
    other = client.get(f"{query}&limit=1").links["next"]["url"].partition("cursor=")[2]
    cursors = ("x", "WzEsMl0", "WzEsMiwiIl0", f"{other}&sort=likes", f"{other}&filter=fr")
    for wrong in ("limit=x", "limit=-1", *(f"cursor={cursor}" for cursor in cursors)):
        assert client.get(f"{query}&{wrong}").status_code == 400
    assert client.get(f"{query}&limit=0").is_success


def test_items(client: httpx.Client, shelf: dict[str, Any]) -> None:
    query = f"/api/models?search={shelf['mask']}"
    (item,) = client.get(query).json()
    assert item["pipeline_tag"] == "fill-mask"
    assert {"_id", "id", "modelId", "likes", "private", "downloads", "tags", "createdAt"} <= set(
        item
    )
    assert not {"cardData", "siblings", "config"} & set(item)
    (card,) = client.get(f"{query}&cardData=true&config=True").json()
    assert card["cardData"]["license"] == "mit"
    (full,) = client.get(f"{query}&full=true").json()
    assert {"sha", "author", "gated", "disabled", "lastModified"} <= set(full)
    assert {file["rfilename"] for file in full["siblings"]} == {".gitattributes", "README.md"}
    assert "cardData" not in full
    (few,) = client.get(f"{query}&expand=sha&expand=siblings").json()
    assert set(few) == {"_id", "id", "sha", "siblings"}


def test_private_ones_for_their_own(client: httpx.Client, shelf: dict[str, Any]) -> None:
    query = f"/api/models?author={shelf['user'].name}"
    assert shelf["hidden"] not in ids(client.get(query))
    with shelf["user"].client() as own:
        assert shelf["hidden"] in ids(own.get(query))


def test_spaces_by_what_they_use(ada: LiveUser, client: httpx.Client) -> None:
    name = ada.make_repo(kind="space")
    card = b"---\nsdk: static\nmodels: [ada/linked-model]\ndatasets: [ada/linked-data]\n---\n"
    put(ada, name, {"README.md": card}, kinds="spaces")
    assert ids(client.get("/api/spaces?models=ada/linked-model")) == [name]
    assert ids(client.get("/api/spaces?models=ada/linked-model&datasets=other/thing")) == []
    (item,) = client.get("/api/spaces?datasets=ada/linked-data&linked=true").json()
    assert (item["models"], item["datasets"]) == (["ada/linked-model"], ["ada/linked-data"])
    assert item["sdk"] == "static"


def test_vocabularies(client: httpx.Client) -> None:
    models = client.get("/api/models-tags-by-type").json()
    assert {"library", "language", "license", "pipeline_tag"} <= set(models)
    (mit,) = (word for word in models["license"] if word["id"] == "license:mit")
    assert (mit["label"], mit["type"]) == ("MIT", "license")
    assert mit["count"] == len(ids(client.get("/api/models?filter=license:mit")))
    datasets = client.get("/api/datasets-tags-by-type").json()
    assert {"size_categories", "task_categories", "task_ids", "language"} <= set(datasets)
    assert client.get("/api/tasks").json()["fill-mask"]["label"] == "Fill-Mask"
    assert client.get("/api/spaces/templates").json() == {"templates": []}
    assert client.get("/api/spaces/hardware").json() == []


def test_what_is_not_offered_says_so(ada: LiveUser, client: httpx.Client, model: str) -> None:
    assert client.get(f"/api/models/{model}/discussions?p=0").json() == {
        "discussions": [],
        "count": 0,
        "start": 0,
    }
    with ada.client() as own:
        answer = own.post(f"/api/models/{model}/discussions")
        assert answer.status_code == 501
        assert answer.json()["error"]
