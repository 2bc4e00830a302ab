"""TeX to MathML.

latex2mathml's own text output unescapes entities (a way to smuggle tags in), so its tree is
written out here, tags and attributes from fixed lists, every text escaped.
"""

import html
import re
from functools import lru_cache
from xml.etree.ElementTree import Element

from latex2mathml import exceptions
from latex2mathml.converter import Converter

MAX_FORMULA = 3_000
_MAX_DEPTH = 60

_TAG_NAMES = """
math menclose merror mfrac mi mlabeledtr mmultiscripts mn mo mover mpadded mphantom mprescripts
mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none
"""
_ATTRIBUTE_NAMES = """
accent accentunder bevelled columnalign columnlines columnspacing depth display displaystyle fence
form frame height largeop linebreak linethickness lspace mathbackground mathcolor mathsize
mathvariant maxsize minlabelspacing minsize movablelimits notation rowlines rowspacing rspace
scriptlevel separator side stretchy symmetric voffset width
"""
_TAGS = frozenset(_TAG_NAMES.split())
_ATTRIBUTES = frozenset(_ATTRIBUTE_NAMES.split())
_VALUE = re.compile(r"[\w.%#+ -]{0,60}")
# Definitions can multiply, links and styles are not for authors.
_REFUSED = re.compile(
    r"\\(?:re)?newcommand|\\(?:[gex]?def|let|providecommand|href|style|class|cssId|require)\b"
)
# The converter takes only letters as the name of an operator.
_OPERATOR_NAME = re.compile(r"\\operatorname\*?(?=\s*\{)")
_UNKNOWN = re.compile(r"\\[A-Za-z]+")
_OWN_FAILURES = tuple(
    item
    for item in vars(exceptions).values()
    if isinstance(item, type) and issubclass(item, Exception)
)
# What the converter lets out on input it does not foresee.
_FAILURES: tuple[type[Exception], ...] = (
    *_OWN_FAILURES,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
_BOLD = str.maketrans(
    {chr(65 + i): chr(0x1D400 + i) for i in range(26)}
    | {chr(97 + i): chr(0x1D41A + i) for i in range(26)}
    | {chr(48 + i): chr(0x1D7CE + i) for i in range(10)}
)


@lru_cache(maxsize=512)
def mathml(source: str, *, block: bool) -> str:
    """A `<math>` element, or `<code>` with the source where it cannot be understood."""
    shown = f"<code>{html.escape(source)}</code>"
    if len(source) > MAX_FORMULA or _depth(source) > _MAX_DEPTH or _REFUSED.search(source):
        return shown
    display = "block" if block else "inline"
    try:
        tree = Converter(display=display).convert_to_element(
            _OPERATOR_NAME.sub(r"\\mathrm", source.strip())
        )
        inside = "".join(_written(child) for child in tree)
    except _FAILURES:
        return shown
    return f'<math display="{display}" alttext="{html.escape(source.strip())}">{inside}</math>'


def _depth(source: str) -> int:
    """An upper bound of how deep groups nest."""
    depth = deepest = 0
    for match in re.finditer(r"\\left\b|\\begin\b|\\right\b|\\end\b|[{}^_]", source):
        if match[0] in ("}", r"\right", r"\end"):
            depth -= 1
        elif match[0] not in "^_":
            depth += 1
        deepest = max(deepest, depth)
    return max(deepest, max(map(len, re.findall(r"[\^_]+", source)), default=0))


def _written(node: Element) -> str:
    if node.tag not in _TAGS:
        raise ValueError(node.tag)
    attributes = "".join(
        f' {name}="{html.escape(value)}"'
        for name, value in node.attrib.items()
        if name in _ATTRIBUTES and _VALUE.fullmatch(value)
    )
    text = html.unescape(node.text or "")
    if _UNKNOWN.fullmatch(text):
        raise ValueError(text)
    if node.get("mathvariant") == "bold":
        text = text.translate(_BOLD)
    inside = html.escape(text) + "".join(_written(child) for child in node)
    return f"<{node.tag}{attributes}>{inside}</{node.tag}>"
