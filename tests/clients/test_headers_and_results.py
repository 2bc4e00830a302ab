"""Headers of weights in one answer, evaluation results and leaderboards, by the official client."""

import json
import os
import struct

os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("HF_HUB_DISABLE_UPDATE_CHECK", "1")

import pytest
from huggingface_hub import EvalResultEntry, HfApi, eval_result_entries_to_yaml
from huggingface_hub.errors import HfHubHTTPError

from tests.api.committing import put
from tests.support.server import LiveHub, LiveUser

pytestmark = [
    pytest.mark.client,
    pytest.mark.filterwarnings("default"),  # the client's own warnings are not ours
]


@pytest.fixture
def nobody(hub: LiveHub) -> HfApi:
    return HfApi(endpoint=hub.url, token=False)


def weights(name: str) -> bytes:
    header = {
        "__metadata__": {"format": "pt"},
        name: {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
    }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(16)


def test_headers_of_all_parts(hub: LiveHub, ada: LiveUser, nobody: HfApi) -> None:
    model = ada.make_repo()
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    index = {"metadata": {"total_size": 32}, "weight_map": parts}
    files = {file: weights(name) for name, file in parts.items()}
    put(ada, model, {**files, "model.safetensors.index.json": json.dumps(index).encode()})
    found = nobody.get_sharded_safetensors_metadata(model)
    assert found.sharded
    assert found.metadata == {"total_size": 32}
    assert found.weight_map == parts
    assert found.files_metadata[parts["a"]].tensors["a"].shape == [2, 2]
    path = f"/api/models/{model}/safetensors-metadata"
    with hub.client() as client:
        one = client.get(f"{path}/{parts['a']}").json()
        assert list(one["headers"]) == [parts["a"]]
        assert one["index"] == {}
        assert client.get(f"{path}/nothing.safetensors").status_code == 404
        put(ada, model, {"broken.safetensors": b"no header"})
        assert client.get(f"{path}/broken.safetensors").status_code == 400


def test_results_and_their_leaderboard(hub: LiveHub, ada: LiveUser, nobody: HfApi) -> None:
    bench = ada.make_repo(kind="dataset")
    with pytest.raises(HfHubHTTPError):
        nobody.get_dataset_leaderboard(bench)
    values = {ada.make_repo(): 41.5, ada.make_repo(): 90, ada.make_repo(): 55.0}
    first, second, derived = values
    hidden = ada.make_repo(private=True)
    for model, value in (values | {hidden: 99}).items():
        entry = EvalResultEntry(
            dataset_id=bench, task_id="default", value=value, source_url="https://example.org"
        )
        text = json.dumps(eval_result_entries_to_yaml([entry])).encode()
        base = f"base_model: {first}\n" if model == derived else ""
        card = f"---\n{base}license: mit\n---\n".encode()
        put(ada, model, {".eval_results/bench.yaml": text, "README.md": card})
    told = nobody.model_info(first, expand=["evalResults"]).eval_results
    assert told is not None
    assert [(each.dataset_id, each.value) for each in told] == [(bench, 41.5)]
    board = nobody.get_dataset_leaderboard(bench)
    assert [(each.rank, each.model_id, each.value) for each in board] == [
        (1, second, 90.0),
        (2, first, 41.5),
    ]
    assert not board[0].verified
    assert board[0].author.username == ada.name
    every = nobody.get_dataset_leaderboard(bench, base_model_only=False)
    assert [each.model_id for each in every] == [second, derived, first]
    own = HfApi(endpoint=hub.url, token=ada.token).get_dataset_leaderboard(bench)
    assert own[0].model_id == hidden
