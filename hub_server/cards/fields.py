"""The fields of a card as the catalog wants them: trimmed, bounded, of one type."""

import re
from typing import Any

from hub_server.cards import vocabulary
from hub_server.cards.checking import is_repo_id
from hub_server.cards.tags import texts
from hub_server.cards.validation import is_language

_BETWEEN = re.compile(r"[\s,;/]+")


def text_of(metadata: dict[str, Any], key: str, limit: int = 500) -> str | None:
    """A text, or None where there is none."""
    value = metadata.get(key)
    return value.strip()[:limit] or None if isinstance(value, str) else None


def ids_of(metadata: dict[str, Any], key: str) -> list[str]:
    """The valid repository ids of a field."""
    return [name for name in texts(metadata.get(key)) if is_repo_id(name)]


def languages_of(metadata: dict[str, Any]) -> list[str]:
    """Declared codes; names of languages ("English") become their codes, "en, fr" becomes two."""
    found = (code for text in texts(metadata.get("language")) for code in _codes(text))
    return list(dict.fromkeys(found))


def _codes(text: str) -> list[str]:
    if is_language(text):
        return [text]
    named = vocabulary.language_names().get(text.casefold())
    if named:
        return [named]
    parts = [part for part in _BETWEEN.split(text) if part]
    return parts if parts and all(map(is_language, parts)) else [text]
