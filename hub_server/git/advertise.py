"""What `info/refs` answers: refs and capabilities. Protocol 2 is constant, 0 and 1 list refs.

Each capability named here is implemented in `uploadpack` or `receivepack`; nothing else is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hub_server.git.pktline import FLUSH_PKT, pkt
from hub_server.git.sources import FetchSource, RefLine, head_line, visible_refs
from hub_server.git.types import NULL_ID

PROTOCOL_V2 = 2
AGENT = b"agent=hub-server/1"

FETCH_FEATURES = b"fetch=shallow wait-for-done filter ref-in-want sideband-all"
V2_CAPABILITIES = (
    AGENT,
    b"ls-refs=unborn",
    FETCH_FEATURES,
    b"server-option",
    b"object-format=sha1",
    b"object-info",
)

UPLOAD_CAPABILITIES = (
    b"multi_ack",
    b"thin-pack",
    b"side-band",
    b"side-band-64k",
    b"ofs-delta",
    b"shallow",
    b"deepen-since",
    b"deepen-not",
    b"deepen-relative",
    b"no-progress",
    b"include-tag",
    b"multi_ack_detailed",
    b"allow-tip-sha1-in-want",
    b"allow-reachable-sha1-in-want",
    b"no-done",
    b"filter",
    b"object-format=sha1",
)

RECEIVE_CAPABILITIES = (
    b"report-status",
    b"report-status-v2",
    b"delete-refs",
    b"side-band-64k",
    b"quiet",
    b"atomic",
    b"ofs-delta",
    b"push-options",
    b"object-format=sha1",
)


def advertise_upload_pack(source: FetchSource, protocol: int) -> Iterator[bytes]:
    """The whole body of `info/refs?service=git-upload-pack`, in protocol 0, 1 or 2."""
    if protocol == PROTOCOL_V2:
        yield pkt(b"version 2\n")
        for capability in V2_CAPABILITIES:
            yield pkt(capability + b"\n")
        yield FLUSH_PKT
        return
    yield pkt(b"# service=git-upload-pack\n") + FLUSH_PKT
    if protocol == 1:
        yield pkt(b"version 1\n")
    head = head_line(source)
    capabilities = list(UPLOAD_CAPABILITIES)
    if head and source.head:
        capabilities.append(b"symref=HEAD:" + source.head)
    lines = visible_refs(source, None)
    yield from _ref_lines([head, *lines] if head else lines, [*capabilities, AGENT])


def advertise_receive_pack(source: FetchSource, protocol: int = 0) -> Iterator[bytes]:
    """The whole body of `info/refs?service=git-receive-pack`; pushes have no protocol 2.

    All refs are listed, so that a client can see what it replaces under `refs/pr/`.
    """
    yield pkt(b"# service=git-receive-pack\n") + FLUSH_PKT
    if protocol == 1:
        yield pkt(b"version 1\n")
    lines = [RefLine(line.name, line.id) for line in source.refs([b"refs/"])]
    yield from _ref_lines(lines, [*RECEIVE_CAPABILITIES, AGENT])


def _ref_lines(lines: Sequence[RefLine], capabilities: Sequence[bytes]) -> Iterator[bytes]:
    tail = b"\0" + b" ".join(capabilities)
    if not lines:
        yield pkt(NULL_ID.encode() + b" capabilities^{}" + tail + b"\n") + FLUSH_PKT
        return
    for line in lines:
        yield pkt(b"%s %s%s\n" % (line.id.encode(), line.name, tail))
        tail = b""
        if line.peeled:
            yield pkt(b"%s %s^{}\n" % (line.peeled.encode(), line.name))
    yield FLUSH_PKT
