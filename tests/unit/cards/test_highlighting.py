"""Whole files in colour, line by line."""

import random
import re
import time

import pytest

from hub_server.cards import highlight, lexer_for
from hub_server.cards.markdown.budget import Budget
from hub_server.cards.markdown.code import LANGUAGES, MAX_BYTES, MAX_LINE, paint
from tests.unit.cards.safe_html import faults


def text_of(lines: list[str]) -> str:
    bare = re.sub(r"</?span[^>]*>", "", "\n".join(lines))
    return bare.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def test_json_keys_strings_and_numbers_differ():
    assert highlight('{\n  "a": "<b>",\n  "n": 0.1\n}\n', "config.json") == [
        "{",
        '  <span class="syn-a">"a"</span>: <span class="syn-s">"&lt;b&gt;"</span>,',
        '  <span class="syn-a">"n"</span>: <span class="syn-m">0.1</span>',
        "}",
    ]


def test_spans_never_cross_lines():
    lines = highlight('x = """a\nb\n"""\n# c\n', "x.py")
    assert lines == [
        'x = <span class="syn-s">"""a</span>',
        '<span class="syn-s">b</span>',
        '<span class="syn-s">"""</span>',
        '<span class="syn-c"># c</span>',
    ]


@pytest.mark.parametrize("name", ["a.txt", "LICENSE", "weights.unknown", ""])
def test_unknown_files_are_escaped_lines(name):
    assert highlight("<a>\r\n\r\nb", name) == ["&lt;a&gt;", "", "b"]


def test_no_lines_of_an_empty_file():
    assert highlight("", "a.py") == []
    assert highlight("\n", "a.txt") == [""]


def test_limits():
    assert highlight("a" * MAX_LINE, "a.py") is not None
    assert highlight("a" * (MAX_LINE + 1), "a.py") is None
    assert highlight("é\n" * (MAX_BYTES // 3 + 1), "a.txt") is None


def test_files_are_known_by_name():
    assert lexer_for("src/Dockerfile") == "docker"
    assert lexer_for("x/a.PY") == "python"
    assert lexer_for("a.bin") is None


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_gives_back_its_text(language):
    source = "a = 'b' # <c> & \"d\"\n/* e */ // f\n@g { h: 1 }\n$ i\n\n\tj\n"
    painted = paint(source, language, Budget())
    assert text_of([painted]) == source
    assert faults(f"<pre>{painted}</pre>") == []


def test_any_text_comes_back_line_by_line():
    chance = random.Random(2)
    names = ["a.py", "a.json", "a.yaml", "a.html", "a.sh", "a.js", "a.md", "Makefile", "a.tex"]
    for _ in range(400):
        source = "".join(chance.choices("ab\"'<>&{}[]()#/*\\\n\n\t $`=-:é\ud800", k=120))
        lines = highlight(source, chance.choice(names))
        expected = source.encode("utf-8", "replace").decode().split("\n")
        assert [text_of([line]) for line in lines] == (
            expected[:-1] if expected[-1] == "" else expected
        )
        assert all(faults(f"<td>{line}</td>") == [] for line in lines)


@pytest.mark.parametrize(
    "name", ["a.py", "a.json", "a.html", "a.js", "a.sh", "a.md", "a.rb", "a.yaml"]
)
@pytest.mark.parametrize("piece", ["(", '"', "\\", "<", "{", " ", "a=", "`", "/*", "$("])
def test_hostile_files_end_soon(name, piece):
    start = time.thread_time()
    highlight((piece * (4_900 // len(piece)) + "\n") * 5, name)
    assert time.thread_time() - start < 1.5
