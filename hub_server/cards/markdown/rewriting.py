"""Sanitised HTML to what a page shows: links resolved, pictures from elsewhere boxed, headings
with anchors, tables in scrolling boxes, TeX as MathML.

Every tag is written anew from fixed lists, so nothing passes that is not named here.
"""

import html
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from hub_server.cards.markdown import code, sanitizing
from hub_server.cards.markdown.budget import Budget
from hub_server.cards.markdown.links import ID_PREFIX, LinkBase, Target, anchor_id
from hub_server.cards.markdown.tex import mathml

ImagePolicy = Literal["block", "allow"]
OUTSIDE_REL = "nofollow noopener ugc"

_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?:\s+[^\s=>"/]+(?:="[^"]*")?)*)\s*/?>')
_ATTRIBUTE = re.compile(r'([^\s=>"/]+)(?:="([^"]*)")?')
_VOID = frozenset({"br", "col", "hr", "img", "input", "source", "wbr"})
_HEADING = re.compile(r"h([1-6])")
_SLUG_DROPPED = re.compile(r"[^\w\- ]")
_LOWEST_LEVEL = 6

_ALERTS = ("note", "tip", "important", "warning", "caution")
_CLASSES = frozenset(
    [f"syn-{letter}" for letter in "cksmna"]
    + [f"language-{name}" for name in code.LANGUAGES]
    + ["footnotes", "footnote-ref", "footnote-backref", "tex", "tex-block"]
    + ["markdown-alert", "markdown-alert-title", "only-light", "only-dark"]
    + [f"markdown-alert-{name}" for name in _ALERTS]
)
_DARK = re.compile(r"dark:(?:block|inline|inline-block|flex)")
_SCHEMES_OF_FRAGMENTS = {
    "hf-light-mode-only": "only-light",
    "gh-light-mode-only": "only-light",
    "hf-dark-mode-only": "only-dark",
    "gh-dark-mode-only": "only-dark",
}
_MEDIA = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)")
_VALUES: Mapping[str, re.Pattern[str]] = {
    "align": re.compile(r"left|right|center|justify", re.IGNORECASE),
    "valign": re.compile(r"top|middle|bottom|baseline", re.IGNORECASE),
    "dir": re.compile(r"ltr|rtl|auto", re.IGNORECASE),
    "lang": re.compile(r"[A-Za-z0-9-]{1,35}"),
    "title": re.compile(r".{1,500}", re.DOTALL),
    "alt": re.compile(r".{0,2000}", re.DOTALL),
    "width": re.compile(r"\d{1,5}(?:\.\d+)?(?:px|%)?"),
    "height": re.compile(r"\d{1,5}(?:\.\d+)?(?:px|%)?"),
    "start": re.compile(r"-?\d{1,9}"),
    "value": re.compile(r"-?\d{1,9}"),
    "type": re.compile(r"[1aAiI]"),
    "colspan": re.compile(r"\d{1,3}"),
    "rowspan": re.compile(r"\d{1,3}"),
    "span": re.compile(r"\d{1,3}"),
    "scope": re.compile(r"row|col|rowgroup|colgroup"),
    "datetime": re.compile(r"[\w:.+ -]{1,40}"),
    "open": re.compile(r""),
    "reversed": re.compile(r""),
}
_RENAMED = {"center": "div", "strike": "s", "tt": "code"}


@dataclass(frozen=True, slots=True)
class Labels:
    """Words that the page adds to a card; a translated page passes its own."""

    anchor: str = "Link to this section"
    table: str = "Table {number}"
    picture: str = "Picture on {host}"
    media: str = "Recording on {host}"
    done: str = "Done"
    to_do: str = "To do"
    back: str = "Back to the text"


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` 1 to 6 as written, `text` without markup, `id` as the page has it."""

    level: int
    text: str
    id: str


@dataclass(slots=True)
class _OpenHeading:
    level: int
    position: int
    attributes: dict[str, str]
    texts: list[str] = field(default_factory=list)


def slug(text: str) -> str:
    """The anchor that GitHub derives from a heading."""
    return _SLUG_DROPPED.sub("", text.strip().lower()).replace(" ", "-")


class Rewriter:
    """One use: `Rewriter(...).run(clean_html)`, then `headings`."""

    def __init__(self, base: LinkBase, images: ImagePolicy, labels: Labels, budget: Budget) -> None:
        self.headings: list[Heading] = []
        self._base = base
        self._images = images
        self._labels = labels
        self._budget = budget
        self._out: list[str] = []
        self._closings: list[tuple[str, str]] = []  # name of the open tag, what closes it
        self._open_headings: list[_OpenHeading] = []
        self._slugs: dict[str, int] = {}
        self._ids: set[str] = set()
        self._links = self._tables = self._table_depth = 0
        self._tex: list[str] | None = None
        self._tex_depth = 0
        self._schemes: dict[str, str] = {}  # of the open <picture>: dark or light to a source
        self._known: dict[str, str] = {}  # start tags without ids and addresses repeat a lot
        self._special: dict[str, Callable[[dict[str, str]], None]] = {
            "a": self._start_a,
            "audio": self._start_media("audio"),
            "img": self._start_img,
            "input": self._start_input,
            "picture": self._start_picture,
            "source": self._start_source,
            "table": self._start_table,
            "video": self._start_media("video"),
        }

    def run(self, clean: str) -> str:
        position = 0
        for match in _TAG.finditer(clean):
            if match.start() > position:
                self._text(clean[position : match.start()])
            position = match.end()
            self._budget.spend()
            if match[1]:
                self._end(match[2])
            else:
                self._start(match[2], match[3])
        if position < len(clean):
            self._text(clean[position:])
        while self._closings:
            self._close_last()
        return "".join(self._out)

    # Text and tags

    def _text(self, text: str) -> None:
        if "<" in text or ">" in text:  # the serialiser escapes both; be sure
            text = text.replace("<", "&lt;").replace(">", "&gt;")
        if self._tex is not None:
            self._tex.append(text)
            return
        if self._open_headings:
            self._open_headings[-1].texts.append(text)
        self._out.append(text)

    def _start(self, name: str, source: str) -> None:
        if self._tex is not None:
            self._tex_depth += name not in _VOID
            return
        known = self._known.get(name + source)
        if known is not None:
            self._out.append(known)
            if name not in _VOID:
                self._push(name, f"</{_RENAMED.get(name, name)}>")
            return
        if name not in sanitizing.TAGS:
            return
        attributes = {key: html.unescape(value) for key, value in _ATTRIBUTE.findall(source)}
        special = self._special.get(name)
        if special:
            special(attributes)
        elif _HEADING.fullmatch(name):
            self._start_heading(int(name[1]), attributes)
        elif name == "span" and attributes.get("class") in ("tex", "tex-block"):
            self._tex, self._tex_depth = [], 0
            self._push(name, attributes["class"])
        else:
            self._start_plain(name, source, attributes)

    def _start_plain(self, name: str, source: str, attributes: dict[str, str]) -> None:
        if name == "center":
            attributes["align"] = "center"
        tag = f"<{_RENAMED.get(name, name)}{self._written(attributes)}"
        tag += ' tabindex="0">' if name == "pre" else ">"
        if "id" not in attributes:
            self._known[name + source] = tag
        self._out.append(tag)
        if name not in _VOID:
            self._push(name, f"</{_RENAMED.get(name, name)}>")

    def _push(self, name: str, closing: str) -> None:
        self._closings.append((name, closing))

    def _end(self, name: str) -> None:
        if self._tex is not None and self._tex_depth:
            self._tex_depth -= name not in _VOID
            return
        if any(opened == name for opened, _ in self._closings):
            while self._closings and self._closings[-1][0] != name:
                self._close_last()
            self._close_last()

    def _close_last(self) -> None:
        name, closing = self._closings.pop()
        if self._tex is not None:
            source = html.unescape("".join(self._tex))
            self._tex = None
            self._budget.check()
            closing = mathml(source, block=closing == "tex-block")
        elif name == "a":
            self._links -= 1
        elif name == "table":
            self._table_depth -= 1
        elif name == "picture":
            self._schemes = {}
        elif _HEADING.fullmatch(name):
            self._end_heading(self._open_headings.pop())
        self._out.append(closing)

    def _written(self, attributes: dict[str, str]) -> str:
        """Attributes as text: known names, values of a known form."""
        parts = []
        if "id" in attributes:
            parts.append(self._id(attributes["id"]))
        if "class" in attributes:
            parts.append(_class_attribute(attributes["class"]))
        for name, form in _VALUES.items():
            value = attributes.get(name)
            if value is not None and form.fullmatch(value):
                parts.append(f' {name}="{html.escape(value)}"')
        return "".join(parts)

    def _id(self, value: str) -> str:
        """An id attribute that cannot meet one of the page's, each at most once."""
        name = anchor_id(value)
        if name in self._ids or name == ID_PREFIX:
            return ""
        self._ids.add(name)
        return f' id="{html.escape(name)}"'

    # Headings

    def _start_heading(self, level: int, attributes: dict[str, str]) -> None:
        self._open_headings.append(_OpenHeading(level, len(self._out), attributes))
        self._out.append("")
        self._push(f"h{level}", f"</h{level}>")

    def _end_heading(self, heading: _OpenHeading) -> None:
        text = html.unescape("".join(heading.texts)).strip()
        name = self._heading_id(heading, text)
        inside = {key: value for key, value in heading.attributes.items() if key != "id"}
        level = min(heading.level + 1, _LOWEST_LEVEL)
        self._out[heading.position] = (
            f'<h{heading.level} id="{html.escape(name)}" aria-level="{level}"'
            f"{self._written(inside)}>"
        )
        if text:
            self.headings.append(Heading(heading.level, " ".join(text.split()), name))
            if not self._links:
                self._out.append(
                    f'<a class="anchor" href="#{html.escape(name)}" '
                    f'aria-label="{html.escape(self._labels.anchor)}">#</a>'
                )

    def _heading_id(self, heading: _OpenHeading, text: str) -> str:
        given = heading.attributes.get("id")
        base = anchor_id(given) if given else ID_PREFIX + (slug(text) or "section")
        number = self._slugs.get(base, -1) + 1
        name = f"{base}-{number}" if number else base
        while name in self._ids:
            number += 1
            name = f"{base}-{number}"
        self._slugs[base] = number
        self._ids.add(name)
        return name

    # Links, pictures, recordings

    def _start_a(self, attributes: dict[str, str]) -> None:
        target = self._base.link(attributes["href"]) if attributes.get("href") else None
        if "id" not in attributes and attributes.get("name"):
            attributes["id"] = attributes["name"]
        written = self._written(attributes)
        if "footnote-backref" in attributes.get("class", ""):
            written += f' aria-label="{html.escape(self._labels.back)}"'
        self._out.append(f"<a{_href(target)}{written}>")
        self._links += 1
        self._push("a", "</a>")

    def _start_picture(self, attributes: dict[str, str]) -> None:
        self._schemes = {}
        self._push("picture", "")

    def _start_source(self, attributes: dict[str, str]) -> None:
        media = _MEDIA.fullmatch(attributes.get("media", "").strip())
        if media and attributes.get("srcset") and self._inside("picture"):
            self._schemes[media[1]] = attributes["srcset"].split(",")[0].split(" ")[0]
        elif attributes.get("src") and (self._inside("video") or self._inside("audio")):
            target = self._base.image(attributes["src"])
            if target and self._shown(target):
                self._out.append(f'<source src="{html.escape(target.url)}">')

    def _inside(self, name: str) -> bool:
        return any(opened == name for opened, _ in self._closings[-3:])

    def _start_img(self, attributes: dict[str, str]) -> None:
        dark, light = self._schemes.get("dark"), self._schemes.get("light")
        if dark:
            self._picture(attributes | {"src": dark, "class": "only-dark"})
            attributes = attributes | {"src": light or attributes.get("src", "")}
            attributes["class"] = "only-light"
        self._picture(attributes)

    def _picture(self, attributes: dict[str, str]) -> None:
        address, _, fragment = attributes.get("src", "").partition("#")
        if fragment in _SCHEMES_OF_FRAGMENTS:
            attributes = attributes | {"class": _SCHEMES_OF_FRAGMENTS[fragment]}
        target = self._base.image(address)
        if target is None:
            self._text(html.escape(attributes.get("alt", "")))
        elif self._shown(target):
            attributes.setdefault("alt", "")
            self._out.append(
                f'<img src="{html.escape(target.url)}"{self._written(attributes)} loading="lazy">'
            )
        else:
            name = attributes.get("alt") or posixpath.basename(unquote(target.url))
            self._box(target, self._labels.picture, name, attributes.get("class", ""))

    def _shown(self, target: Target) -> bool:
        return not target.outside or self._images == "allow"

    def _box(self, target: Target, label: str, name: str, classes: str = "") -> None:
        """Where something from another host would be loaded: a link that says so."""
        words = (
            f"{label.format(host=target.host)}: {name[:200]}"
            if name
            else label.format(host=target.host)
        )
        schemes = [item for item in _class_names(classes) if item.startswith("only-")]
        style = " ".join(["outside-image", *schemes])
        if self._links:
            self._out.append(f'<span class="{style}">{html.escape(words)}</span>')
        else:
            self._out.append(f'<a class="{style}"{_href(target)}>{html.escape(words)}</a>')

    def _start_media(self, name: str) -> Callable[[dict[str, str]], None]:
        def start(attributes: dict[str, str]) -> None:
            target = self._base.image(attributes["src"]) if attributes.get("src") else None
            if target and not self._shown(target):
                self._box(target, self._labels.media, attributes.get("title", ""))
                self._push(name, "")
                return
            source = f' src="{html.escape(target.url)}"' if target else ""
            self._out.append(
                f'<{name} controls preload="metadata"{source}{self._written(attributes)}>'
            )
            self._push(name, f"</{name}>")

        return start

    # Tables and tasks

    def _start_table(self, attributes: dict[str, str]) -> None:
        if self._table_depth:
            self._out.append(f"<table{self._written(attributes)}>")
            self._push("table", "</table>")
        else:
            self._tables += 1
            label = html.escape(self._labels.table.format(number=self._tables))
            self._out.append(
                f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
                f"<table{self._written(attributes)}>"
            )
            self._push("table", "</table></div>")
        self._table_depth += 1

    def _start_input(self, attributes: dict[str, str]) -> None:
        if attributes.get("type", "").lower() == "checkbox":
            done = "checked" in attributes
            label = html.escape(self._labels.done if done else self._labels.to_do)
            checked = " checked" if done else ""
            self._out.append(f'<input type="checkbox" disabled{checked} aria-label="{label}">')


def _href(target: Target | None) -> str:
    if target is None:
        return ""
    rel = f' rel="{OUTSIDE_REL}"' if target.outside else ""
    return f' href="{html.escape(target.url)}"{rel}'


def _class_names(value: str) -> list[str]:
    """The allowed ones; Tailwind's pairs for one colour scheme become our own names."""
    names = value.split()[:20]
    kept = [name for name in names if name in _CLASSES]
    if "dark:hidden" in names:
        kept.append("only-light")
    elif "hidden" in names and any(_DARK.fullmatch(name) for name in names):
        kept.append("only-dark")
    return list(dict.fromkeys(kept))


def _class_attribute(value: str) -> str:
    kept = _class_names(value)
    return f' class="{" ".join(kept)}"' if kept else ""
