"""Text to the words it is found by, cut here so that every database is given the same ones.

Words are letters and digits in lower case, without accents. Scripts written without blanks are
cut into overlapping pairs (机器学习 becomes 机器 器学 学习 习), the last character alone, so that
each begins a word. Korean is cut the same way, for its words take endings.

Code and addresses stay, as people look for the name of a function or the number of a paper. HTML
tags, their attributes and embedded images go: nobody reads them.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice

MOST_READ = 1_000_000
LONGEST = 60
"""Longer runs of letters are hashes and encoded bytes."""
MOST_ASKED = 16
LONGEST_QUERY = 1000

# The longer ones are no characters, and more digits than Python would read.
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TAG = re.compile(r"<[a-zA-Z/!][^<>]{0,500}>")
_EMBEDDED = re.compile(r"data:[\w/+.-]{1,100};base64,[A-Za-z0-9+/=]*")
# Normalizing takes a time that grows with the square of a run of combining marks.
_RUBBLE = re.compile(r"[^\w\s]{32,}")
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59\u0e81-\u0eb9\u0ebb-\u0edf"  # Thai, Lao
    "\u1000-\u1049\u1050-\u109d\u1780-\u17d3"  # Burmese, Khmer
    "\u3005-\u3007\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    "\u1100-\u11ff\uac00-\ud7ff"
)
_RUN = re.compile(f"([{_UNSPACED}]+)")
# Articles and endings that are no word of their own: somebody who types l'été means d'été as well.
_ELIDED = re.compile(r"\b(?:[cdjlmnst]|qu)['’](?=\w)|(?<=\w)['’]s\b", re.IGNORECASE)
_JOINERS = "\u00ad\u200c\u200d\u2060"
_OF_LETTERS = frozenset({0, 7, 8, 9})
"""Combining classes without which a letter is another: vowel signs, nukta, dakuten, virama."""


def _marks(*, kept: bool) -> str:
    """The combining marks of scripts in use, as the inside of a class of characters."""
    places = (*range(0x300, 0x1E00), *range(0x20D0, 0x2100), 0x3099, 0x309A, *range(0xA600, 0xAC00))
    return "".join(
        char
        for char in map(chr, places)
        if unicodedata.category(char) in ("Mn", "Mc")
        and (unicodedata.combining(char) in _OF_LETTERS) == kept
    )


_ACCENTS = re.compile(f"[{_marks(kept=False)}{_JOINERS}]+")
_WORD = re.compile(f"[\\w{_marks(kept=True)}]+")


def words_of(text: str, limit: int = 60_000) -> str:
    """The words of a card's body in their order, between blanks, at most `limit` characters."""
    seen = _TAG.sub(" ", _EMBEDDED.sub(" ", text[:MOST_READ]))
    kept: list[str] = []
    length = -1
    spelt = _REFERENCE.sub(lambda found: html.unescape(found.group()), seen)
    for word in _cut(_folded(spelt)):
        length += len(word) + 1
        if length > limit:
            break
        kept.append(word)
    return " ".join(kept)


def query_words(text: str) -> tuple[str, ...]:
    """The distinct words that a text must have to be found by what somebody typed.

    One that ends in `*` stands for all that begin with what is before it.
    """
    words = _cut(_folded(_ELIDED.sub(" ", text[:LONGEST_QUERY])), query=True)
    return tuple(islice(dict.fromkeys(words), MOST_ASKED))


def _folded(text: str) -> str:
    text = _RUBBLE.sub(" ", text).replace("_", " ")
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFC", _ACCENTS.sub("", apart))


def _cut(folded: str, *, query: bool = False) -> Iterator[str]:
    for word in _WORD.findall(folded):
        if word.isascii():  # most are, and there is nothing to split
            if len(word) <= LONGEST:
                yield word
            continue
        for place, part in enumerate(_RUN.split(word)):
            if place % 2:
                yield from _asked_pairs(part) if query else _pairs(part)
            elif 0 < len(part) <= LONGEST:
                yield part


def _pairs(run: str) -> Iterator[str]:
    for place in range(len(run)):
        yield run[place : place + 2]


def _asked_pairs(run: str) -> Iterable[str]:
    if len(run) == 1:
        return (f"{run}*",)
    return (run[place : place + 2] for place in range(len(run) - 1))
