"""The three languages of the pages: catalogues, plurals, and which one a request gets.

Message ids are the English sentences with `{name}` fields. Catalogues are plain .po files beside
this module, read at start. Knows nothing of pages, templates or HTTP.
"""

import gettext
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from babel.messages.pofile import read_po
from markupsafe import Markup, escape

from hub_server.errors import HubError

Language = Literal["en", "fr", "ko"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
NAMES: dict[Language, str] = {"en": "English", "fr": "Français", "ko": "한국어"}
FOLDER = Path(__file__).parent / "translations"

Forms = tuple[str, ...]


@dataclass(frozen=True)
class Catalog:
    """Sentences of one language. An id that is missing is shown in English."""

    language: Language
    messages: Mapping[str, Forms]
    plural_form: Callable[[int], int]
    number: Callable[[int], str]

    def text(self, message: str, /, **values: object) -> str:
        """The sentence; with values its fields are filled, and the result is safe markup."""
        return _filled(self.messages.get(message, (message,))[0], values)

    def plural(self, one: str, many: str, count: int, /, **values: object) -> str:
        """The right form for `count`; `{count}` is the number as this language writes it."""
        forms = self.messages.get(one)
        if forms is None or len(forms) <= self.plural_form(count):
            chosen = one if count == 1 else many
        else:
            chosen = forms[self.plural_form(count)]
        return _filled(chosen, {"count": self.number(count), **values})

    def error(self, error: HubError) -> str:
        """An error's sentence: translated when the catalogue has it, else as the API says it."""
        if error.message_id not in self.messages:
            return str(error)
        return _filled(self.messages[error.message_id][0], self._words(error.params))

    def _words(self, values: Mapping[str, object]) -> dict[str, object]:
        """Values that are words of the interface are translated too."""
        return {
            name: self.text(value) if isinstance(value, str) and value in NOUNS else value
            for name, value in values.items()
        }


def _filled(sentence: str, values: Mapping[str, object]) -> str:
    return Markup(escape(sentence)).format(**values) if values else sentence  # noqa: S704


def mark(message: str) -> str:
    """Mark a sentence of Python code for the catalogues; whoever shows it calls `Catalog.text`."""
    return message


NOUNS = (
    mark("model"),
    mark("dataset"),
    mark("space"),
    mark("user"),
    mark("organization"),
    mark("user or organization"),
    mark("a repository"),
    mark("a user or organization"),
)
"""What errors name by a value; a page says it in its own language."""


def load(number: Callable[[Language, int], str], folder: Path = FOLDER) -> dict[Language, Catalog]:
    """All catalogues; a .po file that cannot be read stops the start."""
    catalogs: dict[Language, Catalog] = {
        "en": Catalog("en", {}, lambda count: int(count != 1), partial(number, "en"))
    }
    for language in LANGUAGES[1:]:
        catalogs[language] = _read(language, folder / f"{language}.po", number)
    return catalogs


def _read(language: Language, path: Path, number: Callable[[Language, int], str]) -> Catalog:
    with path.open("rb") as file:
        found = read_po(file, locale=language, abort_invalid=True)
    messages: dict[str, Forms] = {}
    for message in found:
        if not message.id or message.fuzzy:
            continue
        key = message.id[0] if isinstance(message.id, list | tuple) else message.id
        forms = message.string if isinstance(message.string, list | tuple) else (message.string,)
        if all(forms):
            messages[key] = tuple(str(form) for form in forms)
    plural_form = gettext.c2py(found.plural_expr)
    return Catalog(language, messages, plural_form, partial(number, language))


def is_language(code: str | None) -> bool:
    return code in LANGUAGES


def negotiate(
    *, asked: str | None, cookie: str | None, accept: str | None, default: Language
) -> Language:
    """The address wins over the cookie, that over the browser, that over the setting."""
    for code in (asked, cookie, *_accepted(accept or "")):
        for language in LANGUAGES:
            if code == language:
                return language
    return default


def _accepted(header: str) -> list[str]:
    weighed = []
    for part in header.split(",")[:20]:
        found = re.fullmatch(
            r"\s*([A-Za-z]{1,8})(?:-[\w-]+)?\s*(?:;\s*q\s*=\s*([\d.]{1,5}))?\s*", part
        )
        if found:
            weight = found[2] or "1"
            weighed.append(
                (
                    float(weight) if weight.count(".") <= 1 and weight != "." else 0.0,
                    found[1].lower(),
                )
            )
    return [code for weight, code in sorted(weighed, key=lambda pair: -pair[0]) if weight > 0]
