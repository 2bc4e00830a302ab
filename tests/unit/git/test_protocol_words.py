"""Requests written by hand, for what the stock client asks seldom or never."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from hub_server.git import (
    GitError,
    NotOurRef,
    ObjectMissing,
    PackSet,
    advertise_receive_pack,
    advertise_upload_pack,
    receive,
    upload_pack,
)
from hub_server.git.errors import BadProtocol
from hub_server.git.filters import parse_filter
from hub_server.git.listing import Listing
from hub_server.git.packfiles import IndexLine, write_index
from hub_server.git.packs import Pack
from hub_server.git.packwriter import PackStyle, write_native
from hub_server.git.pktline import Mark, PktReader, banded, pkt, sink
from tests.unit.git.packs_by_hand import (
    BLOB,
    BLOB_ID,
    commit_data,
    creation,
    delta,
    object_id,
    pack_of,
    packed,
    pkt_lines,
    ref_delta,
    tree_data,
    whole,
)
from tests.unit.git.smart_http import PlainSource, Server, git

pytestmark = pytest.mark.git


@pytest.fixture
def source(hub: Server, sample: Path) -> PlainSource:
    git("clone", "-q", "--mirror", sample / "repo", hub.folder / "repo")
    git("repack", "-adq", cwd=hub.folder / "repo")
    return hub.source("repo")


@pytest.fixture
def ids(source: PlainSource) -> dict[str, str]:
    names = ["main", "main~1", "main~4", "side", "v1.0", "v1.0^{}", "main:README.md"]
    values = git("rev-parse", *names, cwd=source.repo).split()
    return dict(zip(names, values, strict=True))


def ask(hub: Server, source: PlainSource, body: bytes, protocol: int = 2) -> bytes:
    out = io.BytesIO()
    stream = io.BytesIO(body)
    upload_pack(source, protocol=protocol, body=stream, out=out, git=hub.program)
    return out.getvalue()


def command(name: str, *arguments: str) -> bytes:
    return (
        pkt_lines(f"command={name}", "object-format=sha1")
        + b"0001"
        + pkt_lines(*arguments)
        + b"0000"
    )


def packets(answer: bytes) -> list[bytes | Mark]:
    reader = PktReader(io.BytesIO(answer), limit=10**9)
    return list(iter(reader.read, None))  # type: ignore[arg-type]


def pack_in(answer: bytes) -> bytes:
    """What came through the first band."""
    lines = packets(answer[answer.index(b"packfile\n") - 4 :])
    return b"".join(line[1:] for line in lines if isinstance(line, bytes) and line[:1] == b"\1")


def listed(pack: bytes, tmp_path: Path) -> dict[str, str]:
    """Ids and kinds of a complete pack, as the stock git reads them."""
    folder = tmp_path / f"listed{random.random()}"
    git("init", "-q", "--bare", folder)
    git("index-pack", "--stdin", cwd=folder, stdin=pack)
    lines = git("cat-file", "--batch-check", "--batch-all-objects", cwd=folder).splitlines()
    return {line.split()[0]: line.split()[1] for line in lines}


def test_the_advertisement_of_protocol_2_is_constant(source: PlainSource) -> None:
    lines = packets(b"".join(advertise_upload_pack(source, 2)))
    assert lines == [
        b"version 2",
        b"agent=hub-server/1",
        b"ls-refs=unborn",
        b"fetch=shallow wait-for-done filter ref-in-want sideband-all",
        b"server-option",
        b"object-format=sha1",
        b"object-info",
        Mark.FLUSH,
    ]


def test_a_push_sees_every_ref(source: PlainSource) -> None:
    git("update-ref", "refs/pr/1", "main", cwd=source.repo)
    answer = b"".join(advertise_receive_pack(PlainSource(source.repo)))
    assert b" refs/pr/1\n" in answer
    assert b"report-status-v2" in answer
    assert b"^{}" not in answer


def test_sizes_of_objects(hub: Server, source: PlainSource, ids: dict[str, str]) -> None:
    blob, unknown = ids["main:README.md"], "1" * 40
    answer = packets(
        ask(hub, source, command("object-info", "size", f"oid {blob}", f"oid {unknown}"))
    )
    size = git("cat-file", "-s", blob, cwd=source.repo)
    assert answer == [b"size", f"{blob} {size}".encode(), f"{unknown} ".encode(), Mark.FLUSH]


def test_refs_wanted_by_name(
    hub: Server, source: PlainSource, ids: dict[str, str], tmp_path: Path
) -> None:
    answer = ask(hub, source, command("fetch", "want-ref refs/heads/side", "done"))
    assert f"{ids['side']} refs/heads/side\n".encode() in answer
    assert listed(pack_in(answer), tmp_path)[ids["side"]] == "commit"
    with pytest.raises(NotOurRef):
        ask(hub, source, command("fetch", "want-ref refs/heads/none", "done"))


def test_everything_can_go_through_the_side_band(
    hub: Server, source: PlainSource, ids: dict[str, str]
) -> None:
    body = command("fetch", "sideband-all", f"want {ids['main']}", f"have {ids['main~4']}")
    lines = packets(ask(hub, source, body))
    assert lines[:3] == [b"\1acknowledgments", b"\1ACK " + ids["main~4"].encode(), b"\1ready"]
    assert lines[3:5] == [Mark.DELIM, b"\1packfile"]
    assert lines[-1] is Mark.FLUSH
    assert all(isinstance(line, bytes) and line[0] in (1, 2) for line in lines[5:-1])


def test_a_client_that_told_too_little_is_asked_for_more(
    hub: Server, source: PlainSource, ids: dict[str, str]
) -> None:
    lines = packets(ask(hub, source, command("fetch", f"want {ids['main']}", f"have {'1' * 40}")))
    assert lines == [b"acknowledgments", b"NAK", Mark.FLUSH]
    body = command("fetch", "wait-for-done", f"want {ids['main']}", f"have {ids['main~1']}")
    assert packets(ask(hub, source, body))[1:] == [b"ACK " + ids["main~1"].encode(), Mark.FLUSH]


def test_a_request_for_nothing_gets_nothing(hub: Server, source: PlainSource) -> None:
    assert ask(hub, source, b"0000") == b""
    assert ask(hub, source, command("fetch", "done")) == b""
    assert ask(hub, source, b"0000", protocol=0) == b""


@pytest.mark.parametrize(
    "body",
    [
        command("push"),
        command("fetch", "want main"),
        command("fetch", "unknown-argument"),
        command("fetch", "deepen 0"),
        command("fetch", "deepen -1"),
        command("fetch", "deepen-since tomorrow"),
        command("fetch", "filter sparse:oid=main"),
        command("fetch", "filter combine:" + "+".join(["tree:1"] * 20)),
        command("ls-refs", "everything"),
        command("object-info", "oid x"),
        pkt_lines("command=fetch", "object-format=sha256") + b"0000",
        pkt_lines("command=fetch", "color=blue") + b"0000",
        pkt_lines("agent=x") + b"0001" + b"0000",
        b"00zz",
        b"0009done",
    ],
)
def test_requests_that_make_no_sense(hub: Server, source: PlainSource, body: bytes) -> None:
    out = io.BytesIO()
    with pytest.raises(BadProtocol) as refusal:
        upload_pack(source, protocol=2, body=io.BytesIO(body), out=out, git=hub.program)
    assert out.getvalue() == pkt(b"ERR " + str(refusal.value).encode() + b"\n")


def test_depth_and_date_exclude_each_other(
    hub: Server, source: PlainSource, ids: dict[str, str]
) -> None:
    body = command("fetch", f"want {ids['main']}", "deepen 1", "deepen-since 5", "done")
    with pytest.raises(BadProtocol, match="cannot be used together"):
        ask(hub, source, body)
    body = command("fetch", f"want {ids['main']}", "deepen-not nowhere", "done")
    with pytest.raises(BadProtocol, match="deepen-not is not a ref"):
        ask(hub, source, body)


def old_request(ids: dict[str, str], capabilities: str, *tail: str) -> bytes:
    return pkt_lines(f"want {ids['main']} {capabilities}".rstrip()) + b"0000" + pkt_lines(*tail)


def test_the_oldest_clients_get_a_bare_pack(
    hub: Server, source: PlainSource, ids: dict[str, str], tmp_path: Path
) -> None:
    answer = ask(hub, source, old_request(ids, "", "done"), protocol=0)
    assert answer.startswith(b"0008NAK\nPACK")
    pack = answer[8:]
    assert ids["main"] in listed(pack, tmp_path)
    opened = open_pack(tmp_path, pack)
    assert all(opened.entry(offset).number != 6 for offset in opened.offsets()), "no ofs-delta"


def open_pack(folder: Path, pack: bytes) -> Pack:
    path = folder / f"{random.random()}.pack"
    path.write_bytes(pack)
    git("index-pack", path, cwd=folder)
    return Pack.open(path, path.with_suffix(".idx"))


def test_small_side_bands(hub: Server, source: PlainSource, ids: dict[str, str]) -> None:
    answer = ask(hub, source, old_request(ids, "side-band", "done"), protocol=0)
    lines = [line for line in packets(answer) if isinstance(line, bytes)]
    assert max(map(len, lines)) <= 996
    assert lines[1].startswith(b"\1PACK") or lines[1].startswith(b"\2")


def test_acknowledgements_of_protocol_0(
    hub: Server, source: PlainSource, ids: dict[str, str]
) -> None:
    known, unknown = ids["main~4"], "1" * 40
    haves = [f"have {known}", f"have {unknown}"]
    plain = packets(ask(hub, source, old_request(ids, "", *haves) + b"0000", protocol=0))
    assert plain == [b"ACK " + known.encode()]
    several = packets(ask(hub, source, old_request(ids, "multi_ack", *haves) + b"0000", protocol=0))
    assert several == [
        f"ACK {known} continue".encode(),
        f"ACK {unknown} continue".encode(),
        b"NAK",
    ]
    detailed = old_request(ids, "multi_ack_detailed", haves[0]) + b"0000"
    assert packets(ask(hub, source, detailed, protocol=0)) == [
        f"ACK {known} common".encode(),
        f"ACK {known} ready".encode(),
        b"NAK",
    ]
    nothing = old_request(ids, "multi_ack_detailed", haves[1]) + b"0000"
    assert packets(ask(hub, source, nothing, protocol=0)) == [b"NAK"]


def test_without_done_the_pack_follows_at_once(
    hub: Server, source: PlainSource, ids: dict[str, str]
) -> None:
    capabilities = "multi_ack_detailed no-done side-band-64k"
    body = old_request(ids, capabilities, f"have {ids['main~4']}") + b"0000"
    answer = ask(hub, source, body, protocol=0)
    ready, final = f"ACK {ids['main~4']} ready\n".encode(), f"ACK {ids['main~4']}\n".encode()
    assert answer.index(ready) < answer.index(b"NAK") < answer.index(final) < answer.index(b"PACK")


def test_a_tag_is_sent_with_what_it_names(
    hub: Server, source: PlainSource, ids: dict[str, str], tmp_path: Path
) -> None:
    bare = command("fetch", f"want {ids['main']}", "done")
    assert ids["v1.0"] not in listed(pack_in(ask(hub, source, bare)), tmp_path)
    with_tags = command("fetch", f"want {ids['main']}", "include-tag", "done")
    assert listed(pack_in(ask(hub, source, with_tags)), tmp_path)[ids["v1.0"]] == "tag"
    newer = command("fetch", "include-tag", f"want {ids['main']}", f"have {ids['main~1']}", "done")
    pack = pack_in(ask(hub, source, newer))
    assert bytes.fromhex(ids["v1.0"]) not in pack


def test_only_objects_of_one_kind(
    hub: Server, source: PlainSource, ids: dict[str, str], tmp_path: Path
) -> None:
    body = command("fetch", "filter object:type=commit", f"want {ids['main']}", "done")
    assert set(listed(pack_in(ask(hub, source, body)), tmp_path).values()) == {"commit"}
    assert parse_filter(b"combine:tree:2+blob:limit=1k+tree:1").spec() == (
        "combine:blob:limit=1024+tree:1"
    )
    with pytest.raises(BadProtocol):
        parse_filter(b"combine:object:type=blob+object:type=tree")


def test_lines_and_bands() -> None:
    assert pkt(b"") == b"0004"
    with pytest.raises(BadProtocol):
        pkt(bytes(65_517))
    assert [len(part) for part in banded(1, bytes(140_000))] == [65_520, 65_520, 8_975]
    reader = PktReader(io.BytesIO(b"0006a\n0004" + b"000200010000"), limit=100)
    assert [reader.read() for _ in range(6)] == [
        b"a", b"", Mark.RESPONSE_END, Mark.DELIM, Mark.FLUSH, None,
    ]  # fmt: skip
    with pytest.raises(GitError, match="more lines"):
        PktReader(io.BytesIO(b"0006ab"), limit=5).read()
    kept: list[bytes] = []
    assert sink(kept.append) == kept.append


class Trickle:
    """A body that gives one byte at a time."""

    def __init__(self, data: bytes) -> None:
        self._stream = io.BytesIO(data)

    def read(self, size: int, /) -> bytes:
        return self._stream.read(min(size, 1))


def test_bodies_may_trickle(hub: Server, source: PlainSource, tmp_path: Path) -> None:
    tree = tree_data((b"100644", b"a", BLOB_ID))
    tip = commit_data(object_id("tree", tree))
    pack = packed({"blob": [BLOB], "tree": [tree], "commit": [tip]})
    body = Trickle(creation(object_id("commit", tip)) + pack)
    push = receive.read_commands(body)
    found = receive.quarantine(
        push, body, source=source, folder=tmp_path,
        limits=receive.ReceiveLimits(), git=hub.program,
    )  # fmt: skip
    assert not found.refused
    assert set(found.new_ids) == {BLOB_ID, object_id("tree", tree), object_id("commit", tip)}
    assert found.pack is not None
    assert found.pack.count == 3
    assert found.objects.read(BLOB_ID) == ("blob", BLOB)


# The native writer -------------------------------------------------------------------------


def grown(data: bytes, more: bytes) -> bytes:
    """The delta that appends to what it builds upon."""
    copy = bytes([0x90, len(data)])
    return delta(len(data), len(data) + len(more), copy + bytes([len(more)]) + more)


def raw_pack(folder: Path, entries: dict[str, bytes]) -> Pack:
    """A pack with its index, taken as it is: bases may lie in other packs."""
    data = pack_of(*entries.values())
    lines, at = [], 12
    for name, entry in entries.items():
        lines.append(IndexLine(bytes.fromhex(name), 0, at))
        at += len(entry)
    stem = folder / f"pack-{data[-20:].hex()}"
    stem.with_suffix(".pack").write_bytes(data)
    write_index(lines, data[-20:], stem.with_suffix(".idx"))
    return Pack.open(stem.with_suffix(".pack"), stem.with_suffix(".idx"))


def write(objects: PackSet, names: list[str], known: set[str], style: PackStyle) -> bytes:
    out = io.BytesIO()
    listing = Listing(
        dict.fromkeys(map(bytes.fromhex, names)), set(map(bytes.fromhex, known)), set()
    )
    assert write_native(objects, listing, style, out.write) == len(names)
    return out.getvalue()


def test_deltas_across_packs_are_never_a_ring(tmp_path: Path) -> None:
    """Two packs may each hold as a delta what the other's delta builds upon."""
    short, long, other = b"0123456789", b"0123456789a", b"other"
    a, b, c = (object_id("blob", data) for data in (short, long, other))
    cut = delta(len(long), len(short), bytes([0x90, len(short)]))
    first = raw_pack(tmp_path, {b: whole("blob", long), a: ref_delta(b, cut)})
    second = raw_pack(
        tmp_path,
        {
            c: whole("blob", other),
            a: whole("blob", short),
            b: ref_delta(a, grown(short, b"a")),
        },
    )
    pack = write(PackSet([first, second]), [a, c, b], set(), PackStyle())
    assert set(listed(pack, tmp_path)) == {a, b, c}


def test_bases_are_sent_before_their_deltas(tmp_path: Path) -> None:
    data = [b"0123456789" + b"x" * n for n in range(5)]
    names = [object_id("blob", each) for each in data]
    packs = [raw_pack(tmp_path, {names[0]: whole("blob", data[0])})]
    for n in range(1, 5):
        entry = ref_delta(names[n - 1], grown(data[n - 1], b"x"))
        packs.append(raw_pack(tmp_path, {names[n]: entry}))
    for style in (PackStyle(), PackStyle(ofs_delta=False)):
        pack = write(PackSet(packs), names[::-1], set(), style)
        assert set(listed(pack, tmp_path)) == set(names)
    lonely = write(PackSet(packs), [names[4], names[2]], set(), PackStyle())
    assert set(listed(lonely, tmp_path)) == {names[4], names[2]}
    with pytest.raises(ObjectMissing):
        write(PackSet(packs), ["1" * 40], set(), PackStyle())


def test_a_thin_pack_builds_upon_what_the_client_has(tmp_path: Path) -> None:
    old, new = b"0123456789" * 9, b"0123456789" * 9 + b"x"
    names = [object_id("blob", old), object_id("blob", new)]
    packs = PackSet(
        [
            raw_pack(
                tmp_path,
                {names[0]: whole("blob", old), names[1]: ref_delta(names[0], grown(old, b"x"))},
            )
        ]
    )
    thin = write(packs, names[1:], {names[0]}, PackStyle(thin=True))
    assert bytes.fromhex(names[0]) in thin
    fat = write(packs, names[1:], {names[0]}, PackStyle(thin=False))
    assert set(listed(fat, tmp_path)) == {names[1]}


def test_a_pack_wanted_whole_is_copied_whole(source: PlainSource, tmp_path: Path) -> None:
    (pack,) = source.objects.packs
    names = [raw.hex() for raw, _ in pack.ids()]
    assert write(source.objects, names, set(), PackStyle()) == pack.pack_path.read_bytes()
    other = write(source.objects, names, set(), PackStyle(ofs_delta=False))
    assert set(listed(other, tmp_path)) == set(names)


def test_mutated_objects(hub: Server, tmp_path: Path) -> None:
    """Trees and commits whose bytes are wrong beneath a sound pack."""
    hub.create()
    source = hub.source("repo")
    inner = tree_data((b"100644", b"a", BLOB_ID), (b"100755", b"b", BLOB_ID))
    rng = random.Random(11)
    accepted = 0
    for number in range(300 if hub.program is None else 60):
        tree = damaged(tree_data((b"40000", b"d", object_id("tree", inner))), rng, number % 3 == 0)
        tip = damaged(commit_data(object_id("tree", tree)), rng, number % 3 == 1)
        pack = packed({"blob": [BLOB], "tree": [inner, tree], "commit": [tip]})
        body = io.BytesIO(creation(object_id("commit", tip)) + pack)
        folder = tmp_path / f"q{number}"
        folder.mkdir()
        try:
            found = receive.quarantine(
                receive.read_commands(body), body, source=source, folder=folder,
                limits=receive.ReceiveLimits(), git=hub.program,
            )  # fmt: skip
        except GitError:
            continue
        accepted += not found.refused
    assert accepted >= (100 if hub.program is None else 20), "a third is not damaged"


def damaged(data: bytes, rng: random.Random, really: bool) -> bytes:
    if not really:
        return data
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.randint(0, 3)) + data[at + rng.randint(0, 2) :]
