"""The parameters of a model are known with the commit or the push that brings its weights."""

import io
import json
from typing import Any

import pytest

from hub_server import catalog, contents
from hub_server.cards import NO_WEIGHTS
from hub_server.contents import AddFile, AddLfs
from hub_server.contents import weights as reading
from hub_server.db.tables.repos import Repo
from hub_server.objects import object_key
from tests.unit.cards import headers
from tests.unit.contents.conftest import Place

INDEX = "model.safetensors.index.json"


def whole(made: tuple[bytes, int]) -> bytes:
    header, size = made
    return header + b"\0" * (size - len(header))


def add(place: Place, repo: Repo, path: str, data: bytes) -> AddLfs:
    return AddLfs(path, place.upload(repo, data), len(data))


def facts(place: Place) -> dict[str, Any]:
    """As the last commit left them in the columns of the catalog."""
    record = place.announced[-1].record
    assert record is not None
    found: dict[str, Any] = catalog.columns(record)["facts"]
    json.dumps(found)
    return found


def test_large_and_small_files_are_counted(place: Place) -> None:
    repo = place.repo()
    made = headers.safetensors({"a": ("F32", [10, 20]), "b": ("I8", [7])})
    place.commit(repo, add(place, repo, "model.safetensors", whole(made)))
    assert facts(place)["safetensors"] == {"parameters": {"F32": 200, "I8": 7}, "total": 207}
    tiny = whole(headers.safetensors({"a": ("F16", [3])}))
    place.commit(repo, AddFile("model.safetensors", tiny))
    assert facts(place)["safetensors"] == {"parameters": {"F16": 3}, "total": 3}
    assert facts(place)["gguf"] is None


def test_a_header_longer_than_the_first_read(place: Place) -> None:
    repo = place.repo()
    made = headers.safetensors({f"layer.{number}": ("BF16", [2, 2]) for number in range(2_000)})
    assert len(made[0]) > reading.FIRST
    place.commit(repo, add(place, repo, "model.safetensors", whole(made)))
    assert facts(place)["safetensors"]["total"] == 8_000


def test_a_model_in_parts(place: Place) -> None:
    repo = place.repo()
    names = [f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]
    parts = [headers.safetensors({"a": ("F32", [number, 5])}) for number in (1, 2, 3)]
    index = {"weight_map": {name: name for name in names}}
    files = [add(place, repo, *pair) for pair in zip(names, map(whole, parts), strict=True)]
    place.commit(repo, AddFile(INDEX, json.dumps(index).encode()), *files)
    assert facts(place)["safetensors"] == {"parameters": {"F32": 30}, "total": 30}
    again = facts(place)
    place.write(repo, **{"README.md": "---\nlicense: mit\n---\n"})
    assert facts(place)["safetensors"] == again["safetensors"]
    index["weight_map"]["x"] = "model-00004-of-00004.safetensors"
    place.commit(repo, AddFile(INDEX, json.dumps(index).encode()))
    assert facts(place)["safetensors"] is None


def test_gguf_with_a_long_vocabulary(place: Place) -> None:
    repo = place.repo()
    keys = {
        "general.architecture": "qwen2",
        "qwen2.context_length": 32_768,
        "tokenizer.ggml.tokens": [f"token number {number}" for number in range(20_000)],
        "tokenizer.chat_template": "{{ messages }}",
    }
    data = headers.gguf(keys, {"a": [1000, 1000], "b": [24]}) + b"\0" * 1_000_000
    assert len(data) > 2 * reading.STEPS[0]
    place.commit(repo, add(place, repo, "model-Q8_0.gguf", data))
    found = facts(place)["gguf"]
    assert (found["total"], found["architecture"], found["context_length"]) == (
        1_000_024, "qwen2", 32_768,
    )  # fmt: skip
    record = place.announced[-1].record
    assert record is not None
    assert {"gguf", "conversational"} <= set(record.tags)


@pytest.mark.parametrize("data", [b"", b"weights", b"\xff" * 9, b"GGUF" + b"\xff" * 5_000])
def test_bytes_that_are_no_weights_harm_nobody(place: Place, data: bytes) -> None:
    repo = place.repo()
    place.commit(repo, *(AddFile(path, data) for path in ("model.safetensors", "m.gguf", INDEX)))
    assert facts(place)["safetensors"] is None
    assert facts(place)["gguf"] is None


def test_bytes_that_are_away_delay_counts_and_not_the_commit(place: Place) -> None:
    repo = place.repo()
    data = whole(headers.safetensors({"a": ("F32", [4])}))
    wanted = add(place, repo, "model.safetensors", data)
    place.hub.blobs.delete(object_key(wanted.sha256))
    place.commit(repo, wanted)
    assert facts(place)["safetensors"] is None
    place.hub.blobs.put(object_key(wanted.sha256), io.BytesIO(data))
    place.write(repo, **{"README.md": "# Tiny"})
    assert facts(place)["safetensors"]["total"] == 4


def test_counting_again_reads_nothing(place: Place) -> None:
    repo = place.repo()
    wanted = add(place, repo, "model.safetensors", whole(headers.safetensors({"a": ("F32", [4])})))
    place.commit(repo, wanted)
    place.hub.blobs.delete(object_key(wanted.sha256))
    found = contents.index_of(place.hub, repo.id)
    assert found is not None
    assert found[1].safetensors == {"parameters": {"F32": 4}, "total": 4}


def test_files_that_are_not_there_have_no_weights(place: Place) -> None:
    repo = place.repo()
    place.write(repo, **{"README.md": "# Tiny"})
    seen = place.view(repo)
    for names in (["model.safetensors"], [INDEX], ["�.gguf"], [""]):
        assert reading.weights_of(seen, names) == NO_WEIGHTS
    assert seen.size("nowhere") == 0


def test_a_configuration_stored_as_a_large_file_is_read(place: Place) -> None:
    repo = place.repo()
    config = {"architectures": ["BertForMaskedLM"], "model_type": "bert"}
    data = json.dumps(config | {"transformers_version": "4.40.0"}).encode()
    place.commit(repo, add(place, repo, "config.json", data))
    record = place.announced[-1].record
    assert record is not None
    assert (record.library_name, record.pipeline_tag) == ("transformers", "fill-mask")


def test_every_tensor_of_a_file_is_listed(lite: Place) -> None:
    repo = lite.repo()
    made = headers.safetensors({"b": ("F32", (2, 3)), "a": ("F16", ())}, {"format": "pt"})
    keys = {"general.name": "tiny", "tokens": ["a", "b"], "eps": 1e-05, "on": True}
    lite.commit(
        repo,
        add(lite, repo, "model.safetensors", whole(made)),
        AddFile("model.gguf", headers.gguf(keys, {"w": (2, 4)}) + b"\0" * 64),
        AddFile("broken.safetensors", b"\x08" + b"\0" * 20),
        AddFile("broken.gguf", b"GGUF" + b"\xff" * 60),
    )
    seen = lite.view(repo)
    found = contents.tensors_in(seen, "model.safetensors")
    assert found is not None
    assert found.metadata == (("format", "pt"),)
    assert [(t.name, t.type, t.shape, t.values) for t in found.tensors] == [
        ("b", "F32", (2, 3), 6),
        ("a", "F16", (), 1),
    ]
    found = contents.tensors_in(seen, "model.gguf")
    assert found is not None
    assert [(t.name, t.type, t.shape) for t in found.tensors] == [("w", "F32", (2, 4))]
    assert dict(found.metadata) == {
        "general.name": "tiny",
        "tokens": "[2]",
        "eps": "1e-05",
        "on": "True",
    }
    assert contents.tensors_in(seen, "broken.safetensors") is None
    assert contents.tensors_in(seen, "broken.gguf") is None
    assert contents.tensors_in(seen, "missing.gguf") is None
