"""Notebooks as cells: text, code and what it printed. Nothing of a notebook runs.

Pictures become `data:` addresses, which show and do not act; HTML and scripts of outputs are never
markup of ours: where an output has no plain text, its source is shown.
"""

import base64
import binascii
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from hub_server import cards
from hub_server.web.views.looks import Cell, Notebook, Output

MOST_CELLS = 500
MOST_TEXT = 20_000
MOST_OUTPUTS = 50
MOST_PICTURE = 1_500_000
MOST_PICTURES = 4_000_000
"""Characters of all pictures of a notebook, as base64."""
SECONDS = 1.0
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b\x0e-\x1f]")
_IDS = re.compile(r'((?:id="|href="#))user-content-')

Renderer = Callable[[str, float], str]
"""Markdown and seconds that are left to safe HTML."""


def read_notebook(text: str, markdown: Renderer) -> Notebook | None:
    """None for what is no notebook of format 3 or 4."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    cells = found.get("cells")
    if cells is None and isinstance(sheets := found.get("worksheets"), list):
        cells = [cell for sheet in sheets for cell in _list(_map(sheet).get("cells"))]
    if not isinstance(cells, list):
        return None
    metadata = _map(found.get("metadata"))
    reader = _Reader(markdown, _language(metadata))
    shown = tuple(reader.cell(number, _map(cell)) for number, cell in enumerate(cells[:MOST_CELLS]))
    return Notebook(shown, len(cells), reader.language)


def _language(metadata: Mapping[str, Any]) -> str:
    info, kernel = _map(metadata.get("language_info")), _map(metadata.get("kernelspec"))
    name = info.get("name") or kernel.get("language") or "python"
    return name[:40] if isinstance(name, str) else "python"


_SUFFIXES = {"python": "py", "r": "r", "julia": "jl", "javascript": "js", "typescript": "ts"}


@dataclass
class _Reader:
    markdown: Renderer
    language: str
    began: float = field(default_factory=time.monotonic)
    pictures: int = field(default_factory=lambda: MOST_PICTURES)

    @property
    def left(self) -> float:
        return self.began + SECONDS - time.monotonic()

    def cell(self, number: int, cell: Mapping[str, Any]) -> Cell:
        kind = cell.get("cell_type")
        text = _text(cell.get("source", cell.get("input")))
        if kind in ("markdown", "heading"):
            return Cell("markdown", text, shown=self._written(number, text))
        if kind != "code":
            return Cell("raw", text)
        count = cell.get("execution_count", cell.get("prompt_number"))
        outputs = tuple(
            self._output(_map(each)) for each in _list(cell.get("outputs"))[:MOST_OUTPUTS]
        )
        ran = count if isinstance(count, int) else None
        return Cell("code", text, ran, self._painted(text), outputs)

    def _written(self, number: int, text: str) -> Markup | None:
        if self.left <= 0 or len(text) > MOST_TEXT * 5:
            return None
        written = self.markdown(text, self.left)
        unique = _IDS.sub(rf"\1user-content-{number}-", written)
        return Markup(unique)  # noqa: S704 - sanitised by cards

    def _painted(self, text: str) -> Markup | None:
        suffix = _SUFFIXES.get(self.language.lower(), self.language.lower())
        lines = cards.highlight(text, f"cell.{suffix}") if self.left > 0 else None
        return None if lines is None else Markup("\n".join(lines))  # noqa: S704 - escaped by cards

    def _output(self, output: Mapping[str, Any]) -> Output:
        kind = output.get("output_type")
        if kind == "stream":
            return _printed("text", output.get("text"))
        if kind in ("error", "pyerr"):
            trace = "\n".join(map(str, _list(output.get("traceback"))))
            return _printed("error", trace or f"{output.get('ename')}: {output.get('evalue')}")
        data = _map(output.get("data"))
        return self._picture(data or output) or _said(data or output)

    def _picture(self, data: Mapping[str, Any]) -> Output | None:
        for media_type in PICTURES:
            found = data.get(media_type) or data.get(media_type.rpartition("/")[2])
            if found is None:
                continue
            coded = "".join(_text(found).split())
            if len(coded) > min(MOST_PICTURE, self.pictures) or not _is_base64(coded):
                return Output("unseen")
            self.pictures -= len(coded)
            return Output("picture", f"data:{media_type};base64,{coded}")
        drawing = _text(data.get("image/svg+xml", data.get("svg")))
        if drawing and len(drawing) <= min(MOST_PICTURE, self.pictures):
            self.pictures -= len(drawing)
            coded = base64.b64encode(drawing.encode("utf-8", "replace")).decode()
            return Output("picture", f"data:image/svg+xml;base64,{coded}")
        return None


def _said(data: Mapping[str, Any]) -> Output:
    """Plain text where there is some, else the source of what stands there."""
    for name in ("text/plain", "text", "text/markdown", "text/latex"):
        if data.get(name):
            return _printed("text", data[name])
    for name in ("text/html", "html", "application/json"):
        if data.get(name):
            found = data[name]
            source = found if isinstance(found, str | list) else json.dumps(found, indent=1)
            return _printed("markup", source)
    return Output("unseen")


def _printed(kind: Any, found: Any) -> Output:
    text = _ESCAPES.sub("", _text(found)).rstrip("\n")
    return Output(kind, text[:MOST_TEXT], is_cut=len(text) > MOST_TEXT)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _text(found: Any) -> str:
    """Notebooks keep texts as one string or as a list of lines."""
    if isinstance(found, list):
        return "".join(each for each in found if isinstance(each, str))
    return found if isinstance(found, str) else ""


def _map(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []
