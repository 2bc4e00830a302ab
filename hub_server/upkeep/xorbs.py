"""Files stored as chunks: xorbs are the bytes that were recorded, and terms give the files."""

import mmap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub_server.chunks import BadXorb, FileHash, XorbIndex, check_xorb, to_text
from hub_server.db.tables.objects import ObjectLink
from hub_server.db.tables.xet import XetTerm, Xorb
from hub_server.objects import xorb_key
from hub_server.upkeep.findings import Finding
from hub_server.upkeep.looking import Look, Problem
from hub_server.upkeep.users import shown, users

AT_ONCE = 64
WORKERS = 4
AGAIN = "have somebody who has the files send them again."
ADVICE = {
    "missing": "Bring it back from a backup of the store, or " + AGAIN,
    "truncated": "Bring it back from a backup of the store, or " + AGAIN,
    "altered": "Bring it back from a backup of the store; or remove it there and " + AGAIN,
    "unreadable": "Look at the disk, then bring it back from a backup of the store.",
    "index": "Bring the rows back from a backup; or remove it in the store and " + AGAIN,
}


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    hash: str
    sha256: str
    size: int
    chunks: int
    index: bytes

    @property
    def key(self) -> str:
        return xorb_key(self.sha256)


def check_xorbs(look: Look, repo_id: int | None = None) -> Iterator[Finding]:
    """Each xorb once, however many files use it; those of one repository's files only."""
    after = 0
    with ThreadPoolExecutor(WORKERS, "fsck") as pool:
        while rows := _rows(look, repo_id, after):
            after = rows[-1].id
            problems = pool.map(partial(_problem, look), rows)
            for row, problem in zip(rows, problems, strict=True):
                if problem is not None:
                    yield from _confirmed(look, row)


def _rows(look: Look, repo_id: int | None, after: int, limit: int = AT_ONCE) -> list[_Row]:
    columns = (Xorb.id, Xorb.hash, Xorb.sha256, Xorb.size, Xorb.chunks, Xorb.index)
    statement = select(*columns).where(Xorb.id > after).order_by(Xorb.id).limit(limit)
    if repo_id is not None:
        here = ObjectLink.object_id == XetTerm.object_id
        used = select(XetTerm.xorb_id).join(ObjectLink, here).where(ObjectLink.repo_id == repo_id)
        statement = statement.where(Xorb.id.in_(used))
    with look.hub.database.read() as session:
        return [_Row(*row) for row in session.execute(statement)]


def _problem(look: Look, row: _Row) -> Problem | None:
    try:
        index = XorbIndex.from_bytes(row.index)
    except BadXorb as failure:
        return Problem("index", f"The row of the xorb {row.hash} is damaged: {failure}")
    told = (row.chunks, row.size, row.hash)
    if (index.count, index.size, to_text(index.xorb_hash())) != told:
        return Problem("index", f"The index of the xorb {row.hash} is that of another one.")
    with ExitStack() as stack:
        local = look.hub.blobs.local_path(row.key)
        copy = None
        if local is None and not look.fast:
            copy = stack.enter_context(look.hub.git.work_folder()) / row.sha256
        problem = look.problem(row.key, row.size, row.sha256, copy=copy)
        if problem is None and not look.fast:
            problem = _unlike(row, copy or local)
    return problem


def _unlike(row: _Row, path: Path | None) -> Problem | None:
    """What the bytes say themselves against what was recorded of them."""
    if path is None:
        return None
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
            if check_xorb(view).to_bytes() == row.index:
                return None
    except (BadXorb, ValueError) as failure:
        return Problem("index", f"{row.key} is no xorb: {failure}")
    except FileNotFoundError:
        return Problem("missing", f"{row.key} is not in the store.")
    return Problem("index", f"{row.key} has other chunks than its row says.")


def _confirmed(look: Look, row: _Row) -> Iterator[Finding]:
    """Look once more at what the row says now: it may have been collected meanwhile."""
    rows = [each for each in _rows(look, None, row.id - 1, 1) if each.id == row.id]
    problem = _problem(look, rows[0]) if rows else None
    if problem is None:
        return
    with look.hub.database.read() as session:
        names = users(session, select(XetTerm.object_id).where(XetTerm.xorb_id == row.id))
    message = f"{problem.message} It is used by {shown(names)}."
    yield Finding(
        "error" if names else "note",
        f"xorb-{problem.code}",
        rows[0].key,
        message,
        names[0] if names else "",
        ADVICE[problem.code] if names else "",
    )


def terms_problem(look: Look, object_id: int, size: int, file_hash: str) -> Problem | None:
    """None if the terms lie inside their xorbs and give a file of that size and, unless `fast`,
    of that hash."""
    walk = _Walk(FileHash(), fast=look.fast)
    try:
        while walk.wrong is None:
            with look.hub.database.read() as session:
                some = _terms(session, object_id, walk.position)
            if not some:
                break
            for term in some:
                walk.step(*term)
    except BadXorb:
        walk.wrong = f"are of a xorb whose row is damaged, from byte {walk.offset} on"
    words = walk.wrong
    if words is None and walk.offset != size:
        words = f"give {walk.offset} bytes instead of {size}"
    if words is None and not look.fast and to_text(walk.hash.digest()) != file_hash:
        words = "give a file of another hash"
    return None if words is None else Problem("terms", f"The terms of {file_hash} {words}.")


def _terms(session: Session, object_id: int, position: int) -> list[tuple[Any, XorbIndex]]:
    rows = session.execute(
        select(XetTerm, Xorb.index)
        .join(Xorb, Xorb.id == XetTerm.xorb_id)
        .where(XetTerm.object_id == object_id, XetTerm.position >= position)
        .order_by(XetTerm.position)
        .limit(AT_ONCE)
    )
    indexes: dict[int, XorbIndex] = {}
    found = []
    for term, data in rows:
        if term.xorb_id not in indexes:
            indexes[term.xorb_id] = XorbIndex.from_bytes(data)
        found.append((term, indexes[term.xorb_id]))
    return found


@dataclass
class _Walk:
    """Along the terms of a file; `wrong` is the first thing that cannot be."""

    hash: FileHash
    fast: bool
    position: int = 0
    offset: int = 0
    wrong: str | None = None

    def step(self, term: Any, index: XorbIndex) -> None:
        if self.wrong is not None:
            return
        if (term.position, term.offset) != (self.position, self.offset):
            self.wrong = f"have a gap at byte {self.offset}"
        elif not 0 <= term.first_chunk < term.end_chunk <= index.count:
            self.wrong = f"name chunks at byte {self.offset} that their xorb has not"
        elif index.unpacked_size(term.first_chunk, term.end_chunk) != term.length:
            self.wrong = f"tell another length at byte {self.offset} than their xorb"
        elif not self.fast:
            span = (term.first_chunk, term.end_chunk)
            self.hash.add(index.hashes_of(*span), index.lengths(*span))
        self.position += 1
        self.offset += term.length
