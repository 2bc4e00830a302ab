"""Markdown of strangers to HTML that a page may show as it is."""

import html
from dataclasses import dataclass

from hub_server.cards.front_matter import Card
from hub_server.cards.markdown import parser, sanitizing
from hub_server.cards.markdown.budget import SECONDS, Budget, OutOfBounds
from hub_server.cards.markdown.links import LinkBase
from hub_server.cards.markdown.rewriting import Heading, ImagePolicy, Labels, Rewriter

MAX_MARKDOWN = 500_000
MAX_PLAIN = 2_000_000


@dataclass(frozen=True, slots=True)
class RenderedCard:
    """`html` is safe; `plain` tells that it is the source in `<pre>`, because it costs too much."""

    html: str
    headings: tuple[Heading, ...] = ()
    plain: bool = False


def render(
    source: Card | str,
    *,
    base: LinkBase,
    images: ImagePolicy = "block",
    labels: Labels | None = None,
    seconds: float = SECONDS,
) -> RenderedCard:
    """Render the body of a card, or Markdown as it is (a string's front matter is not removed).

    At most about `seconds` of processor time, then plain text. With `images="block"` pictures
    from other hosts than `base.origins` become links.
    """
    markdown = source.body if isinstance(source, Card) else source
    markdown = markdown.encode("utf-8", "replace").decode().replace("\x00", "�")
    if len(markdown) > MAX_MARKDOWN:
        return _plain(markdown)
    try:
        budget = Budget(seconds)
        rewriter = Rewriter(base, images, labels or Labels(), budget)
        written = rewriter.run(sanitizing.clean(parser.to_html(markdown, budget)))
    except (OutOfBounds, RecursionError):
        return _plain(markdown)
    return RenderedCard(written, tuple(rewriter.headings))


def _plain(markdown: str) -> RenderedCard:
    text = html.escape(markdown[:MAX_PLAIN], quote=False)
    return RenderedCard(f'<pre tabindex="0">\n{text}</pre>', plain=True)
