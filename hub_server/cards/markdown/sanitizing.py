"""The first of two allow-lists: a tree of known elements without scripts, styles and handlers.

The second, in rewriting.py, writes every tag anew from its own lists; either would do alone.
"""

import nh3

_SHARED = frozenset({"align", "class", "dir", "id", "lang", "title"})
_OWN: dict[str, frozenset[str]] = {
    "a": frozenset({"href", "name"}),
    "img": frozenset({"src", "alt", "width", "height"}),
    "source": frozenset({"src", "srcset", "media", "type"}),
    "video": frozenset({"src", "poster", "width", "height", "loop", "muted"}),
    "audio": frozenset({"src", "loop", "muted"}),
    "input": frozenset({"type", "checked"}),
    "ol": frozenset({"start", "reversed", "type"}),
    "li": frozenset({"value"}),
    "td": frozenset({"colspan", "rowspan", "width", "valign"}),
    "th": frozenset({"colspan", "rowspan", "width", "valign", "scope"}),
    "col": frozenset({"span", "width"}),
    "colgroup": frozenset({"span", "width"}),
    "details": frozenset({"open"}),
    "time": frozenset({"datetime"}),
}
_PLAIN = """
abbr b bdi bdo blockquote br caption center cite code dd del dfn div dl dt em figcaption figure h1
h2 h3 h4 h5 h6 hr i ins kbd mark p picture pre q rp rt ruby s samp section small span strike strong
sub summary sup table tbody tfoot thead tr tt u ul var wbr
"""
TAGS = frozenset(_PLAIN.split()) | _OWN.keys()
_DROPPED = """
applet frameset head iframe math noembed noframes noscript object script select style svg template
textarea title xmp
"""
_WITH_CONTENT = frozenset(_DROPPED.split())

_CLEANER = nh3.Cleaner(
    tags=set(TAGS),
    clean_content_tags=set(_WITH_CONTENT),
    attributes={"*": set(_SHARED)} | {tag: set(names) for tag, names in _OWN.items()},
    strip_comments=True,
    link_rel=None,
    url_schemes={"http", "https", "mailto"},
)


def clean(dirty: str) -> str:
    """A well-nested fragment in the serialiser's one spelling: attributes quoted, text escaped."""
    return _CLEANER.clean(dirty)
