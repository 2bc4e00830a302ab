"""The fields of a card as the catalog wants them: trimmed, bounded, of one type."""

from typing import Any

from hub_server.cards import vocabulary
from hub_server.cards.checking import is_repo_id
from hub_server.cards.tags import texts
from hub_server.cards.validation import is_language


def text_of(metadata: dict[str, Any], key: str, limit: int = 500) -> str | None:
    """A text, or None where there is none."""
    value = metadata.get(key)
    return value.strip()[:limit] or None if isinstance(value, str) else None


def ids_of(metadata: dict[str, Any], key: str) -> list[str]:
    """The valid repository ids of a field."""
    return [name for name in texts(metadata.get(key)) if is_repo_id(name)]


def languages_of(metadata: dict[str, Any]) -> list[str]:
    """Declared codes; names of languages ("English") become their codes."""
    named = vocabulary.language_names()
    return list(
        dict.fromkeys(
            text if is_language(text) else named.get(text.casefold(), text)
            for text in texts(metadata.get("language"))
        )
    )
