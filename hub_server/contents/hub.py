"""The parts of one running hub, as the composition root put them together."""

from dataclasses import dataclass, field
from functools import cached_property

from hub_server.blobs import BlobStore, Incoming
from hub_server.contents.memory import Memory
from hub_server.db import Database
from hub_server.events import HEARING, Events
from hub_server.git import GitProgram
from hub_server.gitstore import GitStore
from hub_server.keys import Keys
from hub_server.objects import Objects
from hub_server.settings import Settings
from hub_server.usage import Counter


@dataclass(frozen=True)
class Hub:
    """`incoming` takes large files on the blob store's file system, `spool` request bodies.

    `git_program` is None where there is no git command: fetches and pushes work without it.
    """

    settings: Settings
    database: Database
    blobs: BlobStore
    incoming: Incoming
    spool: Incoming
    git: GitStore
    git_program: GitProgram | None
    objects: Objects
    keys: Keys
    events: Events
    memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        self.database.session_info[HEARING] = self.events

    @cached_property
    def downloads(self) -> Counter:
        """Counts them once it has been started, which only servers do."""
        return Counter(self.database, self.keys.derive("downloads"))

    def close(self) -> None:
        self.incoming.close()
        self.spool.close()
        self.database.dispose()
