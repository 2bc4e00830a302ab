"""Bodies that no honest client sends: refused in bounded memory, always as a GitError."""

from __future__ import annotations

import hashlib
import io
import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from hub_server.git import GitError, GitProgram, ProgramFailed, packindex, receive, upload_pack
from hub_server.git.errors import BadPack, BadProtocol, ObjectTooLarge, PushTooLarge
from hub_server.git.receive import Quarantine, ReceiveLimits
from tests.unit.git.packs_by_hand import (
    BLOB,
    BLOB_ID,
    chain_of,
    commands,
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
MEGABYTE = 1_000_000


def receive_body(
    hub: Server, folder: Path, body: bytes, limits: ReceiveLimits | None = None
) -> Quarantine:
    """Read and quarantine a push to the repository `repo`; nothing moves."""
    stream = io.BytesIO(body)
    push = receive.read_commands(stream)
    place = Path(folder, f"q{time.monotonic_ns()}")
    place.mkdir()
    return receive.quarantine(
        push,
        stream,
        source=hub.source("repo"),
        folder=place,
        limits=limits or ReceiveLimits(),
        git=hub.program,
    )


@pytest.fixture
def send(hub: Server, tmp_path: Path) -> Callable[..., Quarantine]:
    """Push a body into an empty repository."""
    hub.create()
    return lambda body, limits=None: receive_body(hub, tmp_path, body, limits)


TREE = tree_data((b"100644", b"a", BLOB_ID))
COMMIT = commit_data(object_id("tree", TREE))
TIP = object_id("commit", COMMIT)
GOOD_PACK = packed({"blob": [BLOB], "tree": [TREE], "commit": [COMMIT]})


def in_bounded_memory(send: Callable[..., Quarantine], body: bytes, error: type[GitError]) -> str:
    """The refusal; fails if it took more than 20 MB to get there."""
    tracemalloc.start()
    try:
        with pytest.raises(error) as refusal:
            send(body)
        assert tracemalloc.get_traced_memory()[1] < 20 * MEGABYTE
    finally:
        tracemalloc.stop()
    return str(refusal.value)


def test_a_delta_bomb(send: Callable[..., Quarantine]) -> None:
    """A few hundred bytes that ask for a gigabyte: 17,000 copies of 65,536 zeros."""
    base = bytes(65_536)
    bomb = delta(len(base), 17_000 * 65_536, b"\x80" * 17_000)
    pack = pack_of(whole("blob", base), ref_delta(object_id("blob", base), bomb))
    assert len(pack) < 300
    words = in_bounded_memory(send, creation(TIP) + pack, ObjectTooLarge)
    assert "1114112000 bytes" in words
    assert "Git LFS" in words


def test_a_bomb_in_many_parts(send: Callable[..., Quarantine]) -> None:
    base = bytes(65_536)
    base_id = object_id("blob", base)
    parts = [
        ref_delta(base_id, delta(len(base), 1500 * 65_536, b"\x80" * 1499 + bytes([0x90, n])))
        for n in range(20)
    ]
    body = creation(TIP) + pack_of(whole("blob", base), *parts)
    assert "unpack to more than" in in_bounded_memory(send, body, PushTooLarge)


def test_a_zip_bomb_that_declares_little(send: Callable[..., Quarantine]) -> None:
    pack = pack_of(whole("blob", bytes(200 * MEGABYTE), declared=10))
    in_bounded_memory(send, creation(TIP) + pack, BadPack)


def test_an_object_above_the_limit(send: Callable[..., Quarantine]) -> None:
    pack = pack_of(whole("blob", bytes(100 * MEGABYTE + 1)))
    assert "Git LFS" in in_bounded_memory(send, creation(TIP) + pack, ObjectTooLarge)


def test_a_delta_whose_result_differs_from_what_it_says(send: Callable[..., Quarantine]) -> None:
    for target, instructions in [(5, b"\x90\x06"), (7, b"\x90\x06"), (6, b"\x91\x03\x06")]:
        lie = ref_delta(BLOB_ID, delta(len(BLOB), target, instructions))
        with pytest.raises(BadPack):
            send(creation(TIP) + pack_of(whole("blob", BLOB), lie))


def test_more_objects_than_allowed(send: Callable[..., Quarantine]) -> None:
    pack = pack_of(whole("blob", BLOB), count=0xFFFFFFFF)
    assert "4294967295 objects" in in_bounded_memory(send, creation(TIP) + pack, PushTooLarge)


def test_a_body_above_the_limit(send: Callable[..., Quarantine]) -> None:
    with pytest.raises(PushTooLarge, match="larger than 100 bytes"):
        send(creation(TIP) + GOOD_PACK, ReceiveLimits(body=100))


def test_a_push_out_of_time(send: Callable[..., Quarantine]) -> None:
    with pytest.raises(GitError, match="seconds"):
        send(creation(TIP) + GOOD_PACK, ReceiveLimits(seconds=0))


@pytest.mark.parametrize("by_offset", [True, False])
def test_a_chain_of_too_many_deltas(send: Callable[..., Quarantine], by_offset: bool) -> None:
    entries, ids = chain_of(30, by_offset=by_offset)
    rng = random.Random(3)
    if not by_offset:
        rng.shuffle(entries)
    body = creation(TIP) + pack_of(*entries)
    found = send(body)
    assert set(found.new_ids) == set(ids)
    assert found.objects.read(ids[-1]) == ("blob", b"0123456789" + b"x" * 30)
    with pytest.raises(BadPack, match="more than 29 deltas"):
        send(body, ReceiveLimits(chain_depth=29))


def family(data: bytes, depth: int, entries: list[bytes], known: dict[str, bytes]) -> None:
    """Two deltas upon `data`, two upon each of them, and so on."""
    if depth == 0:
        return
    for letter in (b"a", b"b"):
        longer = data + letter
        step = delta(len(data), len(longer), bytes([0x90, len(data), 1]) + letter)
        entries.append(ref_delta(object_id("blob", data), step))
        known[object_id("blob", longer)] = longer
        family(longer, depth - 1, entries, known)


@pytest.mark.parametrize("held", [0, 30, 10_000])
def test_branching_deltas_are_resolved_however_little_is_held(
    monkeypatch: pytest.MonkeyPatch, send: Callable[..., Quarantine], held: int
) -> None:
    monkeypatch.setattr(packindex, "_HELD", held)
    root = b"0123456789"
    entries, known = [whole("blob", root)], {object_id("blob", root): root}
    family(root, 5, entries, known)
    random.Random(1).shuffle(entries)
    found = send(creation(TIP) + pack_of(*entries))
    assert set(found.new_ids) == set(known)
    assert found.new_ids[0] == found.new_ids[:1][0]
    for name, data in known.items():
        assert found.objects.read(name) == ("blob", data)


def test_branching_deltas_upon_what_the_repository_has(
    monkeypatch: pytest.MonkeyPatch, hub: Server, tmp_path: Path, send: Callable[..., Quarantine]
) -> None:
    monkeypatch.setattr(packindex, "_HELD", 0)
    root = b"0123456789"
    pack = pack_of(whole("blob", root))
    git("index-pack", "--stdin", cwd=hub.folder / "repo", stdin=pack)
    entries: list[bytes] = []
    known: dict[str, bytes] = {}
    family(root, 4, entries, known)
    found = send(creation(TIP) + pack_of(*entries))
    assert set(found.new_ids) == set(known), "without the base that completes the thin pack"
    assert found.pack is not None
    assert found.pack.count == len(known) + 1
    git("verify-pack", found.pack.idx)
    for name, data in known.items():
        assert found.objects.read(name) == ("blob", data)


def test_a_delta_upon_nothing(send: Callable[..., Quarantine]) -> None:
    pack = pack_of(whole("blob", BLOB), ref_delta("7" * 40, delta(6, 6, b"\x90\x06")))
    with pytest.raises(BadPack):
        send(creation(TIP) + pack)


def test_packs_cut_anywhere(send: Callable[..., Quarantine]) -> None:
    body = creation(TIP) + GOOD_PACK
    assert len(send(body).new_ids) == 3
    for end in range(len(creation(TIP)), len(body), 7):
        with pytest.raises(BadPack):
            send(body[:end])


@pytest.mark.parametrize("size", [0, 1, 131_072, 1_048_575, 1_048_576, 1_048_577, 3 << 20])
def test_objects_of_every_size_are_found_where_they_end(
    send: Callable[..., Quarantine], size: int
) -> None:
    """The next object follows at once, whatever piece zlib was given last."""
    for data in (bytes(size), random.Random(size).randbytes(size)):
        pack = pack_of(whole("blob", data), whole("blob", BLOB), whole("blob", data + b"1"))
        found = send(creation(TIP) + pack)
        assert set(found.new_ids) == {object_id("blob", each) for each in (data, BLOB, data + b"1")}
        assert found.objects.size(object_id("blob", data)) == size


def test_a_tail_after_the_pack_and_a_wrong_checksum(send: Callable[..., Quarantine]) -> None:
    with pytest.raises(BadPack, match="follow after the end"):
        send(creation(TIP) + GOOD_PACK + b"more")
    with pytest.raises(BadPack, match="checksum"):
        send(creation(TIP) + GOOD_PACK[:-1] + b"\0")


@pytest.mark.parametrize(
    "body",
    [
        b"garbage",
        b"zzzz",
        b"0003",
        b"fff1" + b"a" * 70_000,
        b"0010short",
        pkt_lines("hello"),
        pkt_lines(f"{'0' * 40} {'1' * 40}"),
        pkt_lines(f"{'0' * 40} {'1' * 40} refs/heads/a\0caps"),
        commands([f"{'0' * 40} {'1' * 40} refs/heads/a"] * 2),
        commands([f"{'G' * 40} {'1' * 40} refs/heads/a"]),
        commands([f"{'0' * 40} {'1' * 40} refs/heads/a"], "object-format=sha256"),
        commands([f"{'0' * 40} {'1' * 40} refs/heads/a"], "push-options") + b"00",
        pkt_lines("shallow nothing"),
        pkt_lines("push-cert\0push-options"),
    ],
)
def test_lines_that_are_no_push(body: bytes) -> None:
    with pytest.raises(BadProtocol):
        receive.read_commands(io.BytesIO(body))


def test_empty_bodies_are_probes() -> None:
    for body in (b"", b"0000"):
        assert receive.read_commands(io.BytesIO(body)) == receive.Push()
    assert b"".join(receive.report(receive.Push(), {})) == b""


def test_what_a_push_says_is_read_up_to_its_pack() -> None:
    line = f"{'1' * 40} {'2' * 40} refs/heads/caf\udce9".encode(errors="surrogateescape")
    capabilities = b"\0 report-status-v2 side-band-64k atomic push-options agent=git/9"
    first = line + capabilities
    options = pkt_lines("a=b", "c") + b"0000"
    stream = io.BytesIO(b"%04x%s0000%sPACK" % (len(first) + 4, first, options))
    push = receive.read_commands(stream)
    assert stream.read() == b"PACK"
    assert push.commands == (receive.Command(b"refs/heads/caf\xe9", "1" * 40, "2" * 40),)
    assert (push.options, push.atomic, push.agent) == (("a=b", "c"), True, "git/9")
    answer = b"".join(receive.report(push, {b"refs/heads/caf\xe9": "no\nway"}, None, ["hello"]))
    assert b"\x02hello\n" in answer
    assert b"ng refs/heads/caf\xe9 no way\n" in answer
    assert answer.endswith(b"0000")


def mutate(body: bytes, rng: random.Random) -> bytes:
    """Change, cut, insert or repeat bytes at a few places."""
    data = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        what = rng.randrange(5)
        if what == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif what == 1:
            del data[at : at + rng.randint(1, 30)]
        elif what == 2:
            data[at:at] = rng.randbytes(rng.randint(1, 10))
        elif what == 3:
            data[at:at] = data[at : at + rng.randint(1, 60)]
        else:
            data[at : at + 4] = rng.choice([b"0000", b"0001", b"0004", b"ffff", b"PACK", b"\0" * 4])
    return bytes(data)


def resealed(body: bytes) -> bytes:
    """The same push with a right checksum, so that what lies beneath is looked at."""
    start = body.find(b"PACK")
    if start < 0 or len(body) - start < 40:
        return body
    pack = body[start:-20]
    return body[:start] + pack + hashlib.sha1(pack).digest()


def test_mutated_pushes(hub: Server, tmp_path: Path, sample: Path) -> None:
    """Every second one with a checksum that fits; all end in a quarantine or a GitError."""
    git("clone", "-q", "--bare", sample / "repo", hub.folder / "repo")
    git("repack", "-adq", cwd=hub.folder / "repo")
    tip = git("rev-parse", "main", cwd=sample / "repo")
    revisions = f"{tip}\n--not\n{tip}~3\n".encode()
    command = f"git pack-objects --revs --stdout -q --thin --delta-base-offset > {tmp_path}/a.pack"
    git("-c", f"alias.x=!{command}", "x", cwd=sample / "repo", stdin=revisions)
    line = f"{'0' * 40} {tip} refs/heads/new"
    body = commands([line], "report-status ofs-delta") + (tmp_path / "a.pack").read_bytes()
    rng = random.Random(20_240)
    refused = 0
    for number in range(500 if hub.program is None else 100):
        broken = mutate(body, rng)
        try:
            receive_body(hub, tmp_path, resealed(broken) if number % 2 else broken)
        except GitError as error:
            refused += bool(str(error))
    assert refused > 50


def fetch(hub: Server, body: bytes, protocol: int) -> bytes:
    out = io.BytesIO()
    upload_pack(
        hub.source("repo"), protocol=protocol, body=io.BytesIO(body), out=out, git=hub.program
    )
    return out.getvalue()


def fetch_bodies(tip: str, old: str) -> list[tuple[int, bytes]]:
    v2 = pkt_lines("command=fetch", "agent=git/2", "object-format=sha1") + b"0001"
    options = ["thin-pack", "ofs-delta", "include-tag", f"want {tip}", f"have {old}"]
    deep = ["shallow " + old, "deepen 2", "filter blob:limit=1k", "done"]
    v0 = f"want {tip} multi_ack_detailed no-done side-band-64k thin-pack ofs-delta filter"
    return [
        (2, v2 + pkt_lines(*options, *deep) + b"0000"),
        (2, v2 + pkt_lines(*options) + b"0000"),
        (
            2,
            pkt_lines("command=ls-refs") + b"0001" + pkt_lines("peel", "ref-prefix HEAD") + b"0000",
        ),
        (2, pkt_lines("command=object-info") + b"0001" + pkt_lines("size", f"oid {tip}") + b"0000"),
        (
            0,
            pkt_lines(v0, f"shallow {old}", "deepen 2")
            + b"0000"
            + pkt_lines(f"have {old}", "done"),
        ),
        (0, pkt_lines(v0) + b"0000" + pkt_lines(f"have {old}") + b"0000"),
    ]


def test_mutated_fetches(hub: Server, sample: Path) -> None:
    git("clone", "-q", "--bare", sample / "repo", hub.folder / "repo")
    git("repack", "-adq", cwd=hub.folder / "repo")
    tip, old = git("rev-parse", "main", "main~4", cwd=sample / "repo").split()
    bodies = fetch_bodies(tip, old)
    for protocol, body in bodies:
        assert fetch(hub, body, protocol)
    rng = random.Random(7)
    source = hub.source("repo")
    refused = 0
    for number in range(500):
        protocol, body = bodies[number % len(bodies)]
        out = io.BytesIO()
        broken = io.BytesIO(mutate(body, rng))
        try:
            upload_pack(source, protocol=protocol, body=broken, out=out, git=hub.program)
        except GitError as error:
            refused += str(error).encode()[:50] in out.getvalue()
    assert refused > 250


class Gone(Exception):
    """The client hung up."""


def children() -> set[str]:
    return {
        child
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    }


def test_the_program_is_stopped_when_the_client_is_gone(hub: Server, sample: Path) -> None:
    git("clone", "-q", "--bare", sample / "repo", hub.folder / "repo")
    git("repack", "-adq", cwd=hub.folder / "repo")
    tip = git("rev-parse", "main", cwd=sample / "repo")
    lines = pkt_lines("command=fetch") + b"0001" + pkt_lines(f"want {tip}", "done") + b"0000"
    before = children()

    def hang_up(data: bytes) -> None:
        if b"PACK" in data:
            raise Gone

    with pytest.raises(Gone):
        upload_pack(
            hub.source("repo"), protocol=2, body=io.BytesIO(lines), out=hang_up, git=hub.program
        )
    assert children() == before
    assert not list((hub.folder / "repo").glob("run-*")), "no scratch folder stays"


def test_a_client_that_vanishes_while_it_pushes(
    hub: Server, tmp_path: Path, send: Callable[..., Quarantine]
) -> None:
    class Vanishing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > len(creation(TIP)) + 50:
                raise Gone
            return super().read(min(size or 0, 30))

    stream = Vanishing(creation(TIP) + GOOD_PACK)
    push = receive.read_commands(stream)
    before = children()
    with pytest.raises(Gone):
        receive.quarantine(
            push, stream, source=hub.source("repo"), folder=tmp_path,
            limits=ReceiveLimits(), git=hub.program,
        )  # fmt: skip
    assert children() == before


def test_a_program_that_hangs_is_killed(hub: Server, tmp_path: Path, sample: Path) -> None:
    git("clone", "-q", "--bare", sample / "repo", hub.folder / "repo")
    script = tmp_path / "git"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    source = PlainSource(hub.folder / "repo")
    tip = git("rev-parse", "main", cwd=sample / "repo")
    lines = pkt_lines("command=fetch") + b"0001" + pkt_lines(f"want {tip}", "done") + b"0000"
    out = io.BytesIO()
    started = time.monotonic()
    with pytest.raises(ProgramFailed, match="limits"):
        upload_pack(
            source, protocol=2, body=io.BytesIO(lines), out=out,
            git=GitProgram(str(script), seconds=0.3),
        )  # fmt: skip
    assert time.monotonic() - started < 10
    assert b"\x03git could not build the pack" in out.getvalue()


def test_the_program_sees_nothing_of_our_environment(
    hub: Server, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("clone", "-q", "--bare", sample / "repo", hub.folder / "repo")
    git("repack", "-adq", cwd=hub.folder / "repo")
    trace = hub.folder / "trace"
    monkeypatch.setenv("GIT_TRACE", str(trace))
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    git("config", "uploadpack.packObjectsHook", "false", cwd=hub.folder / "repo")
    git("config", "pack.threads", "nonsense", cwd=hub.folder / "repo")
    tip = git("rev-parse", "main", cwd=sample / "repo")
    lines = pkt_lines("command=fetch") + b"0001" + pkt_lines(f"want {tip}", "done") + b"0000"
    assert b"PACK" in fetch(hub, lines, 2)
    assert not trace.exists()
