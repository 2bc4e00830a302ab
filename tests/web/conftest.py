"""Templates once a run, and a small server of sample pages for the browser."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hub_server.settings import data_path
from hub_server.web.templating import Templates
from tests.web import pages

# What hub_server.web.pages sends, so that an inline style or script shows in the browser tests.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; media-src 'self'; form-action 'self'"
)


@pytest.fixture(scope="session")
def templates() -> Templates:
    return Templates(data_path("templates"), data_path("static"))


@pytest.fixture(scope="session")
def sample_site(templates: Templates) -> Iterator[str]:
    """The address of a server whose /{language}/{page} are the sample pages."""
    views = pages.views()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            first, _, rest = self.path.split("?")[0].lstrip("/").partition("/")
            if first == "static":
                asset = templates.assets.get(rest.partition("/")[2])
                self.answer(
                    asset.body if asset else b"", asset.media_type if asset else "", bool(asset)
                )
            elif rest in views:
                user = None if pages.anonymous(rest) else pages.ADA
                template, view = views[rest]
                text = templates.render(template, pages.page(first, user=user), view)
                self.answer(text.encode(), "text/html; charset=utf-8", True)
            else:
                self.answer(b"", "text/plain", False)

        def answer(self, body: bytes, media_type: str, found: bool) -> None:
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
