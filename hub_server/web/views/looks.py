"""What is seen of a file that is more than lines of text."""

from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup


@dataclass(frozen=True)
class JsonNode:
    """A value: a map or a list with what it holds, or a leaf with its text.

    `left_out` counts what it holds and is not among `children`.
    """

    kind: Literal["map", "list", "text", "number", "word"]
    key: str | None = None
    text: str = ""
    children: tuple["JsonNode", ...] = ()
    count: int = 0
    is_open: bool = False

    @property
    def left_out(self) -> int:
        return self.count - len(self.children)


@dataclass(frozen=True)
class Sheet:
    """The first rows of a table. `rows_in_all` is None where the file was not read to its end."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int]
    rows_in_all: int | None
    columns_in_all: int

    @property
    def has_more_columns(self) -> bool:
        return self.columns_in_all > len(self.head)


@dataclass(frozen=True)
class Output:
    """What a cell printed: text, an error, or a picture as the text of a `data:` address."""

    kind: Literal["text", "error", "picture", "markup", "unseen"]
    text: str = ""
    is_cut: bool = False


@dataclass(frozen=True)
class Cell:
    """`shown` is safe markup; None where `text` is shown as it is."""

    kind: Literal["code", "markdown", "raw"]
    text: str
    number: int | None = None
    shown: Markup | None = None
    outputs: tuple[Output, ...] = ()


@dataclass(frozen=True)
class Notebook:
    """`cells_in_all` may be more than there are cells here."""

    cells: tuple[Cell, ...]
    cells_in_all: int
    language: str = ""


@dataclass(frozen=True)
class TensorRow:
    name: str
    type: str
    shape: tuple[int, ...]
    values: int


@dataclass(frozen=True)
class TensorView:
    """The header of a file of weights: `types` are values by type, the largest first."""

    format: str
    rows: tuple[TensorRow, ...]
    tensors: int
    values: int
    types: tuple[tuple[str, int], ...]
    metadata: tuple[tuple[str, str], ...]
    keys: int

    @property
    def has_all(self) -> bool:
        return len(self.rows) == self.tensors
