"""Open packs, shared by all requests of this process and safe to use while they are let go."""

import contextlib
import threading
import weakref
from collections import OrderedDict

from hub_server.git.packs import Pack
from hub_server.gitstore.cache import PackCache
from hub_server.gitstore.records import PackRecord

HANDLES = 2000
"""Small packs are read into memory; only the others cost two descriptors each."""
ATTEMPTS = 5


class OpenPacks:
    """The `limit` packs used last stay open; who still reads another keeps it open themselves.

    Nothing is ever closed under a reader: dropping the last reference releases the files.
    """

    def __init__(self, cache: PackCache, *, limit: int = HANDLES) -> None:
        self.cache = cache
        self.limit = limit
        self._recent: OrderedDict[str, Pack] = OrderedDict()
        self._alive: weakref.WeakValueDictionary[str, Pack] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def get(self, repo_id: int, record: PackRecord) -> Pack:
        """The open pack, fetched first where this node lacks it; see `PackCache.ensure`."""
        with self._lock:
            pack = self._recent.get(record.name) or self._alive.get(record.name)
            if pack is not None and not pack.is_whole:
                self._recent.pop(record.name, None)
                self._alive.pop(record.name, None)
                self.cache.suspect([record.name])
                pack = None
            if pack is not None:
                self._keep(record.name, pack)
                return pack
        opened = self._open(repo_id, record)
        with self._lock:
            pack = self._alive.setdefault(record.name, opened)
            self._keep(record.name, pack)
        return pack

    def forget(self, name: str) -> None:
        with self._lock:
            self._recent.pop(name, None)

    def _open(self, repo_id: int, record: PackRecord) -> Pack:
        """A reader with a newer list may drop the files of ours between the two steps."""
        for _ in range(ATTEMPTS - 1):
            with contextlib.suppress(FileNotFoundError):
                return Pack.open(*self.cache.ensure(repo_id, record))
        return Pack.open(*self.cache.ensure(repo_id, record))

    def _keep(self, name: str, pack: Pack) -> None:
        self._recent[name] = pack
        self._recent.move_to_end(name)
        while len(self._recent) > self.limit:
            self._recent.popitem(last=False)
