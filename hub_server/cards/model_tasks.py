"""Which task a model is for, and what its configuration files tell client libraries."""

import re
from typing import Any

from hub_server.cards import vocabulary
from hub_server.cards.evidence import Evidence, plain
from hub_server.cards.tags import task_of

# Suffix of the architecture, task, auto class. The first that fits wins.
_ARCHITECTURES: tuple[tuple[str, str, str], ...] = (
    ("ForSequenceClassification", "text-classification", "AutoModelForSequenceClassification"),
    ("ForTokenClassification", "token-classification", "AutoModelForTokenClassification"),
    (
        "ForVisualQuestionAnswering",
        "visual-question-answering",
        "AutoModelForVisualQuestionAnswering",
    ),
    (
        "ForDocumentQuestionAnswering",
        "document-question-answering",
        "AutoModelForDocumentQuestionAnswering",
    ),
    (
        "ForTableQuestionAnswering",
        "table-question-answering",
        "AutoModelForTableQuestionAnswering",
    ),
    ("ForQuestionAnswering", "question-answering", "AutoModelForQuestionAnswering"),
    ("ForMultipleChoice", "multiple-choice", "AutoModelForMultipleChoice"),
    ("ForMaskedLM", "fill-mask", "AutoModelForMaskedLM"),
    ("ForCausalLM", "text-generation", "AutoModelForCausalLM"),
    ("LMHeadModel", "text-generation", "AutoModelForCausalLM"),
    ("ForSeq2SeqLM", "text2text-generation", "AutoModelForSeq2SeqLM"),
    ("ForCTC", "automatic-speech-recognition", "AutoModelForCTC"),
    ("ForSpeechSeq2Seq", "automatic-speech-recognition", "AutoModelForSpeechSeq2Seq"),
    ("ForAudioClassification", "audio-classification", "AutoModelForAudioClassification"),
    ("ForTextToWaveform", "text-to-audio", "AutoModelForTextToWaveform"),
    ("ForTextToSpectrogram", "text-to-audio", "AutoModelForTextToSpectrogram"),
    (
        "ForZeroShotImageClassification",
        "zero-shot-image-classification",
        "AutoModelForZeroShotImageClassification",
    ),
    ("ForImageClassification", "image-classification", "AutoModelForImageClassification"),
    (
        "ForZeroShotObjectDetection",
        "zero-shot-object-detection",
        "AutoModelForZeroShotObjectDetection",
    ),
    ("ForObjectDetection", "object-detection", "AutoModelForObjectDetection"),
    ("ForSemanticSegmentation", "image-segmentation", "AutoModelForSemanticSegmentation"),
    ("ForInstanceSegmentation", "image-segmentation", "AutoModelForInstanceSegmentation"),
    ("ForUniversalSegmentation", "image-segmentation", "AutoModelForUniversalSegmentation"),
    ("ForImageSegmentation", "image-segmentation", "AutoModelForImageSegmentation"),
    ("ForMaskGeneration", "mask-generation", "AutoModelForMaskGeneration"),
    ("ForDepthEstimation", "depth-estimation", "AutoModelForDepthEstimation"),
    ("ForVideoClassification", "video-classification", "AutoModelForVideoClassification"),
    ("ForImageToImage", "image-to-image", "AutoModelForImageToImage"),
    ("ForVision2Seq", "image-to-text", "AutoModelForVision2Seq"),
    ("ForImageTextToText", "image-text-to-text", "AutoModelForImageTextToText"),
    ("ForMaskedImageModeling", "image-feature-extraction", "AutoModelForMaskedImageModeling"),
    ("Model", "feature-extraction", "AutoModel"),
)
_SPEECH = re.compile(r"^(Whisper|Speech2Text|Moonshine|SeamlessM4T|CohereAsr)")
_LIBRARY_TASKS = {"sentence-transformers": "sentence-similarity"}
_TOKENS = (
    "bos_token",
    "eos_token",
    "unk_token",
    "pad_token",
    "mask_token",
    "cls_token",
    "sep_token",
    "chat_template",
    "use_default_system_prompt",
)
_SUBSETS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("peft", "adapter_config.json", ("base_model_name_or_path", "task_type")),
    ("adapter_transformers", "adapter_config.json", ("model_name", "model_class")),
    ("diffusers", "model_index.json", ("_class_name",)),
    ("processor_config", "processor_config.json", ("chat_template",)),
)
_FROM_CONFIG = ("architectures", "auto_map", "model_type", "sklearn", "speechbrain_interface")
_QUANTIZATION = ("bits", "load_in_4bit", "load_in_8bit", "quant_method")


def task_of_model(
    declared: Any, tagged: tuple[str, ...], library: str | None, seen: Evidence
) -> str | None:
    """The card's word, else the first of its tags in the taxonomy, else the library, else files."""
    if isinstance(declared, str) and declared.strip():
        word = declared.strip()
        known = word in vocabulary.tasks() or word in vocabulary.subtask_parents()
        return word if known else task_of(word) or word
    found = {task for task in map(task_of, tagged) if task}
    for task in vocabulary.tasks():
        if task in found:
            return task
    if library in _LIBRARY_TASKS:
        return _LIBRARY_TASKS[library]
    pipeline = seen.json("model_index.json").get("_class_name")
    if isinstance(pipeline, str) and pipeline.startswith("StableDiffusion"):
        return "text-to-image"
    return _task_of_config(seen.json("config.json"))


def _architecture(config: dict[str, Any]) -> str | None:
    names = config.get("architectures")
    first = names[0] if isinstance(names, list) and names else None
    return first if isinstance(first, str) else None


def _task_of_config(config: dict[str, Any]) -> str | None:
    name = _architecture(config)
    if not name:
        return None
    if name.endswith("ForConditionalGeneration"):
        return _generation_task(name, config)
    task = next((task for suffix, task, _ in _ARCHITECTURES if name.endswith(suffix)), None)
    if task == "text-classification" and _tells_entailment(config):
        return "zero-shot-classification"
    if task == "feature-extraction" and "image_size" in config:
        return "image-feature-extraction"
    return "text-generation" if task == "text2text-generation" else task


def _generation_task(name: str, config: dict[str, Any]) -> str:
    if _SPEECH.match(name):
        return "automatic-speech-recognition"
    return "image-text-to-text" if "vision_config" in config else "text-generation"


def _tells_entailment(config: dict[str, Any]) -> bool:
    labels = config.get("id2label")
    words = {str(label).lower() for label in labels.values()} if isinstance(labels, dict) else set()
    return {"entailment", "contradiction"} <= words


def config_tags(seen: Evidence) -> list[str]:
    """Bare tags that the configuration files give: model type, custom code, quantisation, chat."""
    config = seen.json("config.json")
    tags = [value for value in (config.get("model_type"),) if isinstance(value, str) and value]
    if _architecture(config) and _is_text_to_text(config):
        tags.append("text2text-generation")
    if config.get("auto_map"):
        tags.append("custom_code")
    tags += _quantization_tags(config.get("quantization_config"))
    if _has_chat_template(seen):
        tags.append("conversational")
    pipeline = seen.json("model_index.json").get("_class_name")
    if isinstance(pipeline, str):
        tags.append(f"diffusers:{pipeline}")
    return tags


def _has_chat_template(seen: Evidence) -> bool:
    return (
        "chat_template" in seen.json("tokenizer_config.json")
        or seen.has("chat_template.jinja", "chat_template.json")
        or "chat_template" in (seen.weights.gguf or {})
    )


def _is_text_to_text(config: dict[str, Any]) -> bool:
    name = _architecture(config) or ""
    if name.endswith("ForConditionalGeneration"):
        return _generation_task(name, config) == "text-generation"
    return name.endswith("ForSeq2SeqLM")


def _quantization_tags(value: Any) -> list[str]:
    if not isinstance(value, dict):
        return []
    bits = (
        value.get("bits") or (value.get("load_in_4bit") and 4) or (value.get("load_in_8bit") and 8)
    )
    method = value.get("quant_method")
    tags = [f"{bits}-bit"] if bits in (4, 8) else []
    return [*tags, method] if isinstance(method, str) and method else tags


def config_subset(seen: Evidence) -> dict[str, Any]:
    """The part of the configuration that the API shows as `config`."""
    config = seen.json("config.json")
    subset = {key: config[key] for key in _FROM_CONFIG if config.get(key) is not None}
    quantization = config.get("quantization_config")
    if isinstance(quantization, dict):
        subset["quantization_config"] = _pick(quantization, _QUANTIZATION)
    tokenizer = _pick(seen.json("tokenizer_config.json"), _TOKENS)
    template = seen.text("chat_template.jinja")
    if template:
        tokenizer.setdefault("chat_template", template)
    if tokenizer:
        subset["tokenizer_config"] = tokenizer
    for name, file, keys in _SUBSETS:
        part = _pick(seen.json(file), keys)
        if part:
            subset[name] = part
    return {str(key): plain(value) for key, value in subset.items()}


def _pick(source: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: source[key] for key in keys if source.get(key) is not None}


def mask_token(declared: Any, seen: Evidence) -> str | None:
    token = declared or seen.json("tokenizer_config.json").get("mask_token")
    if isinstance(token, dict):
        token = token.get("content")
    return token[:100] if isinstance(token, str) and token else None


def transformers_info(task: str | None, seen: Evidence) -> dict[str, str] | None:
    """`auto_model` and, where known, `pipeline_tag`, `processor` and `custom_class`; only these."""
    config = seen.json("config.json")
    name = _architecture(config)
    auto, custom = _auto_map(config.get("auto_map"))
    auto = auto or (_auto_class(name, config) if name else None)
    if auto is None:
        return None
    info = {"auto_model": auto}
    optional = {
        "custom_class": custom,
        "pipeline_tag": _task_of_config(config) or task,
        "processor": _processor(seen),
    }
    return info | {key: value for key, value in optional.items() if value}


def _auto_map(value: Any) -> tuple[str | None, str | None]:
    if isinstance(value, dict):
        for key in sorted(value, key=lambda key: (key == "AutoModel", str(key))):
            if isinstance(key, str) and key.startswith("AutoModel") and isinstance(value[key], str):
                return key, value[key]
    return None, None


def _auto_class(name: str, config: dict[str, Any]) -> str | None:
    if name.endswith("ForConditionalGeneration"):
        task = _generation_task(name, config)
        if task == "automatic-speech-recognition":
            return "AutoModelForSpeechSeq2Seq"
        vision = task == "image-text-to-text"
        return "AutoModelForImageTextToText" if vision else "AutoModelForSeq2SeqLM"
    return next((auto for suffix, _, auto in _ARCHITECTURES if name.endswith(suffix)), None)


def _processor(seen: Evidence) -> str | None:
    tokens = any("token" in name or name.startswith("vocab") for name in seen.root)
    preprocessor = seen.json("preprocessor_config.json")
    if seen.has("processor_config.json") or (tokens and preprocessor):
        return "AutoProcessor"
    if preprocessor or seen.has("preprocessor_config.json"):
        images = "image_processor_type" in preprocessor or "size" in preprocessor
        return "AutoImageProcessor" if images else "AutoFeatureExtractor"
    return "AutoTokenizer" if tokens else None
