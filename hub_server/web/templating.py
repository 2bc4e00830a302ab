"""Templates in three languages: one Jinja environment a language and a path prefix, made on demand.

Templates see `page` (what every page needs of the request) and `view` (a frozen view model), and
the globals below. No queries, no permissions, no undefined names.
"""

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.runtime import Macro
from markupsafe import Markup

from hub_server.web import shells, translation
from hub_server.web.assets import Assets
from hub_server.web.formats import Formats, number_in
from hub_server.web.translation import Language
from hub_server.web.views.page import Page

DRAWING = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
REMEMBERED = 2048
MACRO = re.compile(r"{%-?\s*macro\s+([a-z]\w*)\(")


class Icons:
    """Lucide drawings inlined into the page; a name that is not vendored is a KeyError."""

    def __init__(self, folder: Path) -> None:
        self._drawings = {file.stem: _drawing(file) for file in folder.glob("*.svg")}
        self._made = cache(self._make)

    def __call__(self, name: str, style: str = "") -> Markup:
        return self._made(name, style)

    def _make(self, name: str, style: str) -> Markup:
        css = Markup(' class="{}"').format(style) if style else ""
        return Markup(
            '<svg{} viewBox="0 0 24 24" width="16" height="16" fill="none" stroke="currentColor" '
            'stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
            "{}</svg>"
        ).format(css, self._drawings[name])


def _drawing(file: Path) -> Markup:
    found = DRAWING.search(file.read_text())
    if found is None:
        raise ValueError(f"{file} is not an SVG drawing")
    return Markup(re.sub(r"\s+", " ", found[1]).strip())  # noqa: S704 - vendored, with a checksum


class Components:
    """`ui.chip(…)` in a template is the macro `chip` of templates/components/*.html."""

    def __init__(self, environment: Environment, homes: Mapping[str, str]) -> None:
        self._environment = environment
        self._homes = homes

    def __getattr__(self, name: str) -> Macro:
        if name not in self._homes:
            raise AttributeError(f"no component is called {name}")
        macro: Macro = getattr(self._environment.get_template(self._homes[name]).module, name)
        return macro


class Templates:
    """All pages of the hub. Thread-safe; everything is read from disk at most once a language."""

    def __init__(self, folder: Path, static: Path) -> None:
        self.assets = Assets(static)
        self.catalogs = translation.load(lru_cache(REMEMBERED)(number_in))
        self._icons = Icons(static / "vendor" / "lucide")
        self._loader = FileSystemLoader(folder)
        self._homes = _component_homes(folder)
        self._environment: Callable[[Language, str], Environment] = cache(self._make)

    def render(self, template: str, page: Page, view: object) -> str:
        """The page as text; `view` is a view model of hub_server.web.views."""
        found = self._environment(page.language, page.root).get_template(template)
        return found.render(page=page, view=view)

    def _make(self, language: Language, root: str) -> Environment:
        environment = Environment(
            loader=self._loader,
            undefined=StrictUndefined,
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.do"],
        )
        catalog = self.catalogs[language]
        formats = Formats(catalog)
        environment.globals |= {
            "t": catalog.text,
            "nt": catalog.plural,
            "icon": self._icons,
            "url": lambda path: root + path if path.startswith("/") else path,
            "asset": lambda name: root + self.assets.path(name),
            "when": _Times(formats),
            "ui": Components(environment, self._homes),
            "now": lambda: datetime.now(UTC),
            "shells": shells,
        }
        environment.filters |= {
            "number": lru_cache(REMEMBERED)(formats.number),
            "compact": formats.compact,
            "parameters": formats.parameters,
            "percent": formats.percent,
            "size": lru_cache(REMEMBERED)(formats.size),
            "day": formats.day,
            "moment": formats.moment,
            "ago": formats.ago,
            "language_name": formats.language_name,
        }
        return environment


class _Times:
    """A time as people say it, with the exact one for machines and in the title.

    Tables repeat a few times in hundreds of rows; what was said half a minute ago still holds.
    """

    def __init__(self, formats: Formats) -> None:
        self._formats = formats
        self._said = lru_cache(REMEMBERED)(self._say)

    def __call__(self, moment: datetime) -> Markup:
        return self._said(moment, time.monotonic() // 30)

    def _say(self, moment: datetime, _: float) -> Markup:
        return _when(self._formats, moment)


def _when(formats: Formats, moment: datetime) -> Markup:
    return Markup('<relative-time><time datetime="{}" title="{}">{}</time></relative-time>').format(
        moment.astimezone(UTC).isoformat(timespec="seconds"),
        formats.moment(moment),
        formats.ago(moment),
    )


def _component_homes(folder: Path) -> dict[str, str]:
    homes: dict[str, str] = {}
    for file in sorted((folder / "components").glob("*.html")):
        for name in MACRO.findall(file.read_text()):
            if name in homes:
                raise ValueError(f"two components are called {name}")
            homes[name] = f"components/{file.name}"
    return homes
