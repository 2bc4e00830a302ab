"""No hostile card leaves a script, a handler, an unknown element or an unknown attribute."""

import json
import random
from pathlib import Path

import pytest

from hub_server.cards import LinkBase, render
from tests.unit.cards.safe_html import faults
from tests.unit.cards.vectors import XSS

BASE = LinkBase("/ada/tiny/blob/main", "/ada/tiny/resolve/main", tree="/ada/tiny/tree/main")

# Runs in a browser: everything in the page that could act, by the browser's own reading.
_INSPECT = """
() => {
  const found = [];
  for (const element of document.querySelectorAll("#card *")) {
    const name = element.localName;
    if (["script", "style", "iframe", "object", "embed", "form", "svg", "link", "meta", "base",
         "button", "select", "textarea", "template"].includes(name) || name.includes("-"))
      found.push(name);
    for (const attribute of element.attributes)
      if (/^(on|hx-|data-|x-|form|style$|srcdoc$|is$|slot$|popover)/.test(attribute.name))
        found.push(name + " " + attribute.name);
    for (const key of ["href", "src", "action"]) {
      const value = element[key];
      if (typeof value === "string" && value && !/^(https?|mailto):/.test(value))
        found.push(name + " " + key + " " + value);
    }
    if (element.id && !element.id.startsWith("user-content-")) found.push("id " + element.id);
  }
  return found.concat(window.acted ?? []);
}
"""


@pytest.mark.parametrize("images", ["block", "allow"])
@pytest.mark.parametrize("vector", XSS)
def test_a_hostile_card_leaves_no_trace(vector: str, images):
    for around in ("{}", "text {} text", "> - {}", "<div>\n\n{}\n\n</div>", "<p>{}</p>"):
        rendered = render(around.format(vector), base=BASE, images=images)
        assert faults(rendered.html) == []


def test_the_judge_would_notice():
    noticed = [vector for vector in XSS if "<" in vector and faults(vector)]
    assert len(noticed) > 80
    assert faults("<p hx-get=/x>a</p>") == ["attribute p hx-get"]
    assert faults('<a href="java script:x">a</a>') != []


def test_hostile_pieces_in_any_order_leave_no_trace():
    chance = random.Random(7)
    pieces = [
        *XSS,
        "<p>",
        "</p>",
        "<table><tr><td>",
        "</table>",
        "`",
        "*",
        "[",
        "](x)",
        "\n\n",
        "$",
    ]
    pieces += ['"', "'", "<", ">", "<a href='", "<img src=", "<span class=tex>", "</span>", "<!--"]
    for _ in range(1_000):
        source = "".join(chance.choices(pieces, k=chance.randint(2, 9)))
        rendered = render(source, base=BASE)
        assert faults(rendered.html) == [], source


def test_mutated_vectors_leave_no_trace():
    chance = random.Random(11)
    for _ in range(1_500):
        text = list(chance.choice(XSS))
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(text) + 1)
            text[at : at + chance.randint(0, 2)] = chance.choice("<>\"'&=/ \n\t\x00`[]()$\\!-;:#x")
        source = "".join(text)
        assert faults(render(source, base=BASE).html) == [], source


@pytest.mark.browser
def test_a_browser_finds_nothing_that_acts(browser_page):
    """The judge above is one parser; this is the parser that counts, with all vectors in a page."""
    # Only https pictures are asked for, and nothing answers: no vector may reach the network.
    browser_page.context.set_offline(True)
    for images in ("block", "allow"):
        html = [render(vector, base=BASE, images=images).html for vector in XSS]
        browser_page.set_content("<!doctype html><main id=card></main>")
        browser_page.evaluate(
            """html => {
              window.acted = [];
              window.alert = what => window.acted.push("alert " + what);
              for (const piece of html) {
                const section = document.createElement("section");
                section.innerHTML = piece;
                document.getElementById("card").append(...section.childNodes);
              }
            }""",
            html,
        )
        browser_page.wait_for_timeout(300)
        # about:blank has no address to resolve against: give the check one.
        browser_page.evaluate(
            "() => { const base = document.createElement('base');"
            "base.href = 'http://hub.example/'; document.head.append(base); }"
        )
        assert browser_page.evaluate(_INSPECT) == []
    browser_page.evaluate("() => { document.getElementById('card').innerHTML = '<p onclick=x>a'; }")
    assert browser_page.evaluate(_INSPECT) == ["p onclick"]


def test_every_card_of_the_collection_is_safe():
    folder = Path(__file__).parents[2] / "data/cards"
    rows = [json.loads(line) for line in (folder / "odd.jsonl").read_text().splitlines()]
    assert len(rows) > 60
    for row in rows:
        text = (folder / "odd" / row["file"]).read_bytes().decode("utf-8", "replace")
        for images in ("block", "allow"):
            assert faults(render(text, base=BASE, images=images).html) == [], row["file"]
