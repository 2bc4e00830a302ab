"""Headers that every answer carries unless its route said otherwise."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
    "img-src {images}; media-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class SafeHeaders:
    """Nothing is sniffed, framed, or runs but our own scripts; our addresses are not passed on."""

    def __init__(self, app: ASGIApp, *, foreign_images: bool) -> None:
        self.app = app
        images = "'self' data: https:" if foreign_images else "'self' data:"
        self.defaults = {
            "Content-Security-Policy": POLICY.format(images=images),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "X-Frame-Options": "DENY",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.defaults.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, guarded if scope["type"] == "http" else send)
