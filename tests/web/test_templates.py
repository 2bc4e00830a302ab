"""Every page renders in every language, is well formed, and keeps its promises about scripts."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hub_server.settings import data_path
from hub_server.web.templating import Templates
from hub_server.web.translation import LANGUAGES, Language
from hub_server.web.views.home import Home
from hub_server.web.views.settings import Tokens
from hub_server.web.views.sign_in import SignIn
from tests.web import pages

VIEWS = pages.views()
VOID = {
    "meta",
    "link",
    "input",
    "br",
    "col",
    "hr",
    "img",
    "path",
    "rect",
    "circle",
    "line",
    "polyline",
}


class Outline(HTMLParser):
    """Open elements, ids, forms and what refers to what; complains as it reads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.refers: list[str] = []
        self.wrong: list[str] = []
        self.forms: list[dict[str, str | None]] = []
        self.fields: list[tuple[int, str | None]] = []
        self.feed(text)
        self.close()
        self.wrong += [f"<{name}> is never closed" for name in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.wrong += [
            f"<{tag} {name}>" for name in given if name == "style" or name.startswith("on")
        ]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.wrong.append(f"inline <{tag}>")
        if len(given) != len(attrs):
            self.wrong.append(f"<{tag}> has an attribute twice")
        self._note(tag, given)
        if tag not in VOID:
            self.open.append(tag)

    def _note(self, tag: str, given: dict[str, str | None]) -> None:
        if given.get("id"):
            self.ids.append(str(given["id"]))
        for name in ("for", "aria-describedby", "aria-labelledby"):
            self.refers += (given.get(name) or "").split()
        if tag == "form":
            self.forms.append(given)
        if tag == "input":
            self.fields.append((len(self.forms) - 1, given.get("name")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes something else, line {self.getpos()[0]}")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", VIEWS)
def test_page_is_well_formed(templates: Templates, name: str, language: Language) -> None:
    template, view = VIEWS[name]
    user = None if pages.anonymous(name) else pages.ADA
    text = templates.render(template, pages.page(language, user=user), view)
    outline = Outline(text)
    assert outline.wrong == []
    assert len(set(outline.ids)) == len(outline.ids)
    assert set(outline.refers) <= set(outline.ids)
    assert f'<html lang="{language}"' in text
    own = text.replace(str(pages.CARD), "")
    assert len(re.findall(r"<h1[ >]", own)) == 1 or name == "patterns"
    for number, form in enumerate(outline.forms):
        if form.get("method") == "post":
            assert (number, "csrf_token") in outline.fields, "a form without its CSRF field"


def test_every_template_is_shown_by_a_sample() -> None:
    folder = data_path("templates")
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.html")
        if not path.name.startswith("_") and path.parent.name != "components"
    }
    assert found - {"base.html"} == {template for template, _ in VIEWS.values()}


@pytest.mark.parametrize(
    "path", sorted(data_path("templates").rglob("*.html")), ids=lambda p: p.name
)
def test_templates_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 200


def test_a_prefix_stands_before_every_address(templates: Templates) -> None:
    for name, (template, view) in VIEWS.items():
        text = templates.render(template, pages.page(root="/hub"), view)
        addresses = re.findall(r'(?:href|src|action)="(/[^"]*)"', text)
        assert addresses
        assert [a for a in addresses if not a.startswith("/hub/")] == [], name


def test_what_people_typed_is_escaped(templates: Templates) -> None:
    attack = '"><script>alert(1)</script>'
    view = SignIn(name=attack, refused=attack, next=attack, note=attack)
    text = templates.render("sign_in/sign_in.html", pages.page(user=None), view)
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;") == 4


def test_a_translated_sentence_escapes_its_values(templates: Templates) -> None:
    for catalog in templates.catalogs.values():
        made = catalog.text("Token “{name}” created.", name="<b>x</b>")
        assert "&lt;b&gt;x&lt;/b&gt;" in made


def test_a_fresh_token_is_shown_with_the_lines_to_paste(templates: Templates) -> None:
    view = Tokens((), "https://hub.example.org/hub", "hf_sample", "laptop")
    text = templates.render("settings/tokens.html", pages.page(), view)
    first = "export HF_ENDPOINT=https://hub.example.org/hub"
    lines = f"{first}\nhf auth login --token hf_sample"
    assert f"<code>{lines}</code>" in text
    assert f'value="{lines}"' in text


def test_an_empty_hub_tells_the_administrator_what_to_do(templates: Templates) -> None:
    view = Home("http://127.0.0.1:8000", {"model": 0, "dataset": 0, "space": 0})
    assert view.is_empty
    text = templates.render("home/empty.html", pages.page(), view)
    assert "hf upload ada/first-model" in text
    assert "/settings/invitations" in text


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chosen_theme_is_on_the_root(templates: Templates, theme: str) -> None:
    text = templates.render("sign_in/sign_in.html", pages.page(theme=theme), SignIn())
    assert f'data-theme="{theme}"' in text
