"""Which look a file gets: by its kind, its size and what stands in it.

Nothing of a stranger acts here: text is escaped, Markdown sanitised, pictures only shown, and what
browsers would run (HTML, PDF, notebooks' output) is text or a download.
"""

import base64
from dataclasses import replace
from functools import lru_cache

from fastapi import Request
from markupsafe import Markup

from hub_server import cards, contents
from hub_server.errors import HubError
from hub_server.git import Entry
from hub_server.web import looks
from hub_server.web.cards import rendered_card
from hub_server.web.places import Place, address
from hub_server.web.translation import mark
from hub_server.web.views.files import FilePage, Look, Way, suffix

TEXT_LIMIT = 2_000_000
NOTEBOOK_LIMIT = 10_000_000
SHEET_START = 262_144
DRAWING_LIMIT = 256_000
SNIFFED = 8000
MEDIA: dict[Look, frozenset[str]] = {
    "image": frozenset({"png", "jpg", "jpeg", "gif", "webp", "avif", "bmp"}),
    "audio": frozenset({"wav", "mp3", "flac", "ogg", "m4a", "opus"}),
    "video": frozenset({"mp4", "webm", "mov"}),
    "pdf": frozenset({"pdf"}),
}
TENSORS = frozenset({"safetensors", "gguf"})
SHEETS = frozenset({"csv", "tsv", "tab"})
MARKDOWN = frozenset({"md", "markdown"})
TOO_LONG = mark("Shown without colours, because it is very long.")
TOO_LARGE = mark("This file is too large to be shown here.")
NO_HEADER = mark("Its header cannot be read, so there are no tensors to show.")
NOT_READ = mark("The large file cannot be read at the moment; try again later.")
GONE = mark("This large file was removed from the repository; only its pointer is left.")
PAGE = mark("Page")
SOURCE = mark("Source")
TREE = mark("Tree")
TABLE = mark("Table")
CELLS = mark("Notebook")
PICTURE = mark("Picture")


def looked_at(request: Request, view: FilePage, place: Place, entry: Entry) -> FilePage:
    """The page of a file with what can be shown of it."""
    if entry.is_link:
        target = place.snapshot.text(place.path, limit=SNIFFED) or ""
        return replace(view, look="link", link_target=target)
    if entry.is_submodule:
        return replace(view, look="submodule", link_target=entry.id)
    if view.lfs and view.lfs.is_gone:
        return replace(view, why=GONE)
    return _by_kind(request, view, place) if view.size else replace(view, look="empty")


def _by_kind(request: Request, view: FilePage, place: Place) -> FilePage:
    kind = suffix(view.name)
    media: Look | None = next((look for look, kinds in MEDIA.items() if kind in kinds), None)
    if media is not None:
        return replace(view, look=media, picture=view.raw_url)
    try:
        return _tensors(view, place) if kind in TENSORS else _read(request, view, place, kind)
    except HubError:
        if view.lfs is None:
            raise
        return replace(view, why=NOT_READ)


def _tensors(view: FilePage, place: Place) -> FilePage:
    found = contents.tensors_in(place.snapshot, place.path)
    if found is None:
        return replace(view, why=NO_HEADER)
    return replace(view, look="tensors", shown=looks.tensor_view(found))


def _read(request: Request, view: FilePage, place: Place, kind: str) -> FilePage:
    """A file by its beginning, or whole where it is small enough for its kind."""
    if view.lfs and not _is_text(kind):
        return view
    whole = view.size <= (NOTEBOOK_LIMIT if kind == "ipynb" else TEXT_LIMIT)
    if not whole and kind not in SHEETS:
        return replace(view, why=TOO_LARGE)
    data = place.snapshot.part(place.path, 0, view.size if whole else SHEET_START)
    if b"\0" in data[:SNIFFED]:
        return replace(view, look="lfs" if view.lfs else "binary")
    text = data.decode("utf-8", "replace")
    return _as_text(request, view, place, text, whole=whole)


def _is_text(kind: str) -> bool:
    """Large files are fetched from the store only where their name says that they are text."""
    return kind in SHEETS | MARKDOWN | {"ipynb", "txt"} or cards.lexer_for(f"x.{kind}") is not None


def _as_text(request: Request, view: FilePage, place: Place, text: str, *, whole: bool) -> FilePage:
    kind, here = suffix(view.name), address(place.repo, "blob", place.revision, place.path)
    plain = request.query_params.get("plain") == "1"
    if kind == "json":
        return _json(view, here, text, tree=request.query_params.get("view") == "tree")
    special = {"ipynb": _notebook, "svg": _drawing}
    special |= dict.fromkeys(MARKDOWN, _markdown) | dict.fromkeys(SHEETS, _sheet)
    if kind not in special:
        return _text(view, text)
    found = special[kind](request, replace(view, is_whole=whole), place, text)
    if found is None:
        return _text(view, text) if whole else replace(view, why=TOO_LARGE)
    label = {"notebook": CELLS, "sheet": TABLE, "image": PICTURE}.get(found.look, PAGE)
    ways = (Way(label, here, not plain), Way(SOURCE, f"{here}?plain=1", plain))
    if not whole:
        return found
    return _text(replace(view, ways=ways), text) if plain else replace(found, ways=ways)


def _json(view: FilePage, here: str, text: str, *, tree: bool) -> FilePage:
    """Source first, as it has lines to link to; None of a tree where the text is no JSON."""
    found = looks.json_tree(text) if tree else None
    ways = (Way(SOURCE, here, found is None), Way(TREE, f"{here}?view=tree", found is not None))
    view = replace(view, ways=ways)
    return _text(view, text) if found is None else replace(view, look="json", shown=found)


def _markdown(request: Request, view: FilePage, place: Place, text: str) -> FilePage:
    shown = rendered_card(
        request, place.repo, cards.read_card(text).body, place.revision, place.folder
    )
    return replace(view, look="markdown", rendered=Markup(shown.html))  # noqa: S704 - sanitised


def _notebook(request: Request, view: FilePage, place: Place, text: str) -> FilePage | None:
    def markdown(cell: str, seconds: float) -> str:
        found = rendered_card(
            request, place.repo, cell, place.revision, place.folder, seconds=seconds
        )
        return found.html

    found = looks.read_notebook(text, markdown)
    return None if found is None else replace(view, look="notebook", shown=found)


def _sheet(_: Request, view: FilePage, __: Place, text: str) -> FilePage | None:
    found = looks.read_sheet(text, view.name, whole=view.is_whole)
    return None if found is None else replace(view, look="sheet", shown=found)


def _drawing(_: Request, view: FilePage, __: Place, text: str) -> FilePage | None:
    """An SVG as an image of its own text: browsers run nothing of an image."""
    if len(text) > DRAWING_LIMIT:
        return None
    coded = base64.b64encode(text.encode()).decode()
    return replace(view, look="image", picture=f"data:image/svg+xml;base64,{coded}")


def _text(view: FilePage, text: str) -> FilePage:
    lines = painted(text, view.name)
    if lines is None:
        return replace(view, look="plain", text=text[:TEXT_LIMIT], why=TOO_LONG)
    return replace(view, look="text", lines=lines)


@lru_cache(maxsize=8)
def painted(text: str, name: str) -> tuple[Markup, ...] | None:
    """Coloured lines, None for what is too long; may cost a second, so the last few are kept."""
    lines = cards.highlight(text, name)
    if lines is None:
        return None
    return tuple(Markup(line) for line in lines)  # noqa: S704 - escaped by cards
