"""The chunk store over HTTP: what honest clients get, and what attackers do not."""

import os
import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import httpx
import pytest

from hub_server.chunks import from_text, keyed_hash, to_text
from tests.support.rawhttp import exchange
from tests.support.server import LiveHub, LiveUser
from tests.support.transfers import put_large
from tests.support.xetclient import File, Sent, Term, XetClient, Xorb, cut, lines, shard

UNKNOWN = "is not stored here for you"


@pytest.fixture
def ada_http(ada: LiveUser) -> Iterator[httpx.Client]:
    with ada.client() as made:
        yield made


@pytest.fixture
def bob_http(bob: LiveUser) -> Iterator[httpx.Client]:
    with bob.client() as made:
        yield made


@pytest.fixture
def nobody(hub: LiveHub) -> Iterator[httpx.Client]:
    with hub.client() as made:
        yield made


@pytest.fixture
def mine(ada: LiveUser, ada_http: httpx.Client) -> XetClient:
    """A private repository of ada's."""
    return XetClient(ada_http, f"models/{ada.make_repo(private=True)}")


@pytest.fixture
def theirs(bob: LiveUser, bob_http: httpx.Client) -> XetClient:
    """A repository of bob's, who sees nothing of ada's."""
    return XetClient(bob_http, f"models/{bob.make_repo()}")


@pytest.fixture
def sent() -> Sent:
    return Sent.fresh()


def refused(answer: httpx.Response, status: int, words: str = "") -> None:
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]
    assert "traceback" not in answer.text.lower()


# -- honest clients


def test_up_and_down(mine: XetClient, sent: Sent) -> None:
    assert mine.put_xorb(sent.xorb).json() == {"was_inserted": True}
    assert mine.put_shard(sent.shard()).json() == {"result": 1}
    assert mine.commit(sent).is_success
    assert mine.read(sent.file.name) == sent.data
    name = mine.repo.removeprefix("models/")
    plain = mine.client.get(f"/{name}/resolve/main/data.bin", headers={"range": "bytes=7-150000"})
    assert (plain.status_code, plain.content) == (206, sent.data[7:150_001])
    assert mine.client.get(f"/{name}/resolve/main/data.bin").content == sent.data


def test_again(mine: XetClient, sent: Sent) -> None:
    """Every call may be repeated, and is when an answer got lost."""
    for new in (True, False):
        assert mine.put_xorb(sent.xorb).json() == {"was_inserted": new}
    for result in (1, 0):
        assert mine.put_shard(sent.shard()).json() == {"result": result}
    assert mine.commit(sent).is_success
    assert mine.read(sent.file.name) == sent.data


def test_shards_in_lines(mine: XetClient, sent: Sent) -> None:
    mine.put_xorb(sent.xorb)
    answer = mine.put_shard(sent.shard(), version=2)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert lines(answer)[-1] == {"type": "result", "result": 1}


def test_one_byte_and_none(mine: XetClient) -> None:
    one = Sent.of(b"%" + os.urandom(6))
    mine.put(one, "one.bin")
    assert mine.read(one.file.name) == one.data
    nothing = File((), bytes(32), sha256().hexdigest())
    assert mine.put_shard(shard([nothing])).json() == {"result": 1}
    empty = replace(one, data=b"", file=nothing)
    assert mine.commit(empty, "empty.bin").is_success


def test_ranges(mine: XetClient) -> None:
    sent = Sent.fresh(1_500_000)
    mine.put(sent)
    for first, last in [(0, 0), (1, 70_000), (131_072, 131_072), (700_000, 1_499_999)]:
        assert mine.read(sent.file.name, first, last) == sent.data[first : last + 1]
    assert mine.read(sent.file.name, 1_499_999, 9_000_000) == sent.data[1_499_999:]
    plan = mine.reconstruction(sent.file.name, "bytes=600000-600010").json()
    assert sum(term["unpacked_length"] for term in plan["terms"]) <= 2 * 131_072
    refused(mine.reconstruction(sent.file.name, "bytes=1500000-"), 416)
    refused(mine.reconstruction(sent.file.name, "bytes=10-5"), 400)
    refused(mine.reconstruction(sent.file.name, "bytes=0-5,9-12"), 400)


def test_both_versions_say_the_same(mine: XetClient, sent: Sent) -> None:
    mine.put(sent)
    second = mine.reconstruction(sent.file.name).json()
    first = mine.reconstruction(sent.file.name, version=1).json()
    assert first["terms"] == second["terms"]
    (entry,) = first["fetch_info"][sent.xorb.name]
    (other,) = second["xorbs"][sent.xorb.name]
    (span,) = other["ranges"]
    assert (entry["range"], entry["url_range"]) == (span["chunks"], span["bytes"])
    several = mine.call("GET", f"/v1/reconstructions?file_id={sent.file.name}", scope="read").json()
    assert several["files"] == {sent.file.name: first["terms"]}
    assert several["fetch_info"].keys() == first["fetch_info"].keys()
    refused(mine.call("GET", "/v1/reconstructions", scope="read"), 400)


def test_a_file_of_many_pieces(mine: XetClient) -> None:
    """Terms of two xorbs, out of order, some twice: each link opens one merged range."""
    left, right = Xorb.of(os.urandom(900_000)), Xorb.of(os.urandom(900_000))
    terms = (Term(right, 1, 3), Term(left, 0, 2), Term(left, 2, 4), Term(right, 2, 5))
    file = File.of(*terms)
    data = b"".join(b"".join(t.xorb.chunks[t.start : t.end]) for t in terms)
    for xorb in (left, right):
        assert mine.put_xorb(xorb).is_success
    assert mine.put_shard(shard([file], [left, right])).is_success
    plan = mine.reconstruction(file.name).json()
    chunks = {
        xorb: [entry["ranges"][0]["chunks"] for entry in some]
        for xorb, some in plan["xorbs"].items()
    }
    assert chunks == {left.name: [{"start": 0, "end": 4}], right.name: [{"start": 1, "end": 5}]}
    assert mine.read(file.name) == data
    middle = len(data) // 2
    assert mine.read(file.name, middle, middle + 70_000) == data[middle : middle + 70_001]


def test_sizes(mine: XetClient, sent: Sent) -> None:
    mine.put(sent)
    head = mine.call("HEAD", f"/v1/files/{sent.file.name}", scope="read")
    assert head.headers["content-length"] == str(len(sent.data))
    head = mine.call("HEAD", f"/v1/xorbs/default/{sent.xorb.name}", scope="read")
    assert head.headers["content-length"] == str(len(sent.xorb.body))
    assert mine.call("HEAD", f"/v1/files/{'0' * 64}", scope="read").status_code == 404
    assert mine.call("HEAD", f"/v1/xorbs/default/{'0' * 64}", scope="read").status_code == 404


def test_chunks_to_build_on(mine: XetClient, sent: Sent) -> None:
    mine.put(sent)
    hash, _ = sent.xorb.leaves[0]
    for prefix in ("default", "default-merkledb"):
        answer = mine.call("GET", f"/v1/chunks/{prefix}/{to_text(hash)}")
        assert answer.status_code == 200
    body = answer.content
    key = body[-200 + 72 : -200 + 104]
    assert hash not in body
    assert keyed_hash(hash, key) in body
    assert sent.xorb.raw in body
    assert mine.call("GET", f"/v1/chunks/other/{to_text(hash)}").status_code == 404
    again = XetClient(mine.client, mine.repo)
    half = Sent.of(sent.data)
    assert again.put_shard(shard([File.of(Term(half.xorb, 0, 1))])).is_success


def test_the_rest_answers_404(mine: XetClient, sent: Sent) -> None:
    for method, path in [
        ("POST", f"/v1/xorb-grants/default/{sent.xorb.name}"),
        ("POST", f"/v1/xorb-commits/default/{sent.xorb.name}/grant/1"),
        ("GET", f"/v2/file-chunk-hashes/{sent.file.name}"),
        ("PUT", "/v1/shards"),
        ("GET", "/"),
    ]:
        assert mine.call(method, path).status_code == 404, path
    assert mine.call("POST", "/v1/telemetry", content=b'{"a": 1}').status_code == 200


def test_how_a_file_says_that_it_is_in_chunks(
    mine: XetClient, theirs: XetClient, sent: Sent, hub: LiveHub
) -> None:
    theirs.put(sent)
    name, client = theirs.repo.removeprefix("models/"), theirs.client
    plain = os.urandom(5000)
    put_large(client, theirs.repo, "plain.bin", plain)
    head = client.head(f"/{name}/resolve/main/data.bin")
    assert head.headers["x-xet-hash"] == sent.file.name
    refresh = head.links["xet-auth"]["url"]
    assert refresh.startswith(f"{hub.url}/api/models/{name}/xet-read-token/")
    assert client.get(refresh).json()["casUrl"].startswith(f"{hub.url}/xet/")
    info = client.get(
        f"/{name}/resolve/main/data.bin",
        headers={"accept": "application/vnd.xet-fileinfo+json, */*", "range": "bytes=0-0"},
    )
    assert info.headers["content-type"] == "application/vnd.xet-fileinfo+json"
    assert info.headers["x-linked-size"] == str(len(sent.data))
    assert info.links["xet-auth"]["url"] == refresh
    address = info.links["xet-reconstruction-info"]["url"]
    assert address == f"{theirs.token('read')['casUrl']}/v1/reconstructions/{sent.file.name}"
    for entry in client.get(f"/api/models/{name}/tree/main").json():
        wanted = sent.file.name if entry["path"] == "data.bin" else None
        assert entry.get("xetHash") == wanted
    asked = {"paths": ["data.bin", "plain.bin"]}
    found = client.post(f"/api/models/{name}/paths-info/main", json=asked).json()
    assert [entry.get("xetHash") for entry in found] == [sent.file.name, None]
    other = client.head(f"/{name}/resolve/main/plain.bin").headers
    assert "x-xet-hash" not in other
    assert "link" not in other


def test_tokens_are_told_twice(mine: XetClient) -> None:
    answer = mine.client.get(f"/api/{mine.repo}/xet-read-token/refs%2Fpr%2F1")
    body = answer.json()
    assert answer.headers["x-xet-access-token"] == body["accessToken"]
    assert answer.headers["x-xet-token-expiration"] == str(body["exp"])
    assert answer.headers["x-xet-cas-url"] == body["casUrl"]
    assert answer.headers["cache-control"] == "no-store"


def test_the_batch_api_offers_it(mine: XetClient, sent: Sent) -> None:
    name = mine.repo.removeprefix("models/")
    objects = [{"oid": sent.file.sha256, "size": len(sent.data)}]
    body: dict[str, Any] = {"operation": "upload", "objects": objects}
    kind = {"content-type": "application/vnd.git-lfs+json"}

    def batch(**more: Any) -> Any:
        return mine.client.post(
            f"/{name}.git/info/lfs/objects/batch", json={**body, **more}, headers=kind
        ).json()

    told = batch(transfers=["basic", "multipart", "xet"], ref={"name": "refs/heads/main"})
    assert told["transfer"] == "xet"
    action = told["objects"][0]["actions"]["upload"]
    assert action["href"].endswith(f"/api/models/{name}/xet-write-token/main")
    header = action["header"]
    token = {"casUrl": header["X-Xet-Cas-Url"], "accessToken": header["X-Xet-Access-Token"]}
    assert mine.put_xorb(sent.xorb, token=token).is_success
    assert mine.put_shard(sent.shard(), token=token).is_success
    assert "actions" not in batch(transfers=["xet"])["objects"][0]
    assert batch(transfers=["basic", "multipart"])["transfer"] == "basic"
    down = batch(operation="download", transfers=["xet", "basic"])
    assert down["transfer"] == "basic"
    link = down["objects"][0]["actions"]["download"]["href"]
    assert httpx.get(link, trust_env=False).content == sent.data


def test_a_copy_moves_no_bytes(mine: XetClient, ada: LiveUser, sent: Sent) -> None:
    mine.put(sent)
    target = ada.make_repo(kind="dataset")
    asked = {
        "target": {"type": "dataset", "name": target},
        "files": [{"xetHash": sent.file.name, "sha256": sent.file.sha256, "filename": "a.bin"}],
    }
    told = mine.client.post(f"/api/{mine.repo}/lfs-files/duplicate", json=asked).json()
    assert told == {"failed": []}
    other = XetClient(mine.client, f"datasets/{target}")
    assert other.commit(sent, "a.bin").is_success
    assert other.read(sent.file.name) == sent.data


# -- attackers


def test_tokens_of_others(mine: XetClient, theirs: XetClient, nobody: httpx.Client) -> None:
    assert theirs.client.get(f"/api/{mine.repo}/xet-read-token/main").status_code == 404
    assert theirs.client.get(f"/api/{mine.repo}/xet-write-token/main").status_code == 404
    assert nobody.get(f"/api/{mine.repo}/xet-read-token/main").status_code == 401
    assert mine.client.get(f"/api/{theirs.repo}/xet-read-token/main").status_code == 200
    assert mine.client.get(f"/api/{theirs.repo}/xet-write-token/main").status_code == 403
    assert nobody.get(f"/api/{theirs.repo}/xet-write-token/main").status_code == 401
    reader = XetClient(nobody, theirs.repo)
    refused(reader.call("GET", f"/v2/reconstructions/{'0' * 64}", scope="read"), 404)


def test_a_reading_token_writes_nothing(mine: XetClient, sent: Sent) -> None:
    token = mine.token("read")
    refused(mine.put_xorb(sent.xorb, token=token), 403, "for reading")
    refused(mine.put_shard(sent.shard(), token=token), 403, "for reading")
    assert mine.put_xorb(sent.xorb).json() == {"was_inserted": True}


def test_forged_tokens(mine: XetClient, theirs: XetClient, ada: LiveUser) -> None:
    token = mine.token("read")
    path = f"/v2/reconstructions/{'0' * 64}"
    text: str = token["accessToken"]
    fields = text.rpartition(".")[0]
    for forged in (
        text[:-1] + ("A" if text[-1] != "A" else "B"),
        text.replace(".r.", ".w."),
        re.sub(r"^xet_\d+", "xet_1", text) + "A",
        fields,
        "xet_",
        ada.token,
        "xet_ÿ",
        theirs.token("read")["accessToken"],
    ):
        headers = {"authorization": f"Bearer {forged}".encode()}
        refused(mine.client.get(token["casUrl"] + path, headers=headers), 401)
    refused(mine.client.get(token["casUrl"] + path, headers={"authorization": "Basic eA=="}), 401)


def test_another_address(mine: XetClient, theirs: XetClient) -> None:
    token = mine.token("read")
    path = f"/v2/reconstructions/{'0' * 64}"
    base, epoch, account = token["casUrl"].rsplit("/", 2)
    other = theirs.token("read")["casUrl"].rsplit("/", 1)[1]
    for address in (f"{base}/00000000/{account}", f"{base}/{epoch}/{other}", f"{base}/%ff/%2F"):
        refused(mine.call("GET", path, token={**token, "casUrl": address}), 401)
    refused(mine.call("GET", path, token=token), 404)


def test_a_revoked_token_ends_what_was_made_with_it(
    hub: LiveHub, ada: LiveUser, sent: Sent
) -> None:
    name = ada.make_repo()
    secret = hub.command("token", "create", ada.name, "--role", "write")
    with hub.client(secret) as client, ada.client() as other:
        gone = XetClient(client, f"models/{name}")
        assert gone.put_xorb(sent.xorb).is_success
        numbers = re.findall(r"^\s*(\d+)", hub.command("token", "list", ada.name), re.MULTILINE)
        hub.command("token", "revoke", max(numbers, key=int))
        refused(gone.put_shard(sent.shard()), 401)
        fresh = hub.command("token", "create", ada.name, "--role", "write")  # may get its number
        refused(gone.put_shard(sent.shard()), 401)
        assert fresh != secret
        assert XetClient(other, f"models/{name}").put_shard(sent.shard()).is_success


def test_a_deleted_repository(mine: XetClient, sent: Sent) -> None:
    mine.put(sent)
    mine.token("read")
    assert mine.reconstruction(sent.file.name).is_success
    body = {"name": mine.repo.removeprefix("models/"), "type": "model"}
    assert mine.client.request("DELETE", "/api/repos/delete", json=body).is_success
    refused(mine.reconstruction(sent.file.name), 404)
    refused(mine.put_shard(sent.shard()), 404)


def test_a_file_of_another_repository(
    mine: XetClient, theirs: XetClient, ada: LiveUser, sent: Sent
) -> None:
    """Its hash opens nothing, not even for its owner through a repository that has it not."""
    mine.put(sent)
    unknown = theirs.reconstruction("0" * 64)
    stranger = theirs.reconstruction(sent.file.name)
    refused(stranger, 404)
    assert stranger.json()["error"] == unknown.json()["error"].replace("0" * 64, sent.file.name)
    other = XetClient(mine.client, f"models/{ada.make_repo()}")
    refused(other.reconstruction(sent.file.name), 404)
    both = f"/v1/reconstructions?file_id={sent.file.name}"
    refused(theirs.call("GET", both, scope="read"), 404)
    assert theirs.call("HEAD", f"/v1/files/{sent.file.name}", scope="read").status_code == 404
    assert theirs.call("HEAD", f"/v1/xorbs/default/{sent.xorb.name}").status_code == 404
    refused(mine.reconstruction("not-a-hash"), 400)


def test_links_open_exactly_their_bytes(mine: XetClient, sent: Sent) -> None:
    mine.put(sent)
    (entry,) = mine.reconstruction(sent.file.name, "bytes=0-10").json()["xorbs"][sent.xorb.name]
    url, span = entry["url"], entry["ranges"][0]["bytes"]
    assert mine.fetch(url, span["start"], span["end"]).status_code == 206
    for first, last in [(0, span["end"] + 1), (1, span["end"]), (0, 0), (10**9, 10**9)]:
        refused(mine.fetch(url, first, last), 403)
    refused(httpx.get(url, trust_env=False), 403)
    refused(
        httpx.get(url, headers={"range": f"bytes=0-{span['end']},500-600"}, trust_env=False), 403
    )
    twice = [("range", f"bytes=0-{span['end']}"), ("range", "bytes=0-199999")]
    refused(httpx.get(url, headers=twice, trust_env=False), 403)
    refused(mine.fetch(url, span["start"], span["end"], **{"if-range": '"x"'}), 403)
    ticket = url.partition("ticket=")[2].split(".")
    for number in range(5):
        changed = [*ticket[:number], "1" + ticket[number][:-1], *ticket[number + 1 :]]
        refused(mine.fetch(url.replace(".".join(ticket), ".".join(changed)), 0, span["end"]), 403)
    refused(mine.fetch(url.replace("bytes/", "bytes/0"), 0, span["end"]), 403)


def test_bytes_that_the_store_has_lost(hub: LiveHub, mine: XetClient, sent: Sent) -> None:
    """Told by every door, in words that clients do not retry; sending them again mends it."""
    mine.put(sent)
    (entry,) = mine.reconstruction(sent.file.name).json()["xorbs"][sent.xorb.name]
    span = entry["ranges"][0]["bytes"]
    digest = sha256(sent.xorb.body).hexdigest()
    (stored,) = (hub.data_dir / "blobs" / "xorb").rglob(digest)
    stored.unlink()
    refused(mine.fetch(entry["url"], span["start"], span["end"]), 410)
    name = mine.repo.removeprefix("models/")
    refused(mine.client.get(f"/{name}/resolve/main/data.bin"), 410)
    again = Sent.of(os.urandom(100_000) + sent.data)
    mine.put_xorb(again.xorb)
    refused(mine.put_shard(shard([File.of(Term(sent.xorb, 0, 1), Term(again.xorb, 0, 1))])), 410)
    assert mine.put_xorb(sent.xorb).is_success
    assert mine.read(sent.file.name) == sent.data


def test_whether_a_xorb_is_known_is_not_told(
    mine: XetClient, theirs: XetClient, sent: Sent
) -> None:
    mine.put(sent)
    assert theirs.put_xorb(sent.xorb).json() == {"was_inserted": True}
    assert theirs.put_xorb(sent.xorb).json() == {"was_inserted": False}
    assert theirs.put_shard(sent.shard()).json() == {"result": 1}
    assert theirs.read(sent.file.name) == sent.data


def test_chunks_of_a_stranger(mine: XetClient, theirs: XetClient, sent: Sent) -> None:
    mine.put(sent)
    chunk = to_text(sent.xorb.leaves[0][0])
    known, unknown = (
        theirs.call("GET", f"/v1/chunks/default/{each}") for each in (chunk, "1" * 64)
    )
    refused(known, 404)
    assert known.json() == unknown.json()
    assert mine.call("GET", f"/v1/chunks/default/{chunk}").is_success
    refused(theirs.call("GET", "/v1/chunks/default/xyz"), 400)


def test_a_stranger_s_xorb(mine: XetClient, theirs: XetClient, sent: Sent) -> None:
    """In the words for one that is nowhere, in whichever section it is named."""
    mine.put(sent)
    nowhere = Sent.fresh()
    for body, xorb in [
        (sent.shard(), sent.xorb),
        (shard([sent.file]), sent.xorb),
        (nowhere.shard(), nowhere.xorb),
        (shard([nowhere.file]), nowhere.xorb),
    ]:
        answer = theirs.put_shard(body)
        refused(answer, 400, UNKNOWN)
        said = answer.json()["error"].replace(xorb.name, "")
        assert said == "The xorb  is not stored here for you; send it, then the shard again."
    refused(theirs.reconstruction(sent.file.name), 404)
    assert theirs.commit(sent).status_code >= 400


def test_only_the_chunks_that_can_be_read(
    mine: XetClient, theirs: XetClient, ada: LiveUser
) -> None:
    """Ada publishes a file made of a part of a xorb: bob may build on that part alone."""
    xorb = Xorb.of(os.urandom(1_000_000))
    count = len(xorb.chunks)
    assert mine.put_xorb(xorb).is_success
    public = XetClient(mine.client, f"models/{ada.make_repo()}")
    part = File.of(Term(xorb, 2, count - 2))
    data = b"".join(xorb.chunks[2 : count - 2])
    assert public.put_shard(shard([part])).is_success
    assert public.commit(Sent(data, xorb, part), "part.bin").is_success
    for start, end in [(0, count), (1, 4), (count - 3, count - 1), (0, 1)]:
        refused(theirs.put_shard(shard([File.of(Term(xorb, start, end))])), 400, UNKNOWN)
    refused(theirs.put_shard(shard([], [xorb])), 400, UNKNOWN)
    within = File.of(Term(xorb, 3, 5))
    assert theirs.put_shard(shard([within])).json() == {"result": 1}
    answer = theirs.call("GET", f"/v1/chunks/default/{to_text(xorb.leaves[2][0])}")
    assert answer.status_code == 200
    _check_offer(answer.content, xorb, range(2, count - 2))


def _check_offer(body: bytes, xorb: Xorb, shown: range) -> None:
    """Those chunks at their numbers under keyed hashes; of the others nothing can be seen."""
    key = body[-200 + 72 : -200 + 104]
    at = body.index(xorb.raw)
    (listed,) = struct.unpack_from("<I", body, at + 36)
    assert listed == shown.stop
    for number in range(listed):
        raw, _, length = struct.unpack_from("<32sII", body, at + 48 * (1 + number))
        hash, size = xorb.leaves[number]
        assert ((raw, length) == (keyed_hash(hash, key), size)) == (number in shown)
        assert raw != hash


def test_lies_about_a_file(mine: XetClient, sent: Sent) -> None:
    mine.put_xorb(sent.xorb)
    other = Sent.fresh()
    count = len(sent.xorb.chunks)
    (term,) = sent.file.terms
    lies: list[tuple[File, str]] = [
        (replace(sent.file, sha256=other.file.sha256), "sha256"),
        (replace(sent.file, sha256=None), "no sha256"),
        (replace(sent.file, verified=False), "no verification"),
        (replace(sent.file, raw=other.file.raw), "another file"),
        (replace(sent.file, terms=(replace(term, unpacked=1),)), "another size"),
        (replace(sent.file, terms=(replace(term, proof=bytes(32)),)), "verification"),
        (File.of(Term(sent.xorb, 0, count - 1, proof=b"x" * 32)), "verification"),
        (replace(sent.file, terms=(replace(term, end=count + 1),)), "beyond"),
        (replace(sent.file, terms=(replace(term, start=2, end=1),)), "impossible"),
        (replace(sent.file, terms=(term, term)), "another file"),
    ]
    for file, words in lies:
        for version in (1, 2):
            refused(mine.put_shard(shard([file], [sent.xorb]), version=version), 400, words)
    refused(mine.reconstruction(sent.file.name), 404)
    assert mine.commit(sent).status_code >= 400
    honest = Sent.fresh()
    mine.put_xorb(honest.xorb)
    pair = [honest.file, replace(sent.file, sha256=other.file.sha256)]
    refused(mine.put_shard(shard(pair)), 400, "sha256")
    refused(mine.reconstruction(honest.file.name), 404)  # nor anything that came with it
    assert mine.put_shard(sent.shard()).json() == {"result": 1}


def test_a_sha256_that_others_have(mine: XetClient, theirs: XetClient, sent: Sent) -> None:
    """Nobody gets another's content by claiming its sha256, whether it is plain or in chunks."""
    mine.put(sent)
    plain = os.urandom(9000)
    put_large(mine.client, mine.repo, "plain.bin", plain)
    for oid in (sent.file.sha256, sha256(plain).hexdigest()):
        decoy = Sent.fresh(9000)
        theirs.put_xorb(decoy.xorb)
        refused(theirs.put_shard(decoy.shard(sha256=oid)), 400, "sha256")
        assert (
            theirs.commit(replace(decoy, file=replace(decoy.file, sha256=oid))).status_code >= 400
        )


def test_the_same_bytes_by_both_doors(mine: XetClient, theirs: XetClient, sent: Sent) -> None:
    """What came by LFS gets a second form; what is known with other borders keeps its first."""
    put_large(mine.client, mine.repo, "plain.bin", sent.data)
    theirs.put(sent)
    head = mine.client.head(f"/{mine.repo.removeprefix('models/')}/resolve/main/plain.bin")
    assert head.headers["x-xet-hash"] == sent.file.name
    other = Xorb((sent.data[:50_000], sent.data[50_000:150_000], sent.data[150_000:]))
    file = File.of(Term(other, 0, 3))
    mine.put_xorb(other)
    assert mine.put_shard(shard([file], [other])).is_success
    refused(mine.reconstruction(file.name), 404)
    assert mine.read(sent.file.name) == sent.data


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 48, b"x" * 200, shard()[:-1], shard() + b"x"])
def test_shards_that_are_none(mine: XetClient, body: bytes) -> None:
    for version in (1, 2):
        refused(mine.put_shard(body, version=version), 400)


def test_xorbs_that_are_none(mine: XetClient, sent: Sent) -> None:
    body = sent.xorb.body
    flipped = bytearray(body)
    flipped[1000] ^= 1
    for wrong in (b"", body[:-1], body + b"x", bytes(flipped), body + body, b"\0" * 8):
        refused(mine.put_xorb(sent.xorb, body=wrong), 400)
    refused(mine.call("POST", f"/v1/xorbs/default/{sent.file.name}", content=body), 400, "not")
    refused(mine.call("POST", "/v1/xorbs/default/XYZ", content=body), 400)
    refused(mine.call("POST", f"/v1/xorbs/other/{sent.xorb.name}", content=body), 404)
    assert mine.put_xorb(sent.xorb).json() == {"was_inserted": True}


def test_bodies_that_are_too_large(hub: LiveHub, mine: XetClient, sent: Sent) -> None:
    """Refused before they are sent."""
    token = mine.token()
    store = token["casUrl"].removeprefix(hub.url)
    for path in (f"/v1/xorbs/default/{sent.xorb.name}", "/v1/shards", "/v2/shards"):
        lines = (
            f"POST {store}{path} HTTP/1.1",
            f"Host: 127.0.0.1:{hub.port}",
            f"Authorization: Bearer {token['accessToken']}",
            f"Content-Length: {10**9}",
            "Connection: close",
        )
        answer = exchange(hub, ("\r\n".join(lines) + "\r\n\r\n").encode())
        assert answer.status == 413, path


def test_a_reader_s_upload_waits_for_a_commit(
    mine: XetClient, theirs: XetClient, sent: Sent, ada: LiveUser
) -> None:
    """Ada may read bob's repository: what she sends for a pull request is hers alone."""
    guest = XetClient(mine.client, theirs.repo)
    token = guest.token("write", "None", "?create_pr=1")
    assert guest.put_xorb(sent.xorb, token=token).is_success
    assert guest.put_shard(sent.shard(), token=token).json() == {"result": 1}
    assert guest.reconstruction(sent.file.name).is_success
    refused(theirs.reconstruction(sent.file.name), 404)
    assert mine.client.get(f"/api/{theirs.repo}/xet-write-token/main").status_code == 403


def test_cookies_do_not_count(hub: LiveHub, mine: XetClient, sent: Sent) -> None:
    mine.put(sent)
    address = mine.token("read")["casUrl"] + f"/v2/reconstructions/{sent.file.name}"
    answer = httpx.get(address, headers={"cookie": "session=x; hub_session=y"}, trust_env=False)
    refused(answer, 401)


def test_the_cutter_of_these_tests_is_the_hub_s() -> None:
    assert b"".join(cut(b"x" * 300_000)) == b"x" * 300_000
    assert from_text(to_text(bytes(range(32)))) == bytes(range(32))
