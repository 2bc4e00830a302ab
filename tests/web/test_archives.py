"""Archives hold what a checkout would, large files too, and cost no memory."""

import io
import os
import stat
import tarfile
import zipfile

import pytest

from tests.support.gitclient import GitClient
from tests.support.server import LiveHub, LiveUser
from tests.web.site import Visitor, links

pytestmark = pytest.mark.git


LARGE = os.urandom(3_000_000)
TOP = "odd.name-feat-x"


@pytest.fixture(scope="module")
def repo(hub: LiveHub, tmp_path_factory: pytest.TempPathFactory) -> str:
    """With a large file, a link, a script and a folder, on a branch with a slash."""
    ada, git = hub.make_user(), GitClient(tmp_path_factory.mktemp("archived"))
    git("lfs", "install", "--skip-repo")
    made = ada.make_repo("odd.name")
    clone = git.clone(ada.git_url(made), "archived")
    attributes = "*.bin filter=lfs -text\n"
    git.commit(clone, {".gitattributes": attributes, "m.bin": LARGE, "été/a b.txt": "text\n"})
    (clone / "run.sh").write_text("#!/bin/sh\n")
    (clone / "run.sh").chmod(0o755)
    (clone / "link").symlink_to("run.sh")
    git.commit(clone, {"empty": ""}, "More")
    git("checkout", "-q", "-b", "feat/x", cwd=clone)
    git("push", "-q", "origin", "feat/x", cwd=clone)
    return made


def test_a_zip_holds_what_a_checkout_holds(hub: LiveHub, repo: str) -> None:
    with Visitor(hub) as guest:
        answer = guest.client.get(f"/{repo}/archive/feat%2Fx.zip")
    packed = zipfile.ZipFile(io.BytesIO(answer.content))
    assert packed.testzip() is None
    assert packed.read(f"{TOP}/m.bin") == LARGE
    assert packed.read(f"{TOP}/été/a b.txt") == b"text\n"
    assert packed.read(f"{TOP}/link") == b"run.sh"
    modes = {info.filename: info.external_attr >> 16 for info in packed.infolist()}
    assert stat.S_ISLNK(modes[f"{TOP}/link"])
    assert modes[f"{TOP}/run.sh"] & 0o777 == 0o755
    assert modes[f"{TOP}/empty"] & 0o777 == 0o644


def test_a_tar_holds_the_same(hub: LiveHub, repo: str) -> None:
    with Visitor(hub) as guest:
        answer = guest.client.get(f"/{repo}/archive/feat%2Fx.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        found = {member.name: member for member in tar}
        file = tar.extractfile(f"{TOP}/m.bin")
        assert file is not None
        assert file.read() == LARGE
    assert found[f"{TOP}/link"].linkname == "run.sh"
    assert found[f"{TOP}/run.sh"].mode == 0o755
    assert found[f"{TOP}/été"].isdir()
    assert found[f"{TOP}/empty"].size == 0


def test_an_archive_is_a_download_that_browsers_keep(hub: LiveHub, repo: str) -> None:
    with Visitor(hub) as guest:
        address = f"/{repo}/archive/feat%2Fx.zip"
        assert address in links(guest.get(f"/{repo}/tree/feat%2Fx"))
        headers = guest.client.get(address).headers
        assert headers["content-type"] == "application/zip"
        assert headers["content-disposition"].startswith("attachment")
        assert f'"{TOP}.zip"' in headers["content-disposition"]
        assert headers["content-security-policy"].startswith("sandbox")
        again = guest.client.get(address, headers={"If-None-Match": headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_what_there_is_no_archive_of(hub: LiveHub, ada: LiveUser, bob: LiveUser) -> None:
    repo, hidden = ada.make_repo(), ada.make_repo(private=True)
    with Visitor(hub) as guest, Visitor(hub) as other:
        other.sign_in(bob)
        for name in ("main", "main.rar", ".zip", "none.zip", "none.tar.gz"):
            guest.get(f"/{repo}/archive/{name}", 404)
        guest.get(f"/{hidden}/archive/main.zip", 401)
        other.get(f"/{hidden}/archive/main.zip", 404)
