"""The batch API's bodies."""

import pytest

from hub_server.errors import HubError
from hub_server.lfs import (
    Action,
    BatchAnswer,
    BatchRequest,
    ObjectAnswer,
    Wish,
    read_batch,
    read_completion,
    read_wish,
)

OID = "ab" * 32
OBJECT = {"oid": OID, "size": 5}


def test_what_git_lfs_sends() -> None:
    body = {
        "operation": "upload",
        "transfers": ["basic", "lfs-standalone-file", "ssh"],
        "ref": {"name": "refs/heads/main"},
        "objects": [OBJECT],
        "hash_algo": "sha256",
    }
    assert read_batch(body) == BatchRequest(
        "upload",
        (Wish(OID, 5),),
        ("basic", "lfs-standalone-file", "ssh"),
        "refs/heads/main",
    )


def test_what_the_python_client_sends() -> None:
    body = {"operation": "upload", "objects": [OBJECT], "hash_algo": "sha_256"}
    assert read_batch(body) == BatchRequest("upload", (Wish(OID, 5),))


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ([], 400),
        ("text", 400),
        ({"operation": "remove"}, 422),
        ({"operation": None}, 422),
        ({"objects": None}, 422),
        ({"objects": {}}, 422),
        ({"objects": ["x"]}, 422),
        ({"objects": [{"oid": OID}]}, 422),
        ({"objects": [{"oid": OID, "size": -1}]}, 422),
        ({"objects": [{"oid": OID, "size": True}]}, 422),
        ({"objects": [{"oid": OID, "size": 1.5}]}, 422),
        ({"objects": [{"oid": OID, "size": 10**30}]}, 422),
        ({"objects": [{"oid": OID.upper(), "size": 1}]}, 422),
        ({"objects": [{"oid": OID + "\n", "size": 1}]}, 422),
        ({"objects": [{"oid": "../../etc/passwd", "size": 1}]}, 422),
        ({"objects": [OBJECT] * 1001}, 413),
        ({"transfers": "basic"}, 422),
        ({"transfers": [1]}, 422),
        ({"hash_algo": "sha1"}, 409),
    ],
)
def test_what_is_refused(change: object, status: int) -> None:
    body = {"operation": "upload", "objects": [OBJECT]}
    with pytest.raises(HubError) as refusal:
        read_batch({**body, **change} if isinstance(change, dict) else change)
    assert refusal.value.status == status
    assert str(refusal.value)


def test_odd_refs_are_no_ref() -> None:
    for ref in (None, "main", {"name": 5}, {"name": ""}, {}):
        assert read_batch({"operation": "download", "objects": [], "ref": ref}).ref is None


def test_wishes() -> None:
    assert read_wish(OBJECT) == Wish(OID, 5)
    with pytest.raises(HubError):
        read_wish(None)


def test_completions() -> None:
    assert read_completion({"oid": OID, "parts": [{"partNumber": 1, "etag": "x"}]}) == OID
    for body in (None, [], {}, {"oid": 5}, {"oid": "x"}):
        with pytest.raises(HubError):
            read_completion(body)


def test_answers_leave_out_what_does_not_apply() -> None:
    answer = BatchAnswer(
        "basic",
        (
            ObjectAnswer(OID, 1),
            ObjectAnswer(OID, 2, {"upload": Action("http://x", 9, {"a": "b"})}),
            ObjectAnswer(OID, 3, {"download": Action("http://y", 9)}),
            ObjectAnswer(OID, 4, error=(404, "gone")),
        ),
    )
    assert answer.as_json() == {
        "transfer": "basic",
        "hash_algo": "sha256",
        "objects": [
            {"oid": OID, "size": 1},
            {
                "oid": OID,
                "size": 2,
                "authenticated": True,
                "actions": {"upload": {"href": "http://x", "expires_in": 9, "header": {"a": "b"}}},
            },
            {
                "oid": OID,
                "size": 3,
                "authenticated": True,
                "actions": {"download": {"href": "http://y", "expires_in": 9}},
            },
            {"oid": OID, "size": 4, "error": {"code": 404, "message": "gone"}},
        ],
    }
