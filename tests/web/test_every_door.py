"""Bytes of users on every door: told by content, never run, never part of a page elsewhere."""

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from playwright.sync_api import BrowserContext, Error, Page

from tests.support.s3 import make_bucket
from tests.support.server import LiveHub, LiveUser
from tests.support.transfers import commit, file_line, put_file, put_large

JS = "document.title='stolen';fetch('/settings/tokens?stolen')"
HTML = f"<!doctype html><title>page</title><body><script>{JS}</script>"


def png() -> bytes:
    """One red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def zipped() -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        archive.writestr("index.html", HTML)
    return kept.getvalue()


FILES: dict[str, bytes] = {
    "page.html": HTML.encode(),
    "page.htm": b"\xef\xbb\xbf" + HTML.encode(),
    "utf16.html": HTML.encode("utf-16"),
    "utf7.html": b"+ADw-script+AD4-" + JS.encode() + b"+ADw-/script+AD4-",
    "latin.html": HTML.encode() + b"\xe9\xff",
    "nul.html": HTML.encode() + b"\0",
    "late.html": b" " * 5000 + HTML.encode(),
    "page.xhtml": f'<html xmlns="http://www.w3.org/1999/xhtml"><script>{JS}</script></html>'.encode(),
    "style.xml": b'<?xml version="1.0"?><?xml-stylesheet href="page.xsl" type="text/xsl"?><a/>',
    "image.svg": f'<svg xmlns="http://www.w3.org/2000/svg"><script>{JS}</script></svg>'.encode(),
    "image.svgz": zlib.compress(b"<svg/>"),
    "doc.pdf": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n"
    + HTML.encode(),
    "gif.html": b"GIF89a/*" + bytes(20) + b"*/=0;" + HTML.encode(),
    "png.html": png() + HTML.encode(),
    "png.js": png() + JS.encode(),
    "jpeg.html": b"\xff\xd8\xff\xe0\x00\x10JFIF\0" + bytes(20) + HTML.encode(),
    "zip.html": zipped() + HTML.encode(),
    "html.zip": HTML.encode() + zipped(),
    "html.png": HTML.encode(),
    "html.pdf": HTML.encode(),
    "html.mp4": HTML.encode() + b"\0",
    "script.js": JS.encode(),
    "style.css": b"body{display:none}",
    "page.mhtml": b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n" + HTML.encode(),
    "app.webmanifest": b"{}",
    "app.wasm": b"\0asm\1\0\0\0",
    "pixel.png": png(),
    "empty.html": b"",
    "README.md": f"# Tiny\n\n{HTML}".encode(),
}  # fmt: skip
SHOWN = ("image/png", "image/gif", "image/jpeg", "video/mp4")


@dataclass(frozen=True)
class Kept:
    """A repository that holds all of FILES, and `large.html` by LFS."""

    hub: LiveHub
    owner: LiveUser
    repo: str

    def address(self, name: str, door: str = "resolve", more: str = "") -> str:
        return f"{self.hub.url}/{self.repo}/{door}/main/{name}{more}"


@pytest.fixture(scope="module")
def kept(hub: LiveHub, ada: LiveUser) -> Kept:
    repo = ada.make_repo()
    with ada.client() as client:
        lines = [file_line(name, data) for name, data in FILES.items()]
        assert commit(client, f"models/{repo}", *lines).status_code == 200
        put_large(client, f"models/{repo}", "large.html", HTML.encode() * 3)
    return Kept(hub, ada, repo)


def is_harmless(answer: httpx.Response) -> None:
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    policy = [part.strip() for part in headers["content-security-policy"].split(";")]
    assert policy[:2] == ["sandbox", "default-src 'none'"]
    assert headers["cross-origin-resource-policy"] == "same-origin"
    kind = headers["content-type"]
    where = headers["content-disposition"].split(";")[0]
    assert kind == "text/plain; charset=utf-8" or kind in SHOWN or where == "attachment", kind
    assert where in ("inline", "attachment")
    assert not any(word in kind for word in ("html", "svg", "xml", "javascript", "css"))


@pytest.mark.parametrize("name", [*FILES, "large.html"])
def test_headers_on_every_door(kept: Kept, name: str):
    with httpx.Client(follow_redirects=False) as guest:
        for door, more in (("resolve", ""), ("raw", ""), ("resolve", "?download=true")):
            for method in ("GET", "HEAD"):
                answer = guest.request(method, kept.address(name, door, more))
                assert answer.status_code == 200
                is_harmless(answer)
                if more:
                    assert answer.headers["content-disposition"].startswith("attachment")
        part = guest.get(kept.address(name), headers={"Range": "bytes=0-0"})
        assert part.status_code in (206, 416)
        if part.status_code == 206:
            is_harmless(part)
        unchanged = guest.get(kept.address(name), headers={"If-None-Match": "*"})
        assert unchanged.status_code == 304
        assert "sandbox" in unchanged.headers["content-security-policy"]


def test_the_type_is_that_of_the_content_not_of_the_name(kept: Kept):
    found = {}
    for name in FILES:
        headers = httpx.get(kept.address(name)).headers
        found[name] = (headers["content-type"], headers["content-disposition"].split(";")[0])
    assert found["pixel.png"] == found["png.html"] == found["png.js"] == ("image/png", "inline")
    assert found["html.png"] == found["page.html"] == ("text/plain; charset=utf-8", "inline")
    assert found["doc.pdf"][1] == found["zip.html"][1] == found["utf16.html"][1] == "attachment"
    assert found["image.svg"][0] == "text/plain; charset=utf-8"


def test_links_of_lfs_are_as_harmless(kept: Kept):
    digest = hashlib.sha256(HTML.encode() * 3).hexdigest()
    batch = {"operation": "download", "objects": [{"oid": digest, "size": len(HTML) * 3}]}
    answer = httpx.post(f"{kept.hub.url}/{kept.repo}.git/info/lfs/objects/batch", json=batch)
    link = answer.json()["objects"][0]["actions"]["download"]["href"]
    download = httpx.get(link)
    assert download.text == HTML * 3
    is_harmless(download)
    assert download.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("name", ['a"b;c.html', "a\nb.html", "é 한.html", "a%0d%0aX: y", "a\\b"])
def test_names_do_not_break_out_of_headers(kept: Kept, name: str):
    with kept.owner.client() as client:
        answer = commit(client, f"models/{kept.repo}", file_line(name, b"<b>"))
        if answer.status_code != 200:
            assert answer.status_code in (400, 422)
            return
    shown = httpx.get(kept.address(quote(name, safe="")))
    assert shown.status_code == 200
    is_harmless(shown)
    assert f"filename*=UTF-8''{quote(name, safe='')};" in shown.headers["content-disposition"]
    assert shown.headers["content-disposition"].endswith('";')
    assert "x" not in shown.headers


@pytest.fixture
def page(browser_context: BrowserContext, kept: Kept) -> Iterator[Page]:
    """Ada's browser; fails when a script of the files ran with our origin."""
    tab = browser_context.new_page()
    asked: list[str] = []
    tab.context.on("request", lambda request: asked.append(request.url))
    tab.on("dialog", lambda dialog: (asked.append("stolen dialog"), dialog.dismiss()))
    tab.goto(f"{kept.hub.url}/login")
    tab.fill("input[name=name]", kept.owner.name)
    tab.fill("input[name=password]", kept.owner.password)
    with tab.expect_navigation():
        tab.press("input[name=password]", "Enter")
    yield tab
    tab.close()
    assert [url for url in asked if "stolen" in url] == []


def visit(page: Page, address: str) -> None:
    try:
        page.goto(address)
    except Error as refused:  # what is downloaded shows no page
        assert "Download is starting" in str(refused) or "ERR_ABORTED" in str(refused)  # noqa: PT017


@pytest.mark.browser
def test_nothing_runs_when_it_is_opened(page: Page, kept: Kept):
    for name in [*FILES, "large.html"]:
        visit(page, kept.address(name))
        assert page.title() != "stolen", name
    for name in ("page.html", "image.svg", "large.html", "doc.pdf"):
        for door in ("raw", "blob"):
            visit(page, kept.address(name, door))
            assert page.title() != "stolen", (name, door)


EMBED = """([address, tag, attribute]) => new Promise(done => {
  const element = document.createElement(tag);
  if (tag === "link") element.rel = "stylesheet";
  if (tag === "script" && attribute === "module") element.type = "module";
  element.onload = () => done("loaded");
  element.onerror = () => done("refused");
  setTimeout(() => done("nothing"), 1500);
  element[{object: "data", link: "href"}[tag] || "src"] = address;
  document.body.append(element);
})"""


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("script.js", "script"), ("png.js", "script"), ("gif.html", "script"),
        ("script.js", "script module"), ("style.css", "link"), ("image.svg", "img"),
        ("image.svg", "object"), ("doc.pdf", "embed"),
    ],
)  # fmt: skip
def test_our_own_pages_cannot_be_made_to_use_them(page: Page, kept: Kept, name: str, tag: str):
    """Even if a way to put such an element on a page of ours were found."""
    page.goto(f"{kept.hub.url}/settings/profile")
    words = [*tag.split(), ""][:2]
    assert page.evaluate(EMBED, [kept.address(name), *words]) in ("refused", "nothing")
    assert page.title() != "stolen"
    assert page.evaluate("getComputedStyle(document.body).display") != "none"


@pytest.mark.browser
def test_they_are_no_frames_workers_or_modules(page: Page, kept: Kept):
    page.goto(f"{kept.hub.url}/settings/profile")
    page.evaluate(EMBED, [kept.address("page.html"), "iframe", ""])
    assert [frame.url.partition(":")[0] for frame in page.frames[1:]] == ["chrome-error"]
    for code in ("navigator.serviceWorker.register(a)", "import(a)"):
        kind = page.evaluate(
            f"a => Promise.resolve().then(() => {code}).then(() => 'ran', e => e.name)",
            kept.address("script.js"),
        )
        assert kind in ("SecurityError", "TypeError"), code
    worker = page.evaluate(
        "a => new Promise(r => { try { const w = new Worker(a); w.onerror = () => r('refused');"
        " setTimeout(() => r('ran'), 1500) } catch (e) { r('refused') } })",
        kept.address("script.js"),
    )
    assert worker == "refused"


@pytest.mark.browser
def test_a_picture_is_shown_here_and_nowhere_else(
    browser_context: BrowserContext, page: Page, kept: Kept
):
    page.goto(f"{kept.hub.url}/settings/profile")
    assert page.evaluate(EMBED, [kept.address("pixel.png"), "img", ""]) == "loaded"
    elsewhere = browser_context.new_page()
    elsewhere.route("http://evil.localhost/", lambda route: route.fulfill(
        body="<!doctype html><body>", content_type="text/html"))  # fmt: skip
    elsewhere.goto("http://evil.localhost/")
    for name, tag in (("pixel.png", "img"), ("script.js", "script")):
        assert elsewhere.evaluate(EMBED, [kept.address(name), tag, ""]) == "refused"
    elsewhere.close()


def test_links_to_the_store_force_the_same(make_hub: Callable[..., LiveHub], moto_endpoint: str):
    place = make_bucket(moto_endpoint)
    hub = make_hub(
        HUB_BLOBS=f"s3://{place.bucket}", HUB_S3_ENDPOINT=moto_endpoint, HUB_S3_DIRECT="true",
        HUB_S3_ACCESS_KEY_ID=str(place.access_key_id),
        HUB_S3_SECRET_ACCESS_KEY=str(place.secret_access_key),
    )  # fmt: skip
    ada = hub.make_user("ada")
    repo = ada.make_repo("tiny")
    with ada.client() as client:
        put_file(client, f"models/{repo}", "page.html", HTML.encode())
        send_directly(client, repo)
        for name in ("large.html", "large.png"):
            answer = client.get(f"/{repo}/resolve/main/{name}")
            assert answer.status_code == 302, answer.text
            asked = parse_qs(urlsplit(answer.headers["location"]).query)
            kind = asked["response-content-type"][0]
            where = asked["response-content-disposition"][0]
            assert kind in ("text/plain; charset=utf-8", "application/octet-stream", *SHOWN)
            assert where.startswith("attachment") or "html" not in kind
            served = httpx.get(answer.headers["location"])
            assert served.headers["content-type"] == kind
            assert served.headers["content-disposition"] == where
        is_harmless(client.get(f"/{repo}/resolve/main/page.html"))


def send_directly(client: httpx.Client, repo: str) -> None:
    """Large files, sent as clients send them where they may reach the store themselves."""
    for name, data in (("large.html", HTML.encode() * 3), ("large.png", png())):
        digest = hashlib.sha256(data).hexdigest()
        batch = {"operation": "upload", "objects": [{"oid": digest, "size": len(data)}]}
        answer = client.post(f"/{repo}.git/info/lfs/objects/batch", json=batch).json()
        actions = answer["objects"][0]["actions"]
        upload = actions["upload"]
        sent = httpx.put(upload["href"], content=data, headers=upload.get("header", {}))
        assert sent.status_code == 200, sent.text
        verify = actions["verify"]
        told = httpx.post(
            verify["href"], json={"oid": digest, "size": len(data)},
            headers={"Authorization": client.headers["authorization"], **verify.get("header", {})},
        )  # fmt: skip
        assert told.status_code == 200, told.text
        value = {"path": name, "algo": "sha256", "oid": digest, "size": len(data)}
        done = commit(client, f"models/{repo}", {"key": "lfsFile", "value": value})
        assert done.status_code == 200, done.text
