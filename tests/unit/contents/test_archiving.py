"""Archives: bounds, odd names, times before their calendars, files that are gone, flat memory."""

import io
import tarfile
import tracemalloc
import zipfile

import pytest

from hub_server import contents
from hub_server.contents import AddFile, AddLfs, Archive, PutBack, archiving
from hub_server.db.tables.repos import Repo
from hub_server.errors import TooLarge
from hub_server.git import SUBMODULE
from tests.unit.contents.conftest import Place


def made(place: Place, repo: Repo) -> Archive:
    with place.hub.database.read() as session:
        return contents.archive_of(place.hub, session, place.again(repo), "main", "top")


def unzipped(archive: Archive) -> dict[str, bytes]:
    packed = zipfile.ZipFile(io.BytesIO(b"".join(archive.packed("zip"))))
    return {name: packed.read(name) for name in packed.namelist()}


def test_folders_submodules_and_names_that_are_no_text(lite: Place) -> None:
    repo = lite.repo()
    odd = b"caf\xe9".decode("utf-8", "surrogateescape")
    lite.commit(repo, AddFile(f"d/{odd}", b"x"), PutBack("sub", "1" * 40, SUBMODULE))
    files = unzipped(made(lite, repo))
    assert files["top/d/caf\N{REPLACEMENT CHARACTER}"] == b"x"
    assert files["top/d/"] == files["top/sub/"] == b""
    with tarfile.open(fileobj=io.BytesIO(b"".join(made(lite, repo).packed("tar.gz")))) as tar:
        assert tar.getmember("top/sub").isdir()
        assert f"top/d/{odd}" in tar.getnames()


def test_a_large_file_that_was_removed_is_its_pointer(lite: Place) -> None:
    repo = lite.repo()
    oid = lite.upload(repo, b"large" * 100)
    lite.commit(repo, AddLfs("m.bin", oid))
    assert unzipped(made(lite, repo))["top/m.bin"] == b"large" * 100
    contents.delete_lfs_files(lite.hub, lite.ada, lite.again(repo), [oid])
    assert unzipped(made(lite, repo))["top/m.bin"].startswith(b"version https://git-lfs")


@pytest.mark.parametrize(("limit", "value"), [("MOST_FILES", 1), ("MOST_BYTES", 10)])
def test_what_is_too_large_is_refused_at_once(
    lite: Place, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    repo = lite.repo()
    lite.write(repo, a="1" * 20, b="2")
    monkeypatch.setattr(archiving, limit, value)
    with pytest.raises(TooLarge, match="too large"):
        made(lite, repo)


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_memory_stays_flat(lite: Place, form: archiving.Form) -> None:
    repo = lite.repo()
    data = b"0123456789abcdef" * 4_000_000
    lite.commit(repo, AddLfs("m.bin", lite.upload(repo, data)))
    archive, total = made(lite, repo), 0
    del data
    tracemalloc.start()
    try:
        for chunk in archive.packed(form):
            total += len(chunk)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert total > (64_000_000 if form == "zip" else 200_000)
