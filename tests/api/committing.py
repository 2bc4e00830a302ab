"""Commits over HTTP as clients send them, a line for each operation."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import httpx

from tests.support.server import LiveUser

NDJSON = {"content-type": "application/x-ndjson"}


def header(summary: str = "a commit", **more: Any) -> dict[str, Any]:
    return {"key": "header", "value": {"summary": summary, **more}}


def file_line(path: str, content: bytes) -> dict[str, Any]:
    text = base64.b64encode(content).decode()
    return {"key": "file", "value": {"path": path, "content": text, "encoding": "base64"}}


def body(*lines: Mapping[str, Any]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def post(
    user: LiveUser,
    repo: str,
    *lines: Mapping[str, Any],
    revision: str = "main",
    kinds: str = "models",
    raw: bytes | None = None,
) -> httpx.Response:
    with user.client() as client:
        return client.post(
            f"/api/{kinds}/{repo}/commit/{revision}",
            content=body(*lines) if raw is None else raw,
            headers=NDJSON,
        )


def put(user: LiveUser, repo: str, files: Mapping[str, bytes], **options: Any) -> str:
    """Commit files; returns the commit's id."""
    lines = [file_line(path, content) for path, content in files.items()]
    answer = post(user, repo, header(options.pop("summary", "files")), *lines, **options)
    assert answer.status_code == 200, answer.text
    oid: str = answer.json()["commitOid"]
    return oid
