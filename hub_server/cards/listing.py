"""What the header of a file of weights says of each tensor, whatever its format."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tensor:
    """`type` as the format names it, `values` the product of the shape."""

    name: str
    type: str
    shape: tuple[int, ...]
    values: int


@dataclass(frozen=True, slots=True)
class Listing:
    """`format` is "safetensors" or "GGUF"; `metadata` are keys with their values as text."""

    format: str
    tensors: tuple[Tensor, ...]
    metadata: tuple[tuple[str, str], ...]
