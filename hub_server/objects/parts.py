"""What the doors to large files (`lfs`, `xet`) need of a hub."""

from typing import Protocol

from hub_server.blobs import Incoming
from hub_server.db import Database
from hub_server.keys import Keys
from hub_server.objects.store import Objects
from hub_server.settings import Settings


class HubParts(Protocol):
    """The composition root's `Hub` has them all."""

    @property
    def settings(self) -> Settings: ...
    @property
    def database(self) -> Database: ...
    @property
    def incoming(self) -> Incoming: ...
    @property
    def objects(self) -> Objects: ...
    @property
    def keys(self) -> Keys: ...
