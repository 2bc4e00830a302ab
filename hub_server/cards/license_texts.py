"""Which well-known licence a text is, by the words that stand at its beginning."""

import re

_BEGINNING = 3000
_WORDS: tuple[tuple[str, str], ...] = (
    ("apache-2.0", r"apache license,?\s+version 2\.0"),
    ("agpl-3.0", r"gnu affero general public license\s+version 3"),
    ("lgpl-3.0", r"gnu lesser general public license\s+version 3"),
    ("lgpl-2.1", r"gnu lesser general public license\s+version 2\.1"),
    ("gpl-3.0", r"gnu general public license\s+version 3"),
    ("gpl-2.0", r"gnu general public license\s+version 2"),
    ("mpl-2.0", r"mozilla public license,?\s+version 2\.0"),
    ("unlicense", r"this is free and unencumbered software released into the public domain"),
    ("cc0-1.0", r"cc0 1\.0 universal"),
    ("cc-by-nc-nd-4.0", r"attribution-noncommercial-noderivatives 4\.0 international"),
    ("cc-by-nc-sa-4.0", r"attribution-noncommercial-sharealike 4\.0 international"),
    ("cc-by-nc-4.0", r"attribution-noncommercial 4\.0 international"),
    ("cc-by-nd-4.0", r"attribution-noderivatives 4\.0 international"),
    ("cc-by-sa-4.0", r"attribution-sharealike 4\.0 international"),
    ("cc-by-4.0", r"attribution 4\.0 international"),
    ("mit", r"permission is hereby granted, free of charge, to any person obtaining a copy"),
)
_ALL = tuple((name, re.compile(words)) for name, words in _WORDS)
RECOGNIZED = frozenset(name for name, _ in _WORDS)


def license_of(text: str) -> str | None:
    """None for what is not known, which says nothing."""
    start = " ".join(text[:_BEGINNING].lower().split())
    return next((name for name, words in _ALL if words.search(start)), None)
