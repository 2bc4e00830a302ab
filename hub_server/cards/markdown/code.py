"""Source code to coloured HTML, with six short classes that the style sheet knows.

Only languages of a fixed list are coloured: their lexers were tried on hostile input.
"""

import html
import posixpath
from collections.abc import Iterator

from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Generic, Keyword, Literal, Name, Number, String, _TokenType

from hub_server.cards.markdown.budget import Budget, OutOfBounds

MAX_BYTES = 512_000
MAX_LINE = 5_000

_CLASSES = (
    (Comment, "c"),
    (Keyword, "k"),
    (String, "s"),
    (Number, "m"),
    (Literal.Date, "m"),
    (Name.Function, "n"),
    (Name.Class, "n"),
    (Name.Namespace, "n"),
    (Name.Decorator, "n"),
    (Name.Tag, "a"),
    (Name.Attribute, "a"),
    (Name.Label, "a"),
    (Generic.Heading, "k"),
    (Generic.Subheading, "k"),
    (Generic.Deleted, "k"),
    (Generic.Inserted, "s"),
    (Generic.Prompt, "c"),
)
# Lexer, then the names a fence may use, then file extensions.
_LANGUAGES = """
python: py python python3 py3 sage ipython .py .pyi .pyw
pycon: pycon python-repl doctest
pytb: pytb traceback
bash: bash sh shell zsh ksh console shell-session terminal .sh .bash .zsh
powershell: powershell pwsh ps1 .ps1
bat: bat cmd .bat .cmd
json: json json5 jsonl ndjson jsonc .json .jsonl .ndjson .webmanifest .ipynb
yaml: yaml yml .yaml .yml
toml: toml .toml
ini: ini cfg conf properties .ini .cfg .conf .properties .editorconfig
html: html htm xhtml vue svelte .html .htm .vue
xml: xml svg rss .xml .svg .xsd .xsl
css: css .css
scss: scss sass .scss
javascript: javascript js jsx mjs node .js .mjs .cjs .jsx
typescript: typescript ts tsx .ts .tsx
java: java .java
kotlin: kotlin kt .kt .kts
scala: scala .scala
c: c h .c .h
cpp: cpp c++ cc hpp cxx cuda cu .cpp .cc .cxx .hpp .cu .cuh
csharp: csharp c# cs .cs
go: go golang .go
rust: rust rs .rs
swift: swift .swift
objective-c: objective-c objc .m .mm
ruby: ruby rb .rb
perl: perl pl .pl .pm
php: php .php
lua: lua .lua
r: r rlang .r
julia: julia jl .jl
matlab: matlab octave
haskell: haskell hs .hs
ocaml: ocaml ml .ml .mli
clojure: clojure clj .clj
elixir: elixir ex exs .ex .exs
erlang: erlang erl .erl
dart: dart .dart
fortran: fortran f90 .f90 .f95
sql: sql mysql postgresql postgres sqlite duckdb .sql
graphql: graphql gql .graphql
docker: dockerfile docker .dockerfile
make: make makefile mk .mk
cmake: cmake .cmake
nginx: nginx
diff: diff patch udiff .diff .patch
latex: latex tex bibtex-tex .tex .sty .cls
bibtex: bibtex bib .bib
protobuf: protobuf proto .proto
jinja: jinja jinja2 django .jinja .j2
groovy: groovy gradle .groovy .gradle
hcl: hcl terraform tf .tf .hcl
"""
_PLAIN = ("text", "txt", "plain", "plaintext", "none", "output", "math", "mermaid")
_FILE_NAMES = {
    "dockerfile": "docker",
    "makefile": "make",
    "cmakelists.txt": "cmake",
    ".bashrc": "bash",
    ".gitconfig": "ini",
    ".gitmodules": "ini",
    "cargo.lock": "toml",
    "poetry.lock": "toml",
    "uv.lock": "toml",
    "pipfile": "toml",
}


def _tables() -> tuple[dict[str, str], dict[str, str]]:
    names: dict[str, str] = {}
    extensions: dict[str, str] = {}
    for line in _LANGUAGES.strip().splitlines():
        lexer, _, words = line.partition(": ")
        for word in words.split():
            (extensions if word.startswith(".") else names)[word] = lexer
    return names, extensions


_LEXERS, _EXTENSIONS = _tables()
# Every class `language-…` that rendered HTML may carry.
LANGUAGES = frozenset((*_LEXERS, *_PLAIN))


def _class_of(kind: _TokenType) -> str | None:
    return next((name for token, name in _CLASSES if token.__contains__(kind)), None)


class _Classes(dict[_TokenType, str | None]):
    """Token types repeat by the thousand: each is looked up once."""

    def __missing__(self, kind: _TokenType) -> str | None:
        self[kind] = _class_of(kind)
        return self[kind]


_CLASS_OF = _Classes()


def _pieces(text: str, lexer_name: str, budget: Budget) -> Iterator[tuple[str | None, str]]:
    """Runs of one class, in order; together they are the text."""
    lexer = get_lexer_by_name(lexer_name, stripnl=False, ensurenl=False)
    current: str | None = None
    run: list[str] = []
    for kind, piece in lexer.get_tokens(text):
        budget.spend()
        name = _CLASS_OF[kind]
        if name != current:
            yield current, "".join(run)
            current, run = name, []
        run.append(piece)
    yield current, "".join(run)


def paint(text: str, language: str, budget: Budget) -> str:
    """HTML of a code block; only escaped where the language is unknown or a limit is passed."""
    lexer = _LEXERS.get(language)
    if lexer is None or not _within_limits(text):
        return html.escape(text, quote=False)
    return "".join(
        _span(name, html.escape(piece, quote=False)) for name, piece in _pieces(text, lexer, budget)
    )


def _span(name: str | None, escaped: str) -> str:
    if name is None or not escaped.strip():
        return escaped
    return f'<span class="syn-{name}">{escaped}</span>'


def _within_limits(text: str) -> bool:
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        return False
    return max(map(len, text.split("\n")), default=0) <= MAX_LINE


def lexer_for(filename: str) -> str | None:
    """The lexer of a file by its name, None where it is shown without colours."""
    name = posixpath.basename(filename).lower()
    return _FILE_NAMES.get(name) or _EXTENSIONS.get(posixpath.splitext(name)[1])


def highlight(text: str, filename: str) -> list[str] | None:
    """One safe HTML string a line (a final newline adds none).

    None when the file is above 512 kB, has a line above 5,000 characters, or costs more than a
    second: then show it as plain text with a download link.
    """
    text = text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    if not _within_limits(text):
        return None
    lexer = lexer_for(filename)
    if lexer is None:
        lines = html.escape(text, quote=False).split("\n")
    else:
        try:
            lines = _painted_lines(text, lexer)
        except OutOfBounds:
            return None
    return lines[:-1] if lines[-1] == "" else lines


def _painted_lines(text: str, lexer: str) -> list[str]:
    lines: list[list[str]] = [[]]
    for name, piece in _pieces(text, lexer, Budget()):
        first, *rest = html.escape(piece, quote=False).split("\n")
        lines[-1].append(_span(name, first))
        lines.extend([_span(name, part)] for part in rest)
    return ["".join(line) for line in lines]
