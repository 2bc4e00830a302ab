"""What the catalog learns from cards and files."""

import json
import random
from dataclasses import asdict
from pathlib import Path

import pytest

from hub_server.cards import index_record, read_card, wanted_files

CARDS = Path(__file__).parents[2] / "data/cards"


def record(kind: str, block: str, files=(), small=None, body="", **options):
    card = read_card(f"---\n{block}\n---\n{body}")
    encoded = {
        name: value if isinstance(value, bytes) else json.dumps(value).encode()
        for name, value in (small or {}).items()
    }
    return index_record(kind, card, [*files, *encoded], encoded, **options)


BERT = {
    "architectures": ["BertForTokenClassification"],
    "model_type": "bert",
    "transformers_version": "4.40.0",
}


def test_the_public_order_of_a_models_tags():
    found = record(
        "model",
        "license: mit\nlanguage: [en, fr]\ndatasets: squad\n"
        "base_model: google-bert/bert-base-cased\ntags: [exbert, Finance]\n"
        "model-index: [{name: x, results: []}]",
        ["model.safetensors", "pytorch_model.bin", "vocab.txt"],
        {"config.json": BERT},
        body="See https://arxiv.org/abs/1810.04805v2 and arxiv:2005.14165.",
    )
    assert found.tags == (
        "transformers",
        "pytorch",
        "safetensors",
        "bert",
        "token-classification",
        "exbert",
        "Finance",
        "model-index",
        "en",
        "fr",
        "dataset:squad",
        "arxiv:1810.04805",
        "arxiv:2005.14165",
        "base_model:google-bert/bert-base-cased",
        "base_model:finetune:google-bert/bert-base-cased",
        "license:mit",
        "region:us",
    )
    assert [tag.text("model") for tag in found.typed_tags] == list(found.tags)
    assert (found.library_name, found.pipeline_tag) == ("transformers", "token-classification")
    assert found.transformers_info == {
        "auto_model": "AutoModelForTokenClassification",
        "pipeline_tag": "token-classification",
        "processor": "AutoTokenizer",
    }
    assert found.config == {"architectures": BERT["architectures"], "model_type": "bert"}


def test_free_tags_become_tasks_libraries_and_languages():
    found = record(
        "model",
        "tags: [es, cv, nlp, sam, timm, image-classification, ' spaced ', 5, es, license:MIT, "
        "arxiv:1706.03762v5, 'dataset:a b', Es]",
    )
    assert found.library_name == "timm"
    assert found.pipeline_tag == "image-classification"
    assert found.languages == ("es",)
    assert found.tags == (
        "timm",
        "image-classification",
        "cv",
        "nlp",
        "sam",
        "spaced",
        "dataset:a b",
        "Es",
        "arxiv:1706.03762",
        "license:mit",
        "region:us",
    )


def test_tags_with_a_prefix_are_what_they_say():
    found = record(
        "model",
        "tags: [license:MIT, 'dataset:ada/words', "
        "'base_model:adapter:ada/base', arxiv:1706.03762v5]",
    )
    assert (found.licenses, found.datasets, found.arxiv) == (
        ("mit",), ("ada/words",), ("1706.03762",),
    )  # fmt: skip
    assert (found.base_models, found.base_model_relation) == (("ada/base",), "adapter")


GUARDED = "mit csv xml txt rnn cnn nlu vae gan cat dog the set map api app bit mix sun pan hat"


@pytest.mark.parametrize("word", GUARDED.split())
def test_words_that_are_codes_of_languages_stay_free_tags(word):
    found = record("model", f"tags: [{word}]")
    assert found.languages == ()
    assert word in found.tags


CODES = "es eng fra it de no ceb bar got tok code multilingual"


@pytest.mark.parametrize("code", CODES.split())
def test_codes_that_are_hardly_ever_other_words(code):
    assert record("model", f"tags: [{code}]").languages == (code,)


def test_a_declared_language_overrides_the_guard():
    assert record("model", "language: cv\ntags: [cv]").languages == ("cv",)
    assert record("model", "language: English").languages == ("en",)
    assert record("model", "language: [no, zh-TW]").languages == ("no", "zh-TW")
    assert record("model", "language: 'en, pt-br / fr'").languages == ("en", "pt-br", "fr")
    assert record("model", "language: en and more").languages == ("en and more",)


_ARCHITECTURES = """
BertForSequenceClassification text-classification AutoModelForSequenceClassification
GPT2LMHeadModel text-generation AutoModelForCausalLM
LlamaForCausalLM text-generation AutoModelForCausalLM
T5ForConditionalGeneration text-generation AutoModelForSeq2SeqLM
WhisperForConditionalGeneration automatic-speech-recognition AutoModelForSpeechSeq2Seq
Wav2Vec2ForCTC automatic-speech-recognition AutoModelForCTC
ViTForImageClassification image-classification AutoModelForImageClassification
TapasForTableQuestionAnswering table-question-answering AutoModelForTableQuestionAnswering
BertForQuestionAnswering question-answering AutoModelForQuestionAnswering
RobertaForMaskedLM fill-mask AutoModelForMaskedLM
OwlViTForZeroShotObjectDetection zero-shot-object-detection AutoModelForZeroShotObjectDetection
DetrForObjectDetection object-detection AutoModelForObjectDetection
SegformerForSemanticSegmentation image-segmentation AutoModelForSemanticSegmentation
BertModel feature-extraction AutoModel
"""


@pytest.mark.parametrize("line", _ARCHITECTURES.strip().splitlines())
def test_tasks_of_architectures(line):
    architecture, task, auto = line.split()
    config = BERT | {"architectures": [architecture]}
    found = record("model", "license: mit", [], {"config.json": config})
    assert found.pipeline_tag == task
    assert found.transformers_info["auto_model"] == auto


def test_an_architecture_that_tells_nothing():
    found = record("model", "a: b", [], {"config.json": BERT | {"architectures": ["Strange"]}})
    assert (found.pipeline_tag, found.transformers_info) == (None, None)


def test_more_of_the_configuration():
    config = BERT | {
        "architectures": ["X"],
        "auto_map": {"AutoConfig": "c.C", "AutoModelForCausalLM": "m.M"},
        "quantization_config": {"quant_method": "gptq", "bits": 4, "secret": "x"},
    }
    tokenizer = {"mask_token": {"content": "<mask>"}, "chat_template": "{{ x }}", "vocab": [1]}
    found = record(
        "model",
        "base_model: a/b",
        ["tokenizer.json"],
        {"config.json": config, "tokenizer_config.json": tokenizer},
    )
    assert {"custom_code", "4-bit", "gptq", "conversational"} <= set(found.tags)
    assert found.base_model_relation == "quantized"
    assert found.mask_token == "<mask>"
    assert found.config["quantization_config"] == {"bits": 4, "quant_method": "gptq"}
    assert found.config["tokenizer_config"] == {
        "mask_token": {"content": "<mask>"},
        "chat_template": "{{ x }}",
    }
    assert found.transformers_info["auto_model"] == "AutoModelForCausalLM"
    assert found.transformers_info["custom_class"] == "m.M"


def test_entailment_labels_make_zero_shot_classification():
    config = BERT | {
        "architectures": ["BartForSequenceClassification"],
        "id2label": {"0": "contradiction", "1": "neutral", "2": "entailment"},
    }
    assert record("model", "a: b", [], {"config.json": config}).pipeline_tag == (
        "zero-shot-classification"
    )


@pytest.mark.parametrize(
    ("files", "small", "library"),
    [
        (["modules.json"], {}, "sentence-transformers"),
        ([], {"adapter_config.json": {"peft_type": "LORA"}}, "peft"),
        ([], {"model_index.json": {"_class_name": "StableDiffusionPipeline"}}, "diffusers"),
        (["sklearn_model.joblib"], {}, "sklearn"),
        (["model.joblib"], {}, "sklearn"),
        (["cfg.json", "checkpoint_p0/best_1.pth"], {}, "sample-factory"),
        (["cfg.json"], {}, None),
        (
            ["model.safetensors"],
            {
                "config.json": {
                    "type": "act",
                    "input_features": {},
                    "output_features": {},
                    "normalization_mapping": {},
                }
            },
            "lerobot",
        ),
        ([], {"config.json": {"sklearn": {}}}, "sklearn"),
        (["model.keras"], {}, "keras"),
        (["saved_model.pb"], {}, "tf-keras"),
        (["en_core-any-py3-none-any.whl"], {}, "spacy"),
        (["hyperparams.yaml"], {}, "speechbrain"),
        (["meta.yaml"], {}, "espnet"),
        (["pyproject.toml", "model.pkl"], {}, "fastai"),
        (
            [],
            {"config.json": {"architecture": "x", "num_classes": 2, "pretrained_cfg": {}}},
            "timm",
        ),
        ([], {"config.json": BERT}, "transformers"),
        (["model.safetensors"], {"config.json": {"model_type": "bert"}}, "transformers"),
        ([], {"config.json": {"model_type": "bert"}}, None),
        (["README.md"], {"config.json": b"{broken"}, None),
        ([], {"config.json": b"[1]"}, None),
        ([], {"config.json": b"\xff\xfe"}, None),
    ],
)
def test_libraries_of_files(files, small, library):
    assert record("model", "license: mit", files, small).library_name == library


def test_the_cards_word_beats_all_evidence():
    found = record(
        "model",
        "library_name: PEFT\npipeline_tag: summarization\ntags: [timm, fill-mask]",
        ["modules.json"],
        {"config.json": BERT},
    )
    assert (found.library_name, found.pipeline_tag) == ("peft", "summarization")


@pytest.mark.parametrize(
    ("block", "files", "relation"),
    [
        ("base_model: [a/b, c/d]", [], "merge"),
        ("base_model: a/b", ["adapter_config.json"], "adapter"),
        ("base_model: a/b\ntags: [lora]", [], "adapter"),
        ("base_model: a/b", ["m.gguf"], "quantized"),
        ("base_model: a/b\ntags: [4-bit]", [], "quantized"),
        ("base_model: a/b", [], "finetune"),
        ("base_model: a/b\nbase_model_relation: merge", ["m.gguf"], "merge"),
        ("base_model: a/b\ntags: [LoRA]", [], "adapter"),
        ("base_model: a/b\ntags: [6bit]", [], "quantized"),
        ("base_model: a/b\ntags: [EXL2]", [], "quantized"),
        ("base_model: not a valid id", [], None),
        ("license: mit", ["m.gguf"], None),
    ],
)
def test_relations_to_a_base(block, files, relation):
    assert record("model", block, files).base_model_relation == relation


def test_an_adapter_names_its_base():
    found = record(
        "model",
        "license: mit",
        [],
        {"adapter_config.json": {"peft_type": "LORA", "base_model_name_or_path": "ada/base"}},
    )
    assert found.base_models == ("ada/base",)
    assert "base_model:adapter:ada/base" in found.tags


def test_widgets_in_every_shape():
    assert record("model", "widget: hello").widget_data == [{"text": "hello"}]
    assert record("model", "widget: {text: a}").widget_data == [{"text": "a"}]
    found = record("model", "widget: [a, {src: 'javascript:x'}, {src: ../x}, {src: a/b.png}, 5]")
    assert found.widget_data == [{"text": "a"}, {"src": "a/b.png"}]
    assert record("model", "widget: []").widget_data is None


def test_a_dataset():
    found = record(
        "dataset",
        "pretty_name: Tiny\nlanguage: [en]\nlicense: [mit, cc0-1.0]\n"
        "task_categories: [translation]\ntask_ids: []\nsize_categories: n<1K\n"
        "tags: [climate, polars, image]\n"
        "configs: [{config_name: b}, {config_name: a, default: true}]\n"
        "dataset_info:\n  features: [{name: x, dtype: int64}, {name: y, dtype: float32},"
        " {name: t, dtype: string}]\n  splits: [{name: train, num_examples: 20}]",
        ["README.md", "data/train-0001.parquet", "data/test-0001.parquet", ".gitattributes"],
        body="# Tiny\n\nA small set.\nTwo lines.\n\n```\n@article{tiny,\n  title={Tiny}\n}\n```\n",
    )
    assert found.tags == (
        "library:datasets",
        "library:dask",
        "library:mlcroissant",
        "library:polars",
        "format:parquet",
        "task_categories:translation",
        "modality:image",
        "modality:tabular",
        "modality:text",
        "climate",
        "polars",
        "image",
        "language:en",
        "size_categories:n<1K",
        "license:mit",
        "license:cc0-1.0",
        "region:us",
    )
    assert found.title == "Tiny"
    assert found.subsets == ("a", "b")
    assert found.description == "A small set. Two lines."
    assert found.citation.startswith("@article{tiny,")


def test_maps_where_lists_are_meant():
    block = (
        "task_ids: {a: [parsing, 5], b: parsing, c: [[x]], d: {e: f}}\nsize_categories: {a: n<1K}"
    )
    found = record("dataset", block)
    assert found.tags == ("task_ids:parsing", "size_categories:n<1K", "region:us")


def test_the_number_of_rows_corrects_a_declared_size():
    rows = "dataset_info: {splits: [{num_examples: 600}, {num_examples: 600}]}"
    found = record("dataset", f"size_categories: n<1K\n{rows}")
    assert "size_categories:1K<n<10K" in found.tags
    assert "size_categories:n<1K" not in found.tags


def test_types_inside_of_lists_and_structures():
    inner = "dataset_info: {features: [{name: a, sequence: [{name: b, dtype: image}]},"
    inner += " {name: c, struct: [{name: d, list: string}]}, {name: e, sequence: float32}]}"
    modalities = [tag for tag in record("dataset", inner).tags if tag.startswith("modality:")]
    assert modalities == ["modality:image", "modality:text", "modality:timeseries"]
    deep = "{sequence: " * 40 + "image" + "}" * 40
    assert record("dataset", f"dataset_info: {{features: [{deep}]}}").tags == ("region:us",)


def test_the_order_of_subsets():
    def names(text):
        return record("dataset", f"configs: {text}").subsets

    assert names("[{config_name: c}, {config_name: default}, {config_name: a}]") == (
        "default", "a", "c",
    )  # fmt: skip
    assert names("[{config_name: default}, {config_name: b, default: true}]") == ("b", "default")
    assert names("{config_name: x}") == ("x",)


def test_results_and_benchmarks_beside_the_card():
    assert "eval-results" in record("model", "a: b", [".eval_results/x.yaml"]).tags
    assert "eval-results" not in record("model", "a: b", ["x/.eval_results/x.yaml"]).tags
    assert "benchmark:official" in record("dataset", "a: b", ["eval.yaml"]).tags


def test_sizes_and_modalities_from_what_is_there():
    block = "dataset_info: [{splits: [{num_examples: 600}]}, {splits: [{num_examples: 500}]}]"
    assert "size_categories:1K<n<10K" in record("dataset", block).tags
    images = [f"train/{number}.png" for number in range(5)]
    assert "modality:image" in record("dataset", "a: b", images).tags
    assert "format:imagefolder" in record("dataset", "a: b", images).tags
    with_table = record("dataset", "a: b", [*images, "data.csv"])
    assert "modality:image" not in with_table.tags
    assert "library:pandas" in record("dataset", "a: b", ["data.csv"]).tags
    described = record("dataset", "a: b", ["README.md", "dataset_infos.json", "d/config.json"])
    assert described.tags == ("region:us",)
    assert "modality:audio" in record("dataset", "a: b", ["a.wav", "b.wav"]).tags
    assert record("dataset", "viewer: false").viewer is False


def test_a_space():
    code = (
        b"from transformers import AutoModel, pipeline\n"
        b"m = AutoModel.from_pretrained('ada/model')\np = pipeline('x', model=\"ada/other\")\n"
        b"d = load_dataset('ada/data')\nbad = load_dataset('../../etc')\n"
    )
    found = record(
        "space",
        "title: Demo\nemoji: 🎉\ncolorFrom: red\ncolorTo: pinkish\nsdk: gradio\nsdk_version: 4.10\n"
        "pinned: true\ntags: [fun]\nlicense: mit",
        ["README.md"],
        {"app.py": code},
        body="Uses https://huggingface.co/papers/2301.00001",
        region="local",
    )
    assert found.tags == ("gradio", "fun", "arxiv:2301.00001", "license:mit", "region:local")
    assert found.models == ("ada/model", "ada/other")
    assert found.datasets == ("ada/data",)
    assert (found.title, found.emoji, found.sdk, found.sdk_version) == (
        "Demo",
        "🎉",
        "gradio",
        "4.10",
    )
    assert (found.color_from, found.color_to, found.pinned) == ("red", None, True)
    listed = record("space", "sdk: static\nmodels: [x/y]", [], {"index.html": b"x"})
    assert listed.models == ("x/y",)


def test_links_in_the_code_of_a_space():
    code = b"""
MODEL_ID = "ada/constant"
const model = 'ada/javascript';
DATA = "ada/rows"
a = AutoModel.from_pretrained(MODEL_ID, revision="x/y")
b = pipeline("text-generation", "ada/second")
c = await pipeline('fill-mask', model);
d = gr.load("models/ada/loaded"); e = gr.load(name="huggingface/ada/older")
f = InferenceClient(model="ada/client")
g = load_dataset(DATA, split="train"); h = load_dataset(path)
i = from_pretrained(unknown)
"""
    found = record("space", "sdk: gradio", [], {"app.py": code})
    assert found.models == (
        "ada/constant", "ada/second", "ada/javascript", "ada/loaded", "ada/older", "ada/client",
    )  # fmt: skip
    assert found.datasets == ("ada/rows",)


def test_papers_and_what_only_looks_like_them():
    body = "https://arxiv.org/pdf/2005.14165v3.pdf hf.example/papers/1706.03762 /papers/old/1234567"
    body += " arXiv: 2301.00001 arxiv.org/abs/hep-th/9901001 arxiv.org/abs/12345.6789"
    found = record("space", "sdk: static", body=body)
    assert found.arxiv == ("2005.14165", "1706.03762", "2301.00001", "hep-th/9901001")


def test_only_files_that_are_there_are_wanted():
    card = read_card("---\nsdk: gradio\napp_file: src/main.py\n---\n")
    assert wanted_files("space", card, ["app.py", "src/main.py"]) == ("src/main.py", "app.py")
    assert wanted_files("model", card, ["config.json", "x.bin"]) == ("config.json",)
    assert wanted_files("dataset", card, ["config.json"]) == ()


def test_a_repository_without_a_card_has_a_record():
    found = index_record("model", read_card(""), ["model.safetensors"])
    assert found.tags == ("safetensors", "region:us")
    assert found.card_data == {}


def test_cards_of_people_have_the_tags_they_had():
    for line in (CARDS / "odd.jsonl").read_text().splitlines():
        row = json.loads(line)
        card = read_card((CARDS / "odd" / row["file"]).read_bytes())
        assert list(index_record(row["kind"], card, ["README.md"]).tags) == row["tags"], row["file"]


_VALUES = ["~", "x", "5", "1.5", "true", "[]", "{}", "[a, 5, [b], {c: d}]", "{a: [b], c: {d: e}}"]
_VALUES += ["''", "2021-01-01", "[~]", "no", "[{type: [x]}]", "{emissions: {x: y}}", "a/b", "a/b/c"]
_KEYS = """
language license license_name license_link library_name pipeline_tag tags datasets metrics
base_model base_model_relation new_version model-index widget inference co2_eq_emissions thumbnail
mask_token extra_gated_fields pretty_name task_categories task_ids size_categories configs
dataset_info viewer arxiv title emoji colorFrom sdk sdk_version app_file models pinned
short_description custom_headers source_datasets paperswithcode_id multilinguality
"""


def test_any_metadata_and_any_files_give_a_record():
    chance = random.Random(5)
    keys = _KEYS.split()
    smalls = [b"", b"{", b"[]", b"null", b"\xff", b'{"architectures": 5, "auto_map": []}']
    smalls += [b'{"architectures": [5], "quantization_config": [], "id2label": 5}', b"[" * 50_000]
    smalls += [b'{"a": NaN, "model_type": {"x": 1}, "architectures": [""], "mask_token": 5}']
    smalls += [b'{"_class_name": 5, "peft_type": [], "base_model_name_or_path": {}}']
    names = ["config.json", "tokenizer_config.json", "adapter_config.json", "model_index.json"]
    names += ["processor_config.json", "preprocessor_config.json", "metadata.json", "app.py"]
    for _ in range(1_500):
        block = "\n".join(f"{key}: {chance.choice(_VALUES)}" for key in chance.sample(keys, 12))
        small = {name: chance.choice(smalls) for name in chance.sample(names, 4)}
        files = [*small, "a.parquet", "", "/", "..", "x" * 300, "é.png"]
        card = read_card(f"---\n{block}\n---\narxiv:1234.56789")
        for kind in ("model", "dataset", "space"):
            found = index_record(kind, card, files, small)
            text = json.dumps(asdict(found), allow_nan=False)
            assert "\\u0000" not in text
            assert all(isinstance(tag, str) and tag for tag in found.tags)
            assert len({tag.casefold() for tag in found.tags}) == len(found.tags)
