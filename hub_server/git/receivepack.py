"""What a push says before its pack, and the report it gets. Knows no storage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hub_server.git.errors import BadProtocol
from hub_server.git.pktline import (
    FLUSH_PKT,
    PACK_BAND,
    PROGRESS_BAND,
    Mark,
    PktReader,
    Readable,
    banded,
    pkt,
)
from hub_server.git.types import NULL_ID, ObjectId

COMMAND_BYTES: Final = 32_000_000
"""Most bytes of commands and options of one push."""
_LINE = re.compile(rb"([0-9a-f]{40}) ([0-9a-f]{40}) ([^\0]+)", re.DOTALL)
_OPTIONS: Final = 1000
_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class Command:
    """Move `name` from `old` to `new`; the null id stands for a ref that is not there."""

    name: bytes
    old: ObjectId
    new: ObjectId

    @property
    def creates(self) -> bool:
        return self.old == NULL_ID

    @property
    def deletes(self) -> bool:
        return self.new == NULL_ID

    @property
    def is_idle(self) -> bool:
        """What git sends to delete a ref, named in full, that it has not seen here."""
        return self.creates and self.deletes


@dataclass(frozen=True, slots=True)
class Push:
    """A push up to its pack. Without commands it is a probe: answer 200 with an empty body."""

    commands: tuple[Command, ...] = ()
    capabilities: frozenset[bytes] = frozenset()
    options: tuple[str, ...] = ()
    shallow: tuple[ObjectId, ...] = ()

    @property
    def has_pack(self) -> bool:
        return any(not command.deletes for command in self.commands)

    @property
    def atomic(self) -> bool:
        return b"atomic" in self.capabilities

    @property
    def quiet(self) -> bool:
        return b"quiet" in self.capabilities

    @property
    def agent(self) -> str:
        for capability in self.capabilities:
            if capability.startswith(b"agent="):
                return capability[6:106].decode("ascii", "replace")
        return ""


def read_commands(body: Readable) -> Push:
    """Read a push up to where its pack begins, not a byte further. Raises BadProtocol."""
    reader = PktReader(body, limit=COMMAND_BYTES)
    shallow: list[ObjectId] = []
    commands: dict[bytes, Command] = {}
    capabilities: frozenset[bytes] | None = None
    while (line := reader.read()) is not Mark.FLUSH:
        if line is None and not commands and not shallow:
            return Push()
        if not isinstance(line, bytes):
            raise BadProtocol("The list of ref updates is cut off")
        if line.startswith(b"shallow ") and capabilities is None:
            shallow.append(_object_id(line[8:]))
            continue
        text, nul, tail = line.partition(b"\0")
        if capabilities is None:
            capabilities = frozenset(tail.split())
        elif nul:
            raise BadProtocol("Capabilities belong to the first ref update")
        command = _command(text)
        if command.name in commands:
            raise BadProtocol(
                "multiple updates for ref '{name}' not allowed", name=_text(text[82:])
            )
        commands[command.name] = command
    return _push(reader, commands.values(), capabilities or frozenset(), shallow)


def _push(
    reader: PktReader,
    commands: Iterable[Command],
    capabilities: frozenset[bytes],
    shallow: Sequence[ObjectId],
) -> Push:
    if any(c.startswith(b"object-format=") and c != b"object-format=sha1" for c in capabilities):
        raise BadProtocol("This server stores objects by SHA-1 only")
    options: list[str] = []
    if b"push-options" in capabilities:
        for line in reader.lines():
            options.append(_text(line))
            if len(options) > _OPTIONS:
                raise BadProtocol("Too many push options")
    return Push(tuple(commands), capabilities, tuple(options), tuple(shallow))


def _command(text: bytes) -> Command:
    match = _LINE.fullmatch(text)
    if match is None:
        raise BadProtocol("Not a ref update: {line}", line=_text(text[:100]))
    old, new, name = match.groups()
    return Command(name, old.decode(), new.decode())


def _object_id(text: bytes) -> ObjectId:
    if not re.fullmatch(rb"[0-9a-f]{40}", text):
        raise BadProtocol("Not an object id: {text}", text=_text(text[:100]))
    return text.decode()


def verdicts(push: Push, refused: Mapping[bytes, str]) -> dict[bytes, str | None]:
    """What becomes of each ref when these are refused: in an atomic push, nothing moves."""
    results: dict[bytes, str | None] = {c.name: refused.get(c.name) for c in push.commands}
    if push.atomic and any(results.values()):
        return {name: reason or "atomic push failure" for name, reason in results.items()}
    return results


def report(
    push: Push,
    results: Mapping[bytes, str | None],
    unpack: str | None = None,
    messages: Sequence[str] = (),
) -> Iterator[bytes]:
    """The answer to a push in the client's format.

    `results` holds None for each ref that moved, else why it did not; `unpack` says why no ref
    could; `messages` are sentences that git prints after `remote: `.
    """
    if not push.commands:
        return
    side_band = b"side-band-64k" in push.capabilities
    if side_band:
        for message in messages:
            text = message.replace("\r", " ").rstrip("\n") + "\n"
            yield from banded(PROGRESS_BAND, text.encode())
    lines = b"".join(_status(push, results, unpack))
    if side_band:
        yield from banded(PACK_BAND, lines)
        yield FLUSH_PKT
    else:
        yield lines


def _status(push: Push, results: Mapping[bytes, str | None], unpack: str | None) -> Iterator[bytes]:
    if not {b"report-status", b"report-status-v2"} & push.capabilities:
        return
    yield pkt(b"unpack %s\n" % _line(unpack or "ok"))
    for command in push.commands:
        reason = "unpacker error" if unpack else results.get(command.name, "not updated")
        if reason is None:
            yield pkt(b"ok %s\n" % command.name)
        else:
            yield pkt(b"ng %s %s\n" % (command.name, _line(reason)))
    yield FLUSH_PKT


def _line(text: str) -> bytes:
    return " ".join(text.split())[:_REASON].encode()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
