"""What counts as a pointer."""

import shutil
import subprocess

import pytest

from hub_server.lfs import Pointer, format_pointer, parse_pointer

OID = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
TEXT = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n".encode()


def test_there_and_back() -> None:
    assert parse_pointer(TEXT) == Pointer(OID, 12345)
    assert format_pointer(Pointer(OID, 12345)) == TEXT
    assert parse_pointer(format_pointer(Pointer(OID, 0))) == Pointer(OID, 0)


def test_extensions_are_passed_over() -> None:
    first, rest = TEXT.split(b"\n", 1)
    assert parse_pointer(first + b"\next-0-foo sha256:" + b"a" * 64 + b"\n" + rest) == Pointer(
        OID, 12345
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        TEXT.replace(b"v1", b"v9"),
        TEXT.replace(b"sha256", b"md5"),
        TEXT.replace(OID.encode(), OID.encode()[:-1]),
        TEXT.replace(OID.encode(), OID.upper().encode()),
        TEXT.replace(b"12345", b"-1"),
        TEXT.replace(b"12345", b"12 345"),
        TEXT.replace(b"12345", b"9" * 40),
        TEXT.replace(b"\nsize 12345", b""),
        b"\n".join(reversed(TEXT.strip().split(b"\n"))),
        b" " + TEXT,
        TEXT + b"x" * 1024,
        TEXT + b"more\n",
    ],
)
def test_anything_else_is_content(data: bytes) -> None:
    assert parse_pointer(data) is None


@pytest.mark.git
def test_git_lfs_writes_the_same(tmp_path) -> None:
    if not shutil.which("git-lfs"):
        pytest.skip("git-lfs is not installed")
    path = tmp_path / "file"
    path.write_bytes(b"some content")
    said = subprocess.run(
        ["git-lfs", "pointer", f"--file={path}"], capture_output=True, check=True, cwd=tmp_path
    ).stdout
    found = parse_pointer(said)
    assert found
    assert found.size == 12
    assert format_pointer(found) == said
