"""A judge of rendered cards: reads HTML with a real parser and names all that should not be."""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

MATHML = {
    "math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "mfrac", "msqrt", "mroot", "mstyle",
    "merror", "mpadded", "mphantom", "menclose", "msub", "msup", "msubsup", "munder", "mover",
    "munderover", "mmultiscripts", "mtable", "mtr", "mtd", "mprescripts", "none", "mlabeledtr",
}  # fmt: skip
ELEMENTS = MATHML | {
    "a", "abbr", "audio", "b", "bdi", "bdo", "blockquote", "br", "caption", "cite", "code", "col",
    "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure",
    "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "input", "ins", "kbd", "li", "mark",
    "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "section", "small", "source", "span",
    "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time",
    "tr", "u", "ul", "var", "video", "wbr",
}  # fmt: skip
ATTRIBUTES = {
    "align", "alt", "aria-label", "aria-level", "checked", "class", "colspan", "controls",
    "datetime", "dir", "disabled", "height", "href", "id", "lang", "loading", "open", "preload",
    "rel", "reversed", "role", "rowspan", "scope", "span", "src", "start", "tabindex", "title",
    "type", "valign", "value", "width",
}  # fmt: skip
MATHML_ATTRIBUTES = {
    "accent", "accentunder", "alttext", "bevelled", "columnalign", "columnlines", "columnspacing",
    "depth", "display", "displaystyle", "fence", "form", "frame", "height", "largeop", "linebreak",
    "linethickness", "lspace", "mathbackground", "mathcolor", "mathsize", "mathvariant", "maxsize",
    "minlabelspacing", "minsize", "movablelimits", "notation", "rowlines", "rowspacing", "rspace",
    "scriptlevel", "separator", "side", "stretchy", "symmetric", "voffset", "width",
}  # fmt: skip
CLASS = re.compile(
    r"syn-[cksmna]|language-[a-z0-9+#-]+|footnotes|footnote-ref|footnote-backref|scroll|anchor|"
    r"outside-image|only-light|only-dark|markdown-alert(-(title|note|tip|important|warning|caution))?"
)
VOID = {"br", "col", "hr", "img", "input", "source", "wbr"}


class Judge(HTMLParser):
    """`faults` lists everything that is not on the lists above."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ELEMENTS:
            self.faults.append(f"element {tag}")
        if tag not in VOID:
            self.open.append(tag)
        allowed = MATHML_ATTRIBUTES if tag in MATHML else ATTRIBUTES
        for name, value in attrs:
            if name not in allowed:
                self.faults.append(f"attribute {tag} {name}")
            self._judge_value(tag, name, value or "")

    def _judge_value(self, tag: str, name: str, value: str) -> None:
        if name in ("href", "src"):
            self._judge_address(tag, value)
        elif name == "class":
            odd = [item for item in value.split() if not CLASS.fullmatch(item)]
            self.faults += [f"class {item}" for item in odd]
        elif name == "id":
            self.ids.append(value)
            if not value.startswith("user-content-"):
                self.faults.append(f"id {value}")
        elif name == "type" and tag == "input" and value != "checkbox":
            self.faults.append(f"input {value}")

    def _judge_address(self, tag: str, value: str) -> None:
        scheme = urlsplit(value).scheme
        if scheme not in ("", "http", "https", "mailto") or re.search(r"[\x00-\x20\\]", value):
            self.faults.append(f"address {tag} {value!r}")
        if scheme == "" and not value.startswith(("/", "#")):
            self.faults.append(f"relative {tag} {value!r}")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"unbalanced {tag}")

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"comment {data!r}")

    def handle_decl(self, decl: str) -> None:
        self.faults.append(f"declaration {decl!r}")

    def handle_pi(self, data: str) -> None:
        self.faults.append(f"instruction {data!r}")


def faults(html: str) -> list[str]:
    """What is wrong with a fragment: unknown parts, open elements, ids given twice."""
    judge = Judge()
    judge.feed(html)
    judge.close()
    twice = {name for name in judge.ids if judge.ids.count(name) > 1}
    return judge.faults + [f"open {tag}" for tag in judge.open] + [f"twice {i}" for i in twice]
