"""Serves fetches: protocol 0 and 1 over stateless HTTP, and protocol 2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from hub_server.git.errors import BadProtocol, GitError, NotOurRef
from hub_server.git.fetching import Fetch
from hub_server.git.fetchrequest import (
    REQUEST_BYTES,
    FetchRequest,
    object_id,
    read_have,
    read_v0,
    read_v2,
)
from hub_server.git.pktline import (
    DELIM_PKT,
    ERROR_BAND,
    FLUSH_PKT,
    PACK_BAND,
    PROGRESS_BAND,
    Mark,
    Out,
    PktReader,
    Readable,
    banded,
    error_pkt,
    pkt,
    sink,
)
from hub_server.git.shallow import Cut
from hub_server.git.sources import FetchSource, head_line, visible_refs
from hub_server.git.subprocesses import GitProgram

_PREFIXES: Final = 10_000
_INFO_IDS: Final = 100_000


def upload_pack(
    source: FetchSource,
    *,
    protocol: int,
    body: Readable,
    out: Out | BinaryIO,
    git: GitProgram | None = None,
) -> None:
    """Answer one POST to `git-upload-pack`, in protocol 0, 1 or 2.

    A refusal is written for the client (an `ERR` packet, or the error band within a pack) and
    then raised as GitError: an answer that ended so is not to be kept. `git` None serves without
    a git program. What `out` raises ends the work at once.
    """
    answer = _Answer(sink(out))
    try:
        if protocol == 2:  # noqa: PLR2004  (the version's own number)
            _serve_v2(source, PktReader(body, limit=REQUEST_BYTES), answer, git)
        else:
            _serve_v0(source, PktReader(body, limit=REQUEST_BYTES), answer, git)
    except GitError as error:
        answer.fail(error)
        raise


class _Answer:
    """Writes packets; knows whether they go through the side-band."""

    def __init__(self, out: Out) -> None:
        self.out = out
        self.sideband_all = False
        self.band_data: int | None = None

    def line(self, text: bytes) -> None:
        self.out(pkt(b"%c%s\n" % (PACK_BAND, text) if self.sideband_all else text + b"\n"))

    def mark(self, packet: bytes) -> None:
        self.out(packet)

    def on_pack(self, data: bytes) -> None:
        if not self.band_data:
            self.out(data)
            return
        for packet in banded(PACK_BAND, data, chunk=self.band_data):
            self.out(packet)

    def on_progress(self, data: bytes) -> None:
        if self.band_data:
            for packet in banded(PROGRESS_BAND, data, chunk=self.band_data):
                self.out(packet)

    def fail(self, error: GitError) -> None:
        if self.band_data:
            sentence = f"{error}\n".encode()[: self.band_data]
            self.out(b"".join(banded(ERROR_BAND, sentence)) + FLUSH_PKT)
        elif self.band_data is None:
            self.out(error_pkt(str(error)))


def _send_pack(fetch: Fetch, cut: Cut, answer: _Answer, git: GitProgram | None) -> None:
    answer.band_data = fetch.request.band_data
    fetch.send_pack(cut, git, answer.on_pack, answer.on_progress)
    if answer.band_data:
        answer.mark(FLUSH_PKT)


# Protocol 0 and 1 ---------------------------------------------------------------------------


def _serve_v0(
    source: FetchSource, reader: PktReader, answer: _Answer, git: GitProgram | None
) -> None:
    request = read_v0(reader)
    if not request.wants:
        return
    fetch = Fetch.of(source, request)
    cut = fetch.cut()
    if request.depth or request.since is not None or request.not_refs:
        _shallow_lines(cut, answer)
        answer.mark(FLUSH_PKT)
    packet = reader.read()
    if packet is None:
        return  # the client reads where history is cut, and comes back with what it has
    if _Negotiation(fetch, reader, answer).run(packet):
        _send_pack(fetch, cut, answer, git)


class _Negotiation:
    """The exchange of haves and acknowledgements of protocol 0, one request at a time."""

    def __init__(self, fetch: Fetch, reader: PktReader, answer: _Answer) -> None:
        self.fetch = fetch
        self.reader = reader
        self.answer = answer
        self.multi_ack = fetch.request.multi_ack
        self.last = b""
        self.found_common = False
        self.met_unknown = False
        self.ready = False

    def run(self, packet: bytes | Mark | None) -> bool:
        """Whether the pack is to be sent now; else the client makes another request."""
        while isinstance(packet, bytes):
            have = read_have(packet)
            if have is None:
                self._final()
                return True
            self._have(have)
            packet = self.reader.read()
        return self._pause()

    def _have(self, have: str) -> None:
        self.fetch.request.haves[have] = None
        known = self.fetch.has(have)
        if known:
            self.found_common = True
            self.last = have.encode()
            first = len(self.fetch.common) == 1
            if self.multi_ack:
                word = b"common" if self.multi_ack == 2 else b"continue"  # noqa: PLR2004
                self._ack(self.last, word)
            elif first:
                self._ack(self.last)
            return
        self.met_unknown = True
        if self.multi_ack and self.fetch.common and self.fetch.is_ready():
            self.ready = self.multi_ack == 2  # noqa: PLR2004  (detailed)
            self.last = have.encode() if not self.last else self.last
            self._ack(have.encode(), b"ready" if self.ready else b"continue")

    def _pause(self) -> bool:
        detailed = self.multi_ack == 2  # noqa: PLR2004
        if detailed and self.found_common and not self.met_unknown and self.fetch.is_ready():
            self.ready = True
            self._ack(self.last, b"ready")
        if not self.fetch.common or self.multi_ack:
            self.answer.line(b"NAK")
        if self.fetch.request.no_done and self.ready:
            self._ack(self.last)
            return True
        return False

    def _final(self) -> None:
        if not self.fetch.common:
            self.answer.line(b"NAK")
        elif self.multi_ack:
            self._ack(self.last)

    def _ack(self, object_id: bytes, word: bytes = b"") -> None:
        self.answer.line(b"ACK %s %s" % (object_id, word) if word else b"ACK " + object_id)


# Protocol 2 ---------------------------------------------------------------------------------


def _serve_v2(
    source: FetchSource, reader: PktReader, answer: _Answer, git: GitProgram | None
) -> None:
    command, arguments = _read_command(reader)
    if command == b"ls-refs":
        _ls_refs(source, arguments, answer)
    elif command == b"fetch":
        _fetch_v2(source, read_v2(arguments), answer, git)
    elif command == b"object-info":
        _object_info(source, arguments, answer)
    elif command is not None:
        raise BadProtocol("unknown command '{name}'", name=command[:100].decode("utf-8", "replace"))


def _read_command(reader: PktReader) -> tuple[bytes | None, Iterator[bytes]]:
    """The command and its arguments; None for a request without one."""
    command: bytes | None = None
    while isinstance(packet := reader.read(), bytes):
        key, _, value = packet.partition(b"=")
        if key == b"command" and command is None:
            command = value
        elif key == b"object-format" and value != b"sha1":
            raise BadProtocol("This server stores objects by SHA-1 only")
        elif key not in _V2_CAPABILITIES:
            raise BadProtocol(
                "unknown capability '{name}'", name=packet[:100].decode("utf-8", "replace")
            )
    if packet is Mark.DELIM:
        if command is None:
            raise BadProtocol("no command requested")
        return command, reader.lines()
    return command, iter(())


_V2_CAPABILITIES = (b"agent", b"object-format", b"server-option", b"session-id")


def _ls_refs(source: FetchSource, arguments: Iterator[bytes], answer: _Answer) -> None:
    flags: set[bytes] = set()
    prefixes: list[bytes] = []
    for line in arguments:
        if line.startswith(b"ref-prefix "):
            prefixes.append(line[11:])
        elif line in (b"peel", b"symrefs", b"unborn"):
            flags.add(line)
        else:
            raise BadProtocol("unexpected line: '{line}'", line=line[:100].decode(errors="replace"))
    if len(prefixes) > _PREFIXES:
        prefixes = []
    if not prefixes or b"HEAD".startswith(tuple(prefixes)):
        _ls_head(source, flags, answer)
    for ref in visible_refs(source, prefixes or None):
        peeled = b" peeled:" + ref.peeled.encode() if ref.peeled and b"peel" in flags else b""
        answer.line(b"%s %s%s" % (ref.id.encode(), ref.name, peeled))
    answer.mark(FLUSH_PKT)


def _ls_head(source: FetchSource, flags: set[bytes], answer: _Answer) -> None:
    if source.head is None:
        return
    target = b" symref-target:" + source.head if b"symrefs" in flags else b""
    head = head_line(source)
    if head:
        answer.line(b"%s HEAD%s" % (head.id.encode(), target))
    elif b"unborn" in flags:
        answer.line(b"unborn HEAD" + target)


def _object_info(source: FetchSource, arguments: Iterator[bytes], answer: _Answer) -> None:
    ids: list[str] = []
    wants_size = False
    for line in arguments:
        if line == b"size":
            wants_size = True
        elif line.startswith(b"oid ") and len(ids) < _INFO_IDS:
            ids.append(object_id(line[4:]))
        else:
            raise BadProtocol("unexpected line: '{line}'", line=line[:100].decode(errors="replace"))
    if wants_size:
        answer.line(b"size")
    visible = source.is_fetchable(list(dict.fromkeys(ids))) if ids else set()
    for wanted in ids:
        size = str(source.objects.size(wanted)) if wanted in visible else ""
        answer.line(f"{wanted} {size}".encode() if wants_size else wanted.encode())
    answer.mark(FLUSH_PKT)


def _fetch_v2(
    source: FetchSource, request: FetchRequest, answer: _Answer, git: GitProgram | None
) -> None:
    answer.sideband_all = request.sideband_all
    named = _wanted_refs(source, request)
    if not request.wants and not (request.wait_for_done and request.haves):
        return
    fetch = Fetch.of(source, request)
    if request.haves and not _acknowledge(fetch, answer):
        answer.mark(FLUSH_PKT)
        return
    cut = fetch.cut()
    if request.depth or request.since is not None or request.not_refs or request.shallow:
        answer.line(b"shallow-info")
        _shallow_lines(cut, answer)
        answer.mark(DELIM_PKT)
    if named:
        answer.line(b"wanted-refs")
        for name, value in named.items():
            answer.line(b"%s %s" % (value.encode(), name))
        answer.mark(DELIM_PKT)
    answer.line(b"packfile")
    _send_pack(fetch, cut, answer, git)


def _acknowledge(fetch: Fetch, answer: _Answer) -> bool:
    """Say which haves are common; whether the pack follows in this answer."""
    request = fetch.request
    common = [have for have in request.haves if fetch.has(have)]
    if request.done:
        return True
    answer.line(b"acknowledgments")
    if not common:
        answer.line(b"NAK")
    for have in common:
        answer.line(b"ACK " + have.encode())
    if request.wait_for_done or not common or not fetch.is_ready():
        return False
    answer.line(b"ready")
    answer.mark(DELIM_PKT)
    return True


def _wanted_refs(source: FetchSource, request: FetchRequest) -> dict[bytes, str]:
    """What the refs that are wanted by name stand at; they become wants."""
    if not request.want_refs:
        return {}
    known = {line.name: line.id for line in visible_refs(source, list(request.want_refs))}
    head = head_line(source)
    if head:
        known[b"HEAD"] = head.id
    named: dict[bytes, str] = {}
    for name in request.want_refs:
        if name not in known:
            raise NotOurRef(name.decode("utf-8", "replace"))
        named[name] = known[name]
    request.wants.update(dict.fromkeys(named.values()))
    return named


def _shallow_lines(cut: Cut, answer: _Answer) -> None:
    for commit in cut.shallow:
        answer.line(b"shallow " + commit.encode())
    for commit in cut.unshallow:
        answer.line(b"unshallow " + commit.encode())
