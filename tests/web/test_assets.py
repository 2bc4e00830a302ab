"""Style sheets: joined in layer order, addressed by hash, raw values in tokens only."""

import gzip
import re

import pytest
from starlette.requests import Request

from hub_server.settings import data_path
from hub_server.web.assets import FOREVER, LAYERS, Assets, joined_css

STATIC = data_path("static")
FILES = sorted((STATIC / "css").rglob("*.css"))


@pytest.fixture(scope="module")
def assets() -> Assets:
    return Assets(STATIC)


def asking(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw})


def test_layers_come_in_order() -> None:
    css = joined_css(STATIC)
    assert css.startswith("@layer tokens, base, layout, components, utilities;\n")
    places = [css.index(f"@layer {layer} {{") for layer in LAYERS]
    assert places == sorted(places)
    assert {path.parent.name for path in FILES} == set(LAYERS)


def test_fonts_are_addressed_from_the_joined_file(assets: Assets) -> None:
    named = re.findall(r'url\("([^"]+)"\)', joined_css(STATIC))
    assert len(named) == 2
    for name in named:
        assert assets.get(name) is not None, name


def test_answers_last_for_ever(assets: Assets) -> None:
    answer = assets.response(asking(accept_encoding="gzip, br"), assets.hash, "hub.css")
    assert answer is not None
    assert answer.headers["cache-control"] == FOREVER
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body) == joined_css(STATIC).encode()
    plain = assets.response(asking(), assets.hash, "hub.css")
    assert plain is not None
    assert plain.body == joined_css(STATIC).encode()
    assert "content-encoding" not in plain.headers


def test_another_version_gets_todays_file_without_keeping_it(assets: Assets) -> None:
    answer = assets.response(asking(), "0123456789abcdef", "js/main.js")
    assert answer is not None
    assert answer.headers["cache-control"] == "no-cache"
    known = assets.response(asking(if_none_match=f'"{assets.hash}"'), assets.hash, "js/main.js")
    assert known is not None
    assert known.status_code == 304


@pytest.mark.parametrize(
    "name", ["nope.css", "../settings.py", "css/base/base.css", "vendor/lucide/box.svg", ""]
)
def test_what_is_not_served_is_not_there(assets: Assets, name: str) -> None:
    assert assets.response(asking(), assets.hash, name) is None
    with pytest.raises(KeyError):
        assets.path(name)


def test_scripts_import_only_what_is_served(assets: Assets) -> None:
    for path in (STATIC / "js").glob("*.js"):
        text = path.read_text()
        assert len(text.splitlines()) <= 100
        for name in re.findall(r'import .*?"\./([^"]+)"', text):
            assert assets.get(f"js/{name}") is not None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_style_sheets_keep_their_rules(path: object) -> None:
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)  # type: ignore[attr-defined]
    assert len(text.splitlines()) <= 150
    assert "!important" not in text
    assert not re.search(r"(^|[\s,}>+~])#[a-zA-Z][\w-]*\s*[{,:.\[]", text), "an id selector"
    if "tokens" not in str(path):
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(", text), "a raw colour"
        assert not re.search(r"\b\d+m?s\b", text), "a raw time"


def test_every_icon_that_is_vendored_is_drawn_somewhere() -> None:
    sources = [
        *data_path("templates").rglob("*.html"),
        *(STATIC.parent / "hub_server/web").rglob("*.py"),
    ]
    text = "\n".join(path.read_text() for path in sources)
    icons = [path.stem for path in (STATIC / "vendor/lucide").glob("*.svg")]
    assert len(icons) > 30
    assert [name for name in icons if f'"{name}"' not in text] == []
