"""A worker of its own process, for tests that kill it: `converter FOLDER DATABASE FAULT`."""

import sys
from pathlib import Path

from hub_server import faults
from hub_server.blobs import FileStore, Incoming
from hub_server.chunks import packing as chunk_packing
from hub_server.db import Database
from hub_server.jobs import Worker
from hub_server.objects import Objects, conversion, handlers, packing
from hub_server.settings import Settings


def main(folder: Path, url: str, fault: str) -> None:
    chunk_packing.MOST_UNPACKED, packing.SLICE, conversion.PAUSE = 300_000, 700_000, 0.0
    blobs = FileStore(folder / "blobs")
    incoming = Incoming(folder / "blobs/incoming")
    database = Database(url)
    objects = Objects(database, blobs, incoming, Settings(data_dir=folder))
    faults.arm(fault)
    worker = Worker(database, handlers(objects), idle_seconds=0.01)
    worker.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
