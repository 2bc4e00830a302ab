"""Which library a model belongs to, in which formats it comes, and how it relates to its base."""

import re
from collections.abc import Callable
from typing import Any

from hub_server.cards import vocabulary
from hub_server.cards.evidence import Evidence

_PYTORCH = re.compile(r"pytorch_model.*\.bin")
_WEIGHTS = frozenset({".safetensors", ".bin", ".h5", ".msgpack", ".onnx"})
_TOKENIZERS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
)
_ADAPTED = frozenset({"lora", "peft", "adapter-transformers"})
_QUANTIZED = re.compile(r"gptq|awq|bitsandbytes|exl[23]|gguf|[2-8]-?bit")

# First that holds names the library; the order puts what says more before what says less.
_RULES: tuple[tuple[str, Callable[[Evidence], Any]], ...] = (
    (
        "sentence-transformers",
        lambda seen: seen.has("config_sentence_transformers.json", "modules.json"),
    ),
    ("peft", lambda seen: seen.json("adapter_config.json").get("peft_type")),
    ("adapter-transformers", lambda seen: seen.json("adapter_config.json").get("model_class")),
    (
        "diffusers",
        lambda seen: (
            seen.json("model_index.json").get("_class_name") or seen.has("modular_model_index.json")
        ),
    ),
    ("nemo", lambda seen: seen.extensions[".nemo"]),
    ("espnet", lambda seen: seen.has("meta.yaml")),
    ("speechbrain", lambda seen: seen.has("hyperparams.yaml")),
    ("spacy", lambda seen: {"lang", "pipeline"} <= seen.json("meta.json").keys()),
    ("spacy", lambda seen: any(name.endswith("-any-py3-none-any.whl") for name in seen.root)),
    (
        "keras",
        lambda seen: seen.extensions[".keras"] or seen.json("metadata.json").get("keras_version"),
    ),
    ("tf-keras", lambda seen: seen.has("saved_model.pb", "keras_metadata.pb")),
    ("sklearn", lambda seen: "sklearn" in seen.json("config.json")),
    (
        "sklearn",
        lambda seen: seen.has("sklearn_model.joblib", "model.joblib") or seen.extensions[".skops"],
    ),
    ("fastai", lambda seen: seen.has("pyproject.toml") and seen.has("model.pkl")),
    ("open_clip", lambda seen: seen.has("open_clip_config.json")),
    (
        "timm",
        lambda seen: (
            {"architecture", "num_classes", "pretrained_cfg"} <= seen.json("config.json").keys()
        ),
    ),
    ("lerobot", lambda seen: _is_lerobot(seen)),
    (
        "sample-factory",
        lambda seen: seen.has("cfg.json") and any("/checkpoint_" in f"/{p}" for p in seen.files),
    ),
    ("mlx", lambda seen: "quantization" in seen.json("config.json")),
    ("transformers", lambda seen: _is_transformers(seen)),
)


def library_of(declared: Any, tagged: tuple[str, ...], seen: Evidence) -> str | None:
    """The card's word, else a tag's, else what the files show; None when nothing tells."""
    if isinstance(declared, str) and declared.strip():
        return canonical(declared.strip())
    if tagged:
        return tagged[0]
    return next((name for name, holds in _RULES if holds(seen)), None)


def canonical(name: str) -> str:
    """The spelling of the vocabulary, where only the case differs."""
    known = vocabulary.libraries()
    if name in known:
        return name
    return next((library for library in known if library.lower() == name.lower()), name)


def _is_lerobot(seen: Evidence) -> bool:
    """A policy: its configuration names kinds of features, and how they are normalized."""
    config = seen.json("config.json")
    return {"input_features", "output_features", "normalization_mapping"} <= config.keys()


def _is_transformers(seen: Evidence) -> bool:
    config = seen.json("config.json")
    if not (config.get("model_type") or config.get("architectures")):
        return False
    return bool(
        config.get("transformers_version")
        or seen.has(*_TOKENIZERS)
        or not _WEIGHTS.isdisjoint(seen.extensions)
    )


def format_tags(seen: Evidence) -> list[str]:
    """Bare tags of the weight formats that are there, in the public order."""
    extensions = seen.extensions
    found = {
        "pytorch": any(extensions[end] for end in (".pt", ".pth", ".ckpt"))
        or any(_PYTORCH.fullmatch(name) for name in seen.names),
        "tf": extensions[".h5"],
        "jax": "flax_model.msgpack" in seen.names,
        "tflite": extensions[".tflite"],
        "rust": "rust_model.ot" in seen.names,
        "coreml": extensions[".mlmodel"] or any(".mlpackage/" in path for path in seen.files),
        "onnx": extensions[".onnx"],
        "openvino": "openvino_model.xml" in seen.names,
        "safetensors": extensions[".safetensors"],
        "gguf": extensions[".gguf"],
        "tensorboard": any(name.startswith("events.out.tfevents") for name in seen.names),
    }
    return [name for name, there in found.items() if there]


def relation_to_base(
    declared: Any, bases: list[str], words: frozenset[str], seen: Evidence
) -> str | None:
    """adapter, merge, quantized or finetune; `words` are the tags and formats known so far."""
    if not bases:
        return None
    if declared in ("adapter", "merge", "quantized", "finetune"):
        return str(declared)
    if len(bases) > 1:
        return "merge"
    words = frozenset(word.casefold() for word in words)
    if seen.has("adapter_config.json") or words & _ADAPTED:
        return "adapter"
    return "quantized" if _is_quantized(words, seen) else "finetune"


def _is_quantized(words: frozenset[str], seen: Evidence) -> bool:
    config = seen.json("config.json")
    told = config.get("quantization_config") or config.get("quantization")
    return bool(told) or any(map(_QUANTIZED.fullmatch, words))
