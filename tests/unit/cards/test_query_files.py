"""Which files tell downloads of which library's models."""

import pytest

from hub_server.cards import has_query_file, is_query_file


@pytest.mark.parametrize(
    ("library", "path", "counts"),
    [
        (None, "config.json", True),
        (None, "config.yaml", True),
        (None, "hyperparams.yaml", True),
        (None, "params.json", True),
        (None, "meta.yaml", True),
        (None, "model.safetensors", False),
        (None, "README.md", False),
        (None, "deep/config.json", False),
        (None, "q4/model-00001-of-00002.gguf", True),
        ("transformers", "config.json", True),
        ("transformers", "model.safetensors", False),
        ("transformers", "model.GGUF", True),
        ("of-nobody", "config.json", True),
        ("sklearn", "sklearn_model.joblib", True),
        ("sklearn", "config.json", False),
        ("spacy", "en_core_web_sm-any-py3-none-any.whl", True),
        ("spacy", "config.json", False),
        ("peft", "adapter_config.json", True),
        ("peft", "config.json", False),
        ("adapter-transformers", "adapter_config.json", True),
        ("timm", "model.safetensors", True),
        ("timm", "pytorch_model.bin", True),
        ("timm", "config.json", False),
        ("keras", "config.json", True),
        ("keras", "best.keras", True),
        ("nemo", "stt_en.nemo", True),
        ("nemo", "model_config.yaml", True),
        ("flair", "pytorch_model.bin", True),
        ("flair", "config.json", False),
        ("diffusers", "model_index.json", True),
        ("diffusers", "sd-v1.safetensors", True),
        ("diffusers", "unet/model.safetensors", False),
        ("diffusers", "unet/config.json", False),
        ("tic-clip", "checkpoints/a.pt", True),
        ("tic-clip", "a.pt", False),
        ("edsnlp", "pipes/config.cfg", True),
        ("hunyuan3d-2", "dit/model_index.json", True),
        ("whisperkit", "Encoder.mlmodelc/model.mil", True),
        ("whisperkit", "Encoder.mlmodelc/weights.mil", False),
    ],
)
def test_the_table_of_rules(library: str | None, path: str, counts: bool) -> None:
    assert is_query_file(library, path) is counts


def test_a_repository_without_any() -> None:
    assert not has_query_file(None, ["README.md", "model.joblib"])
    assert has_query_file(None, ["README.md", "config.json"])
