"""Markdown as GitHub people know it, within bounds."""

import re
import time
from pathlib import Path

import pytest

from hub_server.cards import Heading, Labels, LinkBase, read_card, render
from tests.unit.cards.safe_html import faults

GOLDEN = Path(__file__).parents[2] / "data/cards/golden"
BASE = LinkBase(
    "/ada/tiny/blob/main",
    "/ada/tiny/resolve/main",
    tree="/ada/tiny/tree/main",
    origins=("https://hub.example",),
)


def html(markdown: str, **options) -> str:
    return render(markdown, base=options.pop("base", BASE), **options).html.strip()


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.md")))
def test_golden(name):
    rendered = render((GOLDEN / f"{name}.md").read_text(), base=BASE)
    assert rendered.html == (GOLDEN / f"{name}.html").read_text()
    assert faults(rendered.html) == []


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("x.md", "/ada/tiny/blob/main/x.md"),
        ("./a/x.md#part", "/ada/tiny/blob/main/a/x.md#part"),
        ("a/", "/ada/tiny/tree/main/a"),
        (".", "/ada/tiny/tree/main"),
        ("../../../../-/logout", "/ada/tiny/blob/main/-/logout"),
        ("%2e%2e/%2e%2e/x", "/ada/tiny/blob/main/x"),
        ("a/..\\..\\x", "/ada/tiny/blob/main/x"),
        ("/datasets/a/b", "/datasets/a/b"),
        ("x.md?plain=1", "/ada/tiny/blob/main/x.md?plain=1"),
        ("a b.md", "/ada/tiny/blob/main/a%20b.md"),
        ("é.md", "/ada/tiny/blob/main/%C3%A9.md"),
        ("a%20b.md", "/ada/tiny/blob/main/a%20b.md"),
        ("#Some Part", "#user-content-Some-Part"),
        ("https://hub.example/x", "https://hub.example/x"),
    ],
)
def test_links_stay_inside(href, url):
    target = BASE.link(href)
    assert (target.url, target.outside) == (url, False)


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("https://x.example/a?b=c#d", "https://x.example/a?b=c#d"),
        ("//x.example/a", "https://x.example/a"),
        ("/\\x.example/a", "https://x.example/a"),
        ("\\\\x.example", "https://x.example"),
        ("/\t/x.example", "https://x.example"),
        ("https:x.example", "https://x.example"),
        ("HTTPS:\\\\x.example", "https://x.example"),
        ("https://hub.example@x.example/", "https://hub.example@x.example/"),
        ("https://hub.example.x.example/", "https://hub.example.x.example/"),
        ("mailto:a@b.example", "mailto:a@b.example"),
    ],
)
def test_links_to_elsewhere_are_known_as_such(href, url):
    target = BASE.link(href)
    assert (target.url, target.outside) == (url, True)


@pytest.mark.parametrize(
    "href",
    ["javascript:x", "DATA:x", "vbscript:x", "file:///x", "x:y", "https://", "http://[", "ftp://x"],
)
def test_links_that_lead_nowhere(href):
    assert BASE.link(href) is None


def test_a_file_in_a_folder_and_a_hub_below_a_path():
    base = LinkBase("/hub/a/b/blob/main", "/hub/a/b/resolve/main", folder="docs", root="/hub")
    assert base.link("x.md").url == "/hub/a/b/blob/main/docs/x.md"
    assert base.link("../x.md").url == "/hub/a/b/blob/main/x.md"
    assert base.link("/datasets").url == "/hub/datasets"
    assert base.image("i.png").url == "/hub/a/b/resolve/main/docs/i.png"


def test_links_to_elsewhere_carry_rel():
    assert html("[a](https://x.example)") == (
        '<p><a href="https://x.example" rel="nofollow noopener ugc">a</a></p>'
    )
    assert "rel=" not in html("[a](x.md) [b](https://hub.example/c)")
    assert "target" not in html('<a href="https://x.example" target="_blank">a</a>')


def test_pictures_from_elsewhere_become_links_unless_allowed():
    source = "![a chart](https://x.example/c.png)"
    assert html(source) == (
        '<p><a class="outside-image" href="https://x.example/c.png" rel="nofollow noopener ugc">'
        "Picture on x.example: a chart</a></p>"
    )
    assert html(source, images="allow") == (
        '<p><img src="https://x.example/c.png" alt="a chart" loading="lazy"></p>'
    )
    assert html("![](https://hub.example/c.png)").startswith('<p><img src="https://hub.example/')
    linked = html(f"[{source}](https://ci.example)")
    assert linked.count("<a ") == 1
    assert '<span class="outside-image">Picture on x.example: a chart</span>' in linked


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("![](a.png#hf-light-mode-only)", "only-light"),
        ("![](a.png#gh-dark-mode-only)", "only-dark"),
        ('<img src="a.png" class="hidden dark:block">', "only-dark"),
        ('<img src="a.png" class="block dark:hidden">', "only-light"),
    ],
)
def test_pictures_for_one_colour_scheme(source, name):
    assert f'<img src="/ada/tiny/resolve/main/a.png" class="{name}"' in html(source)


def test_a_picture_with_sources_becomes_two():
    source = (
        '<picture><source media="(prefers-color-scheme: dark)" srcset="d.png 2x, e.png">'
        '<img src="l.png" alt="x"></picture>'
    )
    assert re.findall(r'main/(\w)\.png" class="(only-\w+)"', html(source)) == [
        ("d", "only-dark"),
        ("l", "only-light"),
    ]


def test_headings_have_anchors_like_on_github():
    rendered = render(
        "# Hello, *World*!\n## Hello World\n## Hello World\n### 日本 & `code`\n#### ...\n"
        "[up](#hello-world) [raw](#mine)\n\n<h2 id='mine'>Mine</h2>\n\n## <img src=a.png>\n",
        base=BASE,
    )
    assert rendered.headings == (
        Heading(1, "Hello, World!", "user-content-hello-world"),
        Heading(2, "Hello World", "user-content-hello-world-1"),
        Heading(2, "Hello World", "user-content-hello-world-2"),
        Heading(3, "日本 & code", "user-content-日本--code"),
        Heading(4, "...", "user-content-section"),
        Heading(2, "Mine", "user-content-mine"),
    )
    assert 'href="#user-content-hello-world">up' in rendered.html
    assert '<h1 id="user-content-hello-world" aria-level="2">' in rendered.html
    assert '<h2 id="user-content-section-1" aria-level="3">' in rendered.html
    assert faults(rendered.html) == []


def test_words_can_be_translated():
    labels = Labels(
        anchor="Lien", table="Tableau {number}", picture="Image sur {host}", done="Fait"
    )
    text = html("# a\n\n|a|\n|-|\n|b|\n\n- [x] c\n\n![d](//x.example/y)", labels=labels)
    for words in ('"Lien"', '"Tableau 1"', "Image sur x.example: d", '"Fait"'):
        assert words in text


@pytest.mark.parametrize(
    "price",
    [
        "It costs $5 and $10.",
        "between $5-$10 or US$5",
        "from $HOME and $PATH to $A/$B",
        "$5 million in 2019 and 5$ now",
        "a$b$c",
        r"\$x\$ stays",
        "$ x $",
        "costs 5$ or 10$",
        "`$x^2$`",
    ],
)
def test_prices_stay_text(price):
    assert "<math" not in html(price)


@pytest.mark.parametrize(
    ("source", "display"),
    [
        ("$x^2$", "inline"),
        ("($x$)", "inline"),
        ("$O(n)$, right", "inline"),
        (r"\\(a_1*b*c_2\\)", "inline"),
        ("$$a*b*c$$", "block"),
        ("a $$b$$ c", "block"),
        ("$$\na_1 = b_1\n\\\\\nc\n$$", "block"),
        (r"\\[ x \\]", "block"),
        ("```math\nx_1\n```", "block"),
        ("- item\n\n  $$\n  x\n  $$", "block"),
    ],
)
def test_formulas_become_mathml(source, display):
    text = html(source)
    assert f'<math display="{display}"' in text
    assert "<em>" not in text


@pytest.mark.parametrize(
    "source",
    [
        r"$\unknowncommand{x}$",
        r"$\newcommand{\a}{\a\a}\a$",
        r"$x^$",
        "$$" + "{" * 100 + "}" * 100 + "$$",
        "$$" + "_" * 100 + "$$",
        "$$" + "x^" * 50 + "$$",
        "$$" + "x" * 4_000 + "$$",
    ],
)
def test_formulas_that_cannot_be_read_stay_readable(source):
    text = html(source)
    assert "<math" not in text
    assert faults(text) == []


def test_tables_can_be_scrolled_by_keyboard():
    text = html("|a|b|\n|:-:|-:|\n|c|d|")
    assert text.startswith('<div class="scroll" tabindex="0" role="region" aria-label="Table 1">')
    assert '<th align="center">a</th>' in text
    assert '<td align="right">d</td>' in text


def test_a_card_is_rendered_without_its_metadata():
    card = read_card("---\nlicense: mit\n---\n---\nafter a rule\n")
    assert html(card) == "<hr>\n<p>after a rule</p>"


def test_code_is_coloured_with_our_classes():
    text = html("```python\ndef f():\n    return 'x'  # y\n```")
    assert '<pre tabindex="0"><code class="language-python">' in text
    for name in ("k", "n", "s", "c"):
        assert f'class="syn-{name}"' in text
    assert html("```nolang\n<b>\n```") == '<pre tabindex="0"><code>&lt;b&gt;\n</code></pre>'
    assert 'class="language-mermaid">graph' in html("```mermaid\ngraph\n```")


PATHOLOGICAL = {
    "brackets": "[" * 50_000 + "a" + "]" * 50_000,
    "pictures": "![[]()" * 50_000,
    "emphasis": "*a **a " * 50_000,
    "backticks": "".join("e" + "`" * size for size in range(900)),
    "quotes": "> " * 100_000,
    "deep list": "".join(" " * (2 * depth) + "- a\n" for depth in range(600)),
    "comments": "<!-- " * 90_000,
    "wide table": "|" + "a|" * 600 + "\n|" + "-|" * 600 + "\n" + "|a\n" * 900,
    "one long link": "[a]: " + "u" * 20_000 + "\n\n" + "[a] " * 40_000,
    "definitions": "".join(f"[{number}]: x\n" for number in range(10_000)),
    "footnotes": "[^1] " * 30_000 + "\n\n[^1]: a",
    "nested divs": "<div>\n" * 20_000,
    "crossed tags, more": "<span><div></span></div>" * 20_000,
    "bold tags": "<b>" * 50_000,
    "nested tables": "<table><tr><td>" * 290,
    "details": "<details>" * 299,
    "attributes": "<a " + "".join(f"a{number}=x " for number in range(50_000)) + ">",
    "dollars": "$" * 200_000,
    "formulas": "".join(f"$x_{{{number}}}^2$ " for number in range(30_000)),
    "at signs": "@" * 400_000,
    "headings": "# a\n" * 30_000,
    "code": "```python\n" + "x = 1\n" * 30_000 + "```",
    "fences": "```python\na=1\n```\n" * 8_000,
    "alerts": "> [!NOTE]\n> x\n\n" * 25_000,
    "tabs": "\t" * 400_000,
    "zeros": "\x00" * 400_000,
    "surrogates": "\ud800" * 1_000,
    "huge": "a b\n" * 500_000,
}


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_rendering_is_bounded(name):
    start = time.thread_time()
    rendered = render(PATHOLOGICAL[name], base=BASE, seconds=0.2)
    assert time.thread_time() - start < 10  # without a bound: minutes; `make bench` has the figures
    assert len(rendered.html) < 10_000_000
    rendered.html.encode()
    assert not rendered.plain or rendered.html.startswith('<pre tabindex="0">\n')


def test_what_costs_too_much_is_shown_as_it_is():
    rendered = render("<div>\n" * 1_000 + "# <b>\n", base=BASE)
    assert rendered.plain
    assert "# &lt;b&gt;" in rendered.html
