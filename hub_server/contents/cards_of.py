"""The card of a revision, judged and read for the catalog. Knows no SQL."""

from collections import deque
from collections.abc import Iterator

from hub_server.cards import Card, IndexRecord, index_record, read_card, wanted_files
from hub_server.contents.snapshots import Snapshot, shown
from hub_server.db.tables.repos import Kind
from hub_server.git import list_tree

README = "README.md"
MOST_FILES = 5000
"""So many paths tell what a repository is; the next hundred thousand say the same."""
SMALL = 2_000_000


def card_of(snapshot: Snapshot) -> Card:
    """The card, empty where there is no README or one that is no text."""
    return read_card(snapshot.read(README) or b"")


def record_of(snapshot: Snapshot, kind: Kind, region: str) -> IndexRecord:
    """What the catalog keeps of this revision."""
    card = card_of(snapshot)
    files = list(some_files(snapshot))
    wanted = wanted_files(kind, card, files)
    contents = {name: data for name in wanted if (data := snapshot.read(name, limit=SMALL))}
    return index_record(kind, card, files, contents, region=region)


def some_files(snapshot: Snapshot, limit: int = MOST_FILES) -> Iterator[str]:
    """Paths of files, the upper folders first, at most `limit`."""
    waiting: deque[tuple[bytes, str]] = deque([(b"", snapshot.tree)])
    left = limit
    while waiting and left > 0:
        prefix, tree = waiting.popleft()
        for entry in list_tree(snapshot.objects, tree):
            if entry.is_tree:
                waiting.append((prefix + entry.name + b"/", entry.id))
            elif left > 0 and not entry.is_submodule:
                left -= 1
                yield shown(prefix + entry.name)

