"""Cards: README front matter to values and records, Markdown and source code to safe HTML.

An engine: text in, values out. Knows no SQL, no users, no HTTP; never raises on what people wrote.
"""

from hub_server.cards import gguf, safetensors, vocabulary, weights
from hub_server.cards.checking import Kind, is_repo_id
from hub_server.cards.front_matter import Card, read_card
from hub_server.cards.gguf import GgufHeader, HeaderCut
from hub_server.cards.listing import Listing, Tensor
from hub_server.cards.markdown.code import highlight, lexer_for
from hub_server.cards.markdown.links import LinkBase
from hub_server.cards.markdown.rendering import RenderedCard, render
from hub_server.cards.markdown.rewriting import Heading, ImagePolicy, Labels
from hub_server.cards.problems import Problem
from hub_server.cards.query_files import has_query_file, is_query_file
from hub_server.cards.record import IndexRecord, index_record, wanted_files
from hub_server.cards.tags import Tag
from hub_server.cards.validation import Report, Surroundings, validate, validate_card
from hub_server.cards.weights import NO_WEIGHTS, Weights
from hub_server.cards.words import query_words, words_of

__all__ = [
    "NO_WEIGHTS",
    "Card",
    "GgufHeader",
    "HeaderCut",
    "Heading",
    "ImagePolicy",
    "IndexRecord",
    "Kind",
    "Labels",
    "LinkBase",
    "Listing",
    "Problem",
    "RenderedCard",
    "Report",
    "Surroundings",
    "Tag",
    "Tensor",
    "Weights",
    "gguf",
    "has_query_file",
    "highlight",
    "index_record",
    "is_query_file",
    "is_repo_id",
    "lexer_for",
    "query_words",
    "read_card",
    "render",
    "safetensors",
    "validate",
    "validate_card",
    "vocabulary",
    "wanted_files",
    "weights",
    "words_of",
]
