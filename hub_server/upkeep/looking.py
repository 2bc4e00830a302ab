"""What all checks share: the hub, how closely to look, and whether a blob is what was recorded."""

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hub_server.blobs import CHUNK, BlobMissing, StoreUnavailable
from hub_server.contents import Hub
from hub_server.upkeep.meters import Meter


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a blob is not the recorded one; `code` is missing, truncated, altered or unreadable."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Look:
    """`fast` compares sizes and reads no blob to the end."""

    hub: Hub
    meter: Meter
    fast: bool = False

    def problem(
        self, key: str, size: int, sha256: str, *, copy: Path | None = None
    ) -> Problem | None:
        """None if the blob has the recorded size and, unless `fast`, hash; `copy` keeps it.

        Raises StoreUnavailable if the store as a whole does not answer.
        """
        try:
            return self._compared(key, size, sha256, copy)
        except BlobMissing:
            return Problem("missing", f"{key} is not in the store.")
        except StoreUnavailable as failure:
            self.hub.blobs.check()
            return Problem("unreadable", f"{key} cannot be read: {failure}")

    def _compared(self, key: str, size: int, sha256: str, copy: Path | None) -> Problem | None:
        found = self.hub.blobs.size(key)
        if found is None:
            raise BlobMissing(key)
        if found != size:
            return Problem("truncated", f"{key} has {found} bytes instead of {size}.")
        digest = sha256 if self.fast else self._digest(key, copy)
        if digest != sha256:
            return Problem("altered", f"{key} has the sha256 {digest} instead of {sha256}.")
        return None

    def _digest(self, key: str, copy: Path | None) -> str:
        digest = hashlib.sha256()
        with ExitStack() as stack:
            source = stack.enter_context(self.hub.blobs.open(key))
            file: BinaryIO | None = stack.enter_context(copy.open("wb")) if copy else None
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                self.meter.add(size=len(chunk))
                if file is not None:
                    file.write(chunk)
        return digest.hexdigest()
