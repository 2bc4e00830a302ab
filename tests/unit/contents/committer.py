"""Commits to a repository until it is killed; prints each commit once it is done.

python -m tests.unit.contents.committer FOLDER REPO_ID
"""

import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

from sqlalchemy.orm import Session

from hub_server import contents
from hub_server.accounts import OPERATOR
from hub_server.blobs import FileStore, Incoming
from hub_server.contents import AddFile, CommitRequest, Hub
from hub_server.db import Database
from hub_server.db.tables.repos import Repo
from hub_server.events import Events
from hub_server.gitstore import GitStore
from hub_server.keys import Keys
from hub_server.objects import Objects
from hub_server.settings import Settings


def open_hub(folder: Path) -> Hub:
    settings = Settings(data_dir=folder)
    database = Database(settings.database_url)
    blobs = FileStore(folder / "blobs")
    incoming = Incoming(blobs.incoming)
    return Hub(
        settings=settings,
        database=database,
        blobs=blobs,
        incoming=incoming,
        spool=incoming,
        git=GitStore(database, blobs, folder / "cache", 10**9),
        git_program=None,
        objects=Objects(database, blobs, incoming, settings),
        keys=Keys.of("a secret of tests"),
        events=Events(),
    )


def row(session: Session, repo_id: int) -> Repo:
    return session.get_one(Repo, repo_id)


def main(folder: str, repo_id: str) -> None:
    hub = open_hub(Path(folder))
    caller = replace(OPERATOR, name="operator")
    with hub.database.read() as session:
        repo = row(session, int(repo_id))
    print("ready", flush=True)
    for number in count():
        request = CommitRequest("main", [AddFile(f"f{number % 50}", b"%d" % number)], "go on")
        print(contents.commit(hub, caller, repo, request).commit, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
