"""The libraries that people use on top of the official client, unmodified, against a live hub."""

import json
from pathlib import Path

import pytest

from tests.support.scripts import Computer, ScriptFailed
from tests.support.server import LiveHub, LiveUser

pytestmark = pytest.mark.client


@pytest.fixture
def mine(hub: LiveHub, ada: LiveUser, tmp_path: Path) -> Computer:
    folder = tmp_path / "mine"
    folder.mkdir()
    return Computer(hub.url, folder, ada.token)


@pytest.fixture
def guest(hub: LiveHub, tmp_path: Path) -> Computer:
    """Somebody without an account, on another computer."""
    folder = tmp_path / "guest"
    folder.mkdir()
    return Computer(hub.url, folder)


TOKENIZER_PUSHED = """
import sys
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, PreTrainedTokenizerFast
repo = sys.argv[1]
words = "[UNK] [CLS] [SEP] [PAD] [MASK] the cat sat on mat".split()
small = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
small.pre_tokenizer = pre_tokenizers.Whitespace()
marks = dict(unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]",
             mask_token="[MASK]")
config = BertConfig(vocab_size=len(words), hidden_size=8, num_hidden_layers=1,
                    num_attention_heads=1, architectures=["BertForMaskedLM"])
config.push_to_hub(repo)
PreTrainedTokenizerFast(tokenizer_object=small, **marks).push_to_hub(repo)
config.push_to_hub(repo, revision="other", commit_message="on a branch")
"""
TOKENIZER_USED = """
import sys
from huggingface_hub import HfApi, list_repo_refs
from transformers import AutoConfig, AutoTokenizer, pipelines
repo = sys.argv[1]
assert AutoConfig.from_pretrained(repo).model_type == "bert"
assert AutoConfig.from_pretrained(repo, revision="other").hidden_size == 8
tokenizer = AutoTokenizer.from_pretrained(repo)
assert tokenizer("the cat sat").input_ids == [5, 6, 7]
assert tokenizer.mask_token == "[MASK]"
assert {branch.name for branch in list_repo_refs(repo).branches} == {"main", "other"}
info = HfApi().model_info(repo)
assert (info.pipeline_tag, info.library_name) == ("fill-mask", "transformers"), info
assert info.config["architectures"] == ["BertForMaskedLM"]
assert info.mask_token == "[MASK]", info.mask_token
assert info.transformers_info.auto_model == "AutoModelForMaskedLM", info.transformers_info
assert pipelines.get_task(repo) == "fill-mask"
for missing, words in ((repo + "-nope", "is not a local folder"), (repo, "nope")):
    try:
        AutoConfig.from_pretrained(missing, revision="nope" if words == "nope" else None)
    except OSError as failure:
        assert words in str(failure), failure
    else:
        raise SystemExit("it was found")
"""


def test_transformers(mine: Computer, guest: Computer, ada: LiveUser) -> None:
    repo = f"{ada.name}/tiny-bert"
    mine.run(TOKENIZER_PUSHED, repo)
    guest.run(TOKENIZER_USED, repo)


TENSORS_PUSHED = """
import sys, numpy
from huggingface_hub import HfApi, ModelCard, ModelCardData, metadata_update
from safetensors.numpy import save_file
repo, hub = sys.argv[1], HfApi()
hub.create_repo(repo)
save_file({"w": numpy.arange(60_000, dtype="float32").reshape(300, 200),
           "b": numpy.zeros(200, dtype="float16")}, "model.safetensors", {"format": "np"})
hub.upload_file(path_or_fileobj="model.safetensors", path_in_repo="model.safetensors", repo_id=repo)
data = ModelCardData(license="apache-2.0", language=["en", "fr"], library_name="numpy",
                     tags=["tiny"], datasets=["ada/flowers"], base_model="ada/tiny-bert")
card = ModelCard.from_template(data, model_id=repo, model_description="small")
card.validate()
card.push_to_hub(repo)
metadata_update(repo, {"pipeline_tag": "tabular-classification"})
"""
TENSORS_USED = """
import sys, numpy
from huggingface_hub import HfApi, ModelCard, get_safetensors_metadata, hf_hub_download
from safetensors.numpy import load_file
repo = sys.argv[1]
found = load_file(hf_hub_download(repo, "model.safetensors"))
assert (found["w"] == numpy.arange(60_000).reshape(300, 200)).all()
told = get_safetensors_metadata(repo)
assert told.parameter_count == {"F32": 60_000, "F16": 200}, told
info = HfApi().model_info(repo, files_metadata=True)
assert info.pipeline_tag == "tabular-classification"
assert info.safetensors.parameters == {"F32": 60_000, "F16": 200}
assert info.safetensors.total == 60_200
wanted = {"safetensors", "license:apache-2.0", "fr", "dataset:ada/flowers", "tiny",
          "base_model:ada/tiny-bert"}
assert wanted <= set(info.tags), info.tags
large = next(file for file in info.siblings if file.rfilename == "model.safetensors")
assert (large.size, large.lfs.size) == (large.lfs.size, large.size) and large.size > 240_000
card = ModelCard.load(repo)
assert card.data.pipeline_tag == "tabular-classification" and "small" in card.text
"""


def test_tensors_and_their_card(mine: Computer, guest: Computer, ada: LiveUser) -> None:
    repo = f"{ada.name}/tensors"
    mine.run(TENSORS_PUSHED, repo)
    guest.run(TENSORS_USED, repo)


SKLEARN_PUSHED = """
import sys, joblib
from huggingface_hub import HfApi
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
repo, hub = sys.argv[1], HfApi()
flowers = load_iris()
joblib.dump(LogisticRegression(max_iter=500).fit(flowers.data, flowers.target), "model.joblib")
hub.create_repo(repo, private=True)
hub.upload_file(path_or_fileobj="model.joblib", path_in_repo="model.joblib", repo_id=repo)
"""
SKLEARN_USED = """
import sys, joblib
from huggingface_hub import hf_hub_download
from sklearn.datasets import load_iris
model = joblib.load(hf_hub_download(sys.argv[1], "model.joblib"))
flowers = load_iris()
assert model.score(flowers.data, flowers.target) > 0.9
"""


def test_a_model_of_a_course(mine: Computer, guest: Computer, ada: LiveUser) -> None:
    repo = f"{ada.name}/iris"
    mine.run(SKLEARN_PUSHED, repo)
    mine.run(SKLEARN_USED, repo)
    with pytest.raises(ScriptFailed, match="RepositoryNotFoundError"):
        guest.run(SKLEARN_USED, repo)


DATASET_PUSHED = """
import sys
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value, load_dataset
who = sys.argv[1]
features = Features({"text": Value("string"), "label": ClassLabel(names=["bad", "good"])})
rows = Dataset.from_dict({"text": [f"text {i}" for i in range(100)],
                          "label": [i % 2 for i in range(100)]}, features=features)
rows.push_to_hub(f"{who}/one")
DatasetDict(train=rows, test=rows.select(range(10))).push_to_hub(f"{who}/two")
rows.select(range(7)).push_to_hub(f"{who}/two", "second", split="train", num_shards=2)
rows.select(range(3)).push_to_hub(f"{who}/two", revision="dev")
rows.push_to_hub(f"{who}/secret", private=True)
back = load_dataset(f"{who}/secret", split="train")
assert back[99] == {"text": "text 99", "label": 1}
"""
DATASET_USED = """
import sys
import datasets
from datasets import get_dataset_config_names, load_dataset, load_dataset_builder
from datasets.exceptions import DatasetNotFoundError
who = sys.argv[1]
one = load_dataset(f"{who}/one", split="train")
assert one.num_rows == 100 and one.features["label"].names == ["bad", "good"]
two = load_dataset(f"{who}/two")
assert {name: part.num_rows for name, part in two.items()} == {"train": 100, "test": 10}
assert load_dataset(f"{who}/two", "second", split="train").num_rows == 7
assert load_dataset(f"{who}/two", revision="dev", split="train").num_rows == 3
assert set(get_dataset_config_names(f"{who}/two")) == {"default", "second"}
stream = load_dataset(f"{who}/two", split="test", streaming=True)
assert [row["text"] for row in stream] == [f"text {i}" for i in range(10)]
for name in ("never", "secret", "gated"):
    for more in ({}, {"streaming": True}, {"revision": "nope"}):
        try:
            load_dataset(f"{who}/{name}", **more)
        except DatasetNotFoundError as failure:
            assert name != "gated" or "gated" in str(failure), failure
        else:
            raise SystemExit(f"{name} was found")
try:
    load_dataset(f"{who}/one", revision="nope")
except DatasetNotFoundError as failure:
    assert "nope" in str(failure)
"""


def test_datasets_made_by_the_library(mine: Computer, guest: Computer, ada: LiveUser) -> None:
    mine.run(DATASET_PUSHED, ada.name)
    gated = ada.make_repo("gated", kind="dataset")
    with ada.client() as client:
        done = client.put(f"/api/datasets/{gated}/settings", json={"gated": "auto"})
        assert done.status_code == 200, done.text
    guest.run(DATASET_USED, ada.name)
    with ada.client() as client:
        (said,) = [client.get(f"/api/datasets/{ada.name}/two").json()["cardData"]]
    assert [config["config_name"] for config in said["dataset_info"]] == ["default", "second"]


FILES_USED = """
import sys
from datasets import load_dataset
repo = sys.argv[1]
plain = load_dataset(repo, "plain")
assert {name: part.num_rows for name, part in plain.items()} == {"train": 3, "test": 2}
assert plain["train"][2] == {"a": 3, "b": "drei, dö"}
assert load_dataset(repo, "more", split="train").num_rows == 5
assert load_dataset(repo, data_files="data/*.jsonl", split="train")["a"][:] == [1, 2]
stream = load_dataset(repo + "-wide", split="train", streaming=True)
assert sum(1 for _ in stream) == 5000
assert next(iter(stream.skip(4321)))["n"] == 4321
assert load_dataset(repo + "-wide", split="train")[4999]["n"] == 4999
pictures = load_dataset(repo + "-pictures", split="train")
assert pictures.features["label"].names == ["cat", "dog"]
assert [row["image"].size for row in pictures] == [(9, 9)] * 4
streamed = load_dataset(repo + "-pictures", split="train", streaming=True)
assert sorted(row["label"] for row in streamed) == [0, 0, 1, 1]
"""
FILES_PUSHED = """
import pathlib, sys
import pyarrow, pyarrow.parquet
from huggingface_hub import HfApi
from PIL import Image
repo, hub = sys.argv[1], HfApi()
root = pathlib.Path("files")
for folder in ("data", "tables", "../wide"):
    (root / folder).mkdir(parents=True)
(root / "tables/train.csv").write_text('a,b\\n1,eins\\n2,zwei\\n3,"drei, dö"\\n')
(root / "tables/test.csv").write_text("a,b\\n4,vier\\n5,fünf\\n")
(root / "data/part.jsonl").write_text('{"a": 1}\\n{"a": 2}\\n')
table = pyarrow.table({"n": range(5000), "text": [f"{n:>200}" for n in range(5000)]})
pyarrow.parquet.write_table(table, "wide/wide.parquet", row_group_size=500,
                            compression="none", use_dictionary=False)
(root / "README.md").write_text('''---
license: mit
configs:
- config_name: plain
  data_files: [{split: train, path: tables/train.csv}, {split: test, path: tables/test.csv}]
- config_name: more
  data_files: tables/*.csv
---
# Tables
''')
hub.create_repo(repo, repo_type="dataset")
hub.upload_folder(folder_path=root, repo_id=repo, repo_type="dataset")
for label in ("cat", "dog"):
    for number in range(2):
        path = pathlib.Path(f"pictures/{label}/{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9), (number * 90, 20, 200)).save(path)
for name in ("pictures", "wide"):
    hub.create_repo(f"{repo}-{name}", repo_type="dataset")
    hub.upload_folder(folder_path=name, repo_id=f"{repo}-{name}", repo_type="dataset")
"""


def test_datasets_of_plain_files(mine: Computer, guest: Computer, ada: LiveUser) -> None:
    repo = f"{ada.name}/tables"
    mine.run(FILES_PUSHED, repo)
    guest.run(FILES_USED, repo)


METRIC = """
import datasets
import evaluate
from .helper import share
class Metric(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description="share of equals", citation="", inputs_description="two lists",
            features=datasets.Features(
                {"predictions": datasets.Value("int32"), "references": datasets.Value("int32")}))
    def _compute(self, predictions, references):
        return {"accuracy": share(predictions, references)}
"""
METRIC_USED = """
import evaluate
metric = evaluate.load("our_accuracy")
assert metric.compute(references=[1, 0, 1, 1], predictions=[1, 1, 1, 1]) == {"accuracy": 0.75}
assert evaluate.load("evaluate-metric/our_accuracy").name
found = evaluate.list_evaluation_modules("metric", include_community=True)
assert "our_accuracy" in " ".join(found), found
try:
    evaluate.load("never_there")
except FileNotFoundError:
    pass
else:
    raise SystemExit("it was found")
"""


def test_evaluate(hub: LiveHub, teacher: LiveUser, guest: Computer) -> None:
    """Metrics are mirrored as Spaces; who has no token finds them as at the public Hub."""
    hub.make_org("evaluate-metric")
    card = "---\nsdk: gradio\ntags:\n- metric\n- evaluate\ntitle: Ours\n---\n# Ours\n"
    files = {
        "our_accuracy.py": METRIC,
        "helper.py": "def share(a, b):\n    return sum(map(int.__eq__, a, b)) / len(a)\n",
        "README.md": card,
    }
    with teacher.client() as client:
        body = {"organization": "evaluate-metric", "name": "our_accuracy", "type": "space"}
        made = client.post("/api/repos/create", json={**body, "sdk": "gradio"})
        assert made.status_code == 200, made.text
        lines = [{"key": "header", "value": {"summary": "mirrored"}}]
        for path, text in files.items():
            value = {"path": path, "content": text, "encoding": "utf-8"}
            lines.append({"key": "file", "value": value})
        done = client.post(
            "/api/spaces/evaluate-metric/our_accuracy/commit/main",
            content="\n".join(map(json.dumps, lines)),
            headers={"Content-Type": "application/x-ndjson"},
        )
        assert done.status_code == 200, done.text
    guest.run(METRIC_USED)


FOLDERS = """
import os, pathlib, sys
from huggingface_hub import HfApi, HfFileSystem, snapshot_download
repo, hub = sys.argv[1], HfApi()
hub.create_repo(repo)
root = pathlib.Path("run")
for name in ("a.txt", "logs/one.log", "logs/two.log", "old/x.bin", "keep/y.bin"):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(os.urandom(2000))
hub.upload_folder(folder_path=root, repo_id=repo, allow_patterns=["*.bin", "*.txt"])
names = set(hub.list_repo_files(repo)) - {".gitattributes"}
assert names == {"a.txt", "old/x.bin", "keep/y.bin"}, names
(root / "old/x.bin").unlink()
hub.upload_folder(folder_path=root, repo_id=repo, ignore_patterns="logs/*",
                  delete_patterns=["old/*", "*.txt"])
names = set(hub.list_repo_files(repo)) - {".gitattributes"}
assert names == {"a.txt", "keep/y.bin"}, names
hub.delete_files(repo, ["*.txt"])
hub.delete_folder("keep", repo)
assert hub.list_repo_files(repo) == [".gitattributes"]

fs = HfFileSystem()
fs.put(str(root / "logs"), repo, recursive=True)
logs = fs.ls(f"{repo}/logs", detail=False)
assert sorted(logs) == [f"{repo}/logs/one.log", f"{repo}/logs/two.log"]
big = os.urandom(6_000_000)
with fs.open(f"{repo}/big.bin", "wb") as file:
    file.write(big)
with fs.open(f"{repo}/big.bin", block_size=2**20) as file:
    file.seek(5_999_990)
    assert file.read() == big[-10:]
    file.seek(1_000_000)
    assert file.read(100) == big[1_000_000:1_000_100]
with fs.open(f"{repo}/big.bin", block_size=0) as file:
    assert file.read(10) + file.read() == big
assert fs.info(f"{repo}/big.bin")["size"] == 6_000_000
fs.cp_file(f"{repo}/big.bin", f"{repo}/copies/big.bin")
fs.mv(f"{repo}/copies/big.bin", f"{repo}/moved.bin")
assert fs.cat_file(f"{repo}/moved.bin", start=10, end=20) == big[10:20]
assert not fs.exists(f"{repo}/copies/big.bin")
assert sorted(fs.find(f"hf://{repo}", maxdepth=1)) == [
    f"{repo}/.gitattributes", f"{repo}/big.bin", f"{repo}/moved.bin"]
fs.rm(f"{repo}/logs", recursive=True)
fs.get(f"{repo}/moved.bin", "back.bin")
assert pathlib.Path("back.bin").read_bytes() == big
here = pathlib.Path(snapshot_download(repo, local_dir="plain", allow_patterns="*.bin"))
assert {p.name for p in here.iterdir()} - {".cache"} == {"big.bin", "moved.bin"}
"""


def test_folders_and_the_file_system(mine: Computer, ada: LiveUser) -> None:
    mine.run(FOLDERS, f"{ada.name}/folders")


MANY = """
import base64, json, pathlib, sys, time
import httpx
from huggingface_hub import HfApi, snapshot_download
repo, count = sys.argv[1], int(sys.argv[2])
root = pathlib.Path("many")
for number in range(count):
    path = root / f"d{number % 10}" / f"{number}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"file {number}")
HfApi().create_repo(repo)
HfApi().upload_folder(folder_path=root, repo_id=repo)
begin = time.monotonic()
found = pathlib.Path(snapshot_download(repo, max_workers=8))
print(f"{count} files in {time.monotonic() - begin:.1f} s")
files = [path for path in found.rglob("*.txt")]
assert len(files) == count
assert all(path.read_text() == f"file {path.stem}" for path in files)
begin = time.monotonic()
assert snapshot_download(repo) == str(found)
print(f"again in {time.monotonic() - begin:.1f} s")
"""


def test_a_thousand_small_files(mine: Computer, ada: LiveUser) -> None:
    print(mine.run(MANY, f"{ada.name}/many", 1000))


@pytest.fixture
def signed_in(guest: Computer, ada: LiveUser) -> Computer:
    with pytest.raises(ScriptFailed, match="Invalid"):
        guest.hf("auth", "login", "--token", "hf_" + "x" * 34)
    guest.hf("auth", "login", "--token", ada.token)
    assert ada.name in guest.hf("auth", "whoami")
    return guest


def test_the_command_line(ada: LiveUser, signed_in: Computer) -> None:
    """A first hour: sign in, make, upload, download, look, tidy up."""
    hf, repo = signed_in.hf, f"{ada.name}/by-hand"
    hf("repos", "create", repo, "--private")
    folder, data = signed_in.folder / "work", bytes(range(256)) * 100
    (folder / "sub").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# By hand\n")
    (folder / "sub" / "weights.bin").write_bytes(data)
    assert repo in hf("upload", repo, "work", ".", "--commit-message", "all of it")
    hf("upload", repo, "work/README.md", "docs/copy.md")
    hf("download", repo, "--local-dir", "back")
    assert (signed_in.folder / "back" / "docs" / "copy.md").exists()
    assert (signed_in.folder / "back" / "sub" / "weights.bin").read_bytes() == data
    hf("cache", "verify", repo, "--local-dir", "back", "--fail-on-missing-files")
    hf("repos", "branch", "create", repo, "dev")
    hf("repos", "tag", "create", repo, "v1", "-m", "first")
    hf("repos", "delete-files", repo, "docs/*")
    assert "by-hand" in hf("repos", "ls")
    assert "license" in hf("models", "info", repo)
    hf("repos", "settings", repo, "--public")
    hf("repos", "move", repo, f"{repo}-2")
    hf("repos", "duplicate", f"{repo}-2", f"{repo}-3")
    hf("repos", "delete", f"{repo}-2", "--yes")
    with ada.client() as client:
        assert client.get(f"/api/models/{repo}-2").status_code == 404
        assert client.get(f"/{repo}-3/resolve/main/sub/weights.bin").content == data
