"""The header of a file of weights as a table of its tensors."""

from collections import Counter

from hub_server.cards import Listing
from hub_server.web.views.looks import TensorRow, TensorView

MOST_ROWS = 1000
MOST_KEYS = 200
MOST_TEXT = 2000


def tensor_view(listing: Listing) -> TensorView:
    """In the order of the file; the first thousand tensors, and counts of all."""
    types: Counter[str] = Counter()
    for tensor in listing.tensors:
        types[tensor.type] += tensor.values
    rows = (
        TensorRow(tensor.name[:MOST_TEXT], tensor.type, tensor.shape, tensor.values)
        for tensor in listing.tensors[:MOST_ROWS]
    )
    return TensorView(
        listing.format,
        tuple(rows),
        len(listing.tensors),
        types.total(),
        tuple(types.most_common()),
        tuple((key, _cut(value)) for key, value in listing.metadata[:MOST_KEYS]),
        len(listing.metadata),
    )


def _cut(value: str) -> str:
    return value if len(value) <= MOST_TEXT else value[:MOST_TEXT] + "…"
