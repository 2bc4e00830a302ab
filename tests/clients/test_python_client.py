"""The official Python client, as people use it; what it raises is what we assert."""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("HF_HUB_DISABLE_UPDATE_CHECK", "1")

import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    HfFileSystem,
    ModelCard,
    constants,
    hf_api,
)
from huggingface_hub.errors import (
    BadRequestError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.support.server import LiveHub, LiveUser

pytestmark = [
    pytest.mark.client,
    pytest.mark.filterwarnings("default"),  # the client's own warnings are not ours
]


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hub: LiveHub) -> None:
    """A cache of this test's own, no token of this machine, no Xet, nowhere else to go."""
    for name in ("HF_HUB_CACHE", "HF_ASSETS_CACHE", "HF_XET_CACHE"):
        monkeypatch.setattr(constants, name, str(tmp_path / "hf" / name))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(hf_api.api, "endpoint", hub.url)
    HfFileSystem.clear_instance_cache()


@pytest.fixture
def api(hub: LiveHub, ada: LiveUser) -> HfApi:
    return HfApi(endpoint=hub.url, token=ada.token)


@pytest.fixture
def stranger(hub: LiveHub, bob: LiveUser) -> HfApi:
    return HfApi(endpoint=hub.url, token=bob.token)


@pytest.fixture
def nobody(hub: LiveHub) -> HfApi:
    return HfApi(endpoint=hub.url, token=False)


@pytest.fixture
def repo(api: HfApi, ada: LiveUser) -> str:
    return ada.make_repo()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder as people upload it."""
    root = tmp_path / "upload"
    (root / "sub dir").mkdir(parents=True)
    (root / "README.md").write_text("---\nlicense: mit\n---\n# Usage\n")
    (root / "config.json").write_text('{"model_type": "bert"}')
    (root / "sub dir" / "ünï & c#.txt").write_text("odd name")
    (root / "empty.txt").write_text("")
    return root


def fetched(api: HfApi, repo: str, name: str, tmp_path: Path, **more: Any) -> bytes:
    path = api.hf_hub_download(repo, name, cache_dir=tmp_path / "cache", **more)
    return Path(path).read_bytes()


def test_who_am_i(api: HfApi, ada: LiveUser, nobody: HfApi) -> None:
    found = api.whoami()
    assert found["name"] == ada.name
    assert found["auth"]["accessToken"]["role"] == "write"
    with pytest.raises(Exception, match=r"[Tt]oken"):
        nobody.whoami()


def test_repositories_are_made_once(api: HfApi, hub: LiveHub, ada: LiveUser) -> None:
    url = api.create_repo("made-once")
    assert url == f"{hub.url}/{ada.name}/made-once"
    assert api.create_repo("made-once", exist_ok=True).repo_id == f"{ada.name}/made-once"
    with pytest.raises(HfHubHTTPError, match="already created this model repo"):
        api.create_repo("made-once")
    assert [commit.title for commit in api.list_repo_commits(f"{ada.name}/made-once")] == [
        "initial commit"
    ]


@pytest.mark.parametrize("kind", ["dataset", "space"])
def test_every_kind_has_its_own_addresses(
    api: HfApi, hub: LiveHub, ada: LiveUser, kind: str, tmp_path: Path
) -> None:
    sdk = {"space_sdk": "gradio"} if kind == "space" else {}
    url = api.create_repo(f"kind-{kind}", repo_type=kind, **sdk)
    assert url == f"{hub.url}/{kind}s/{ada.name}/kind-{kind}"
    done = api.upload_file(
        path_or_fileobj=b"hello",
        path_in_repo="a.txt",
        repo_id=url.repo_id,
        repo_type=kind,
    )
    assert done.repo_url.repo_type == kind
    assert fetched(api, url.repo_id, "a.txt", tmp_path, repo_type=kind) == b"hello"
    info = api.repo_info(url.repo_id, repo_type=kind)
    assert info.id == url.repo_id
    if kind == "space":
        assert info.sdk == "gradio"


def test_somebody_elses_namespace(stranger: HfApi, ada: LiveUser, repo: str) -> None:
    with pytest.raises(HfHubHTTPError, match="rights"):
        stranger.create_repo(f"{ada.name}/not-mine")
    assert stranger.create_repo(repo, exist_ok=True).repo_id == repo


def test_upload_and_download_of_one_file(api: HfApi, repo: str, tmp_path: Path) -> None:
    done = api.upload_file(
        path_or_fileobj=b"some bytes",
        path_in_repo="deep/in/here.txt",
        repo_id=repo,
        commit_message="a title",
        commit_description="and more",
    )
    assert done.commit_url.endswith(f"/commit/{done.oid}")
    assert fetched(api, repo, "deep/in/here.txt", tmp_path) == b"some bytes"
    assert fetched(api, repo, "deep/in/here.txt", tmp_path, revision=done.oid) == b"some bytes"
    newest = api.list_repo_commits(repo)[0]
    assert (newest.title, newest.message, newest.authors) == ("a title", "and more", ["ada"])


def test_a_folder_comes_back_as_it_was(
    api: HfApi, nobody: HfApi, repo: str, files: Path, tmp_path: Path
) -> None:
    api.upload_folder(folder_path=files, repo_id=repo)
    found = Path(nobody.snapshot_download(repo, cache_dir=tmp_path / "cache"))
    names = {path.relative_to(files).as_posix() for path in files.rglob("*") if path.is_file()}
    assert set(api.list_repo_files(repo)) == names | {".gitattributes"}
    for name in names:
        assert (found / name).read_bytes() == (files / name).read_bytes(), name


def test_an_unchanged_file_makes_no_commit(api: HfApi, repo: str) -> None:
    upload = {"path_or_fileobj": b"same", "path_in_repo": "a.txt", "repo_id": repo}
    first = api.upload_file(**upload)
    second = api.upload_file(**upload)
    assert second.oid == first.oid
    assert len(api.list_repo_commits(repo)) == 2


def test_every_operation_in_one_commit(api: HfApi, repo: str, tmp_path: Path) -> None:
    for name in ("gone.txt", "old/a.txt", "old/b.txt", "kept.txt"):
        api.upload_file(path_or_fileobj=name.encode(), path_in_repo=name, repo_id=repo)
    api.create_commit(
        repo,
        [
            CommitOperationAdd("new.txt", b"new"),
            CommitOperationDelete("gone.txt"),
            CommitOperationDelete("old/"),
            CommitOperationCopy("kept.txt", "copied.txt"),
        ],
        commit_message="all at once",
    )
    assert set(api.list_repo_files(repo)) == {
        ".gitattributes",
        "copied.txt",
        "kept.txt",
        "new.txt",
    }
    assert fetched(api, repo, "copied.txt", tmp_path) == b"kept.txt"


def test_deleting_what_is_not_there(api: HfApi, repo: str) -> None:
    with pytest.raises(EntryNotFoundError, match="A file with this name doesn't exist"):
        api.delete_file("nope.txt", repo)
    api.upload_file(path_or_fileobj=b"1", path_in_repo="folder/x.txt", repo_id=repo)
    api.delete_file("folder", repo)
    assert api.list_repo_files(repo) == [".gitattributes"]


def test_a_parent_that_has_moved(api: HfApi, repo: str) -> None:
    head = api.model_info(repo).sha
    api.upload_file(path_or_fileobj=b"1", path_in_repo="x", repo_id=repo, parent_commit=head)
    with pytest.raises(HfHubHTTPError, match="The branch was updated") as failure:
        api.upload_file(path_or_fileobj=b"2", path_in_repo="y", repo_id=repo, parent_commit=head)
    assert failure.value.response.status_code == 412


def test_a_card_that_is_wrong_is_refused_before_it_is_sent(api: HfApi, repo: str) -> None:
    with pytest.raises(ValueError, match="license"):
        api.upload_file(
            path_or_fileobj=b"---\nlicense: no-such\n---\n", path_in_repo="README.md", repo_id=repo
        )
    with pytest.raises(ValueError, match="license"):
        ModelCard("---\nlicense: no-such\n---\n").validate()


def test_a_card_is_pushed_and_loaded(api: HfApi, repo: str, ada: LiveUser) -> None:
    card = ModelCard("---\nlicense: mit\ntags:\n- some-tag\n---\n# Usage\n")
    card.push_to_hub(repo, token=ada.token)
    assert ModelCard.load(repo, token=ada.token).data.license == "mit"
    info = api.model_info(repo)
    assert info.card_data.license == "mit"
    assert {"license:mit", "some-tag"} <= set(info.tags)


def test_ignored_files_stay_at_home(api: HfApi, repo: str, tmp_path: Path) -> None:
    (tmp_path / "up").mkdir()
    for name, text in ((".gitignore", "*.log\n"), ("a.log", "x"), ("b.txt", "y")):
        (tmp_path / "up" / name).write_text(text)
    api.upload_folder(folder_path=tmp_path / "up", repo_id=repo)
    assert set(api.list_repo_files(repo)) == {".gitattributes", ".gitignore", "b.txt"}


def test_trees_and_paths(api: HfApi, repo: str, files: Path) -> None:
    api.upload_folder(folder_path=files, repo_id=repo, commit_message="folder")
    tree = {entry.path: entry for entry in api.list_repo_tree(repo, recursive=True, expand=True)}
    assert tree["sub dir"].tree_id
    assert tree["sub dir"].last_commit.title == "folder"
    assert tree["config.json"].size == len('{"model_type": "bert"}')
    below = [entry.path for entry in api.list_repo_tree(repo, "sub dir")]
    assert below == ["sub dir/ünï & c#.txt"]
    found = api.get_paths_info(repo, ["sub dir", "nope", "config.json"], expand=True)
    assert [entry.path for entry in found] == ["sub dir", "config.json"]
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree(repo, "nope"))


def test_branches(api: HfApi, repo: str, tmp_path: Path) -> None:
    head = api.model_info(repo).sha
    api.create_branch(repo, branch="feat/x")
    with pytest.raises(HfHubHTTPError, match="Reference refs/heads/feat/x already exists"):
        api.create_branch(repo, branch="feat/x")
    api.create_branch(repo, branch="feat/x", exist_ok=True)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="d/x", repo_id=repo, revision="feat/x")
    assert fetched(api, repo, "d/x", tmp_path, revision="feat/x") == b"x"
    assert api.model_info(repo).sha == head
    assert api.model_info(repo, revision="feat/x").sha != head
    assert [e.path for e in api.list_repo_tree(repo, "d", revision="feat/x")] == ["d/x"]
    api.create_branch(repo, branch="from-sha", revision=head[:8])
    names = {branch.name: branch.target_commit for branch in api.list_repo_refs(repo).branches}
    assert names["from-sha"] == head
    api.delete_branch(repo, branch="feat/x")
    assert "feat/x" not in {branch.name for branch in api.list_repo_refs(repo).branches}
    with pytest.raises(HfHubHTTPError, match="Cannot delete refs/heads/main"):
        api.delete_branch(repo, branch="main")
    with pytest.raises(HfHubHTTPError, match="Invalid rev id"):
        api.delete_branch(repo, branch="never")
    with pytest.raises(BadRequestError, match="Invalid reference for a branch"):
        api.create_branch(repo, branch="refs/pr/1")
    with pytest.raises(RevisionNotFoundError):
        api.create_branch(repo, branch="y", revision="never")


def test_tags(api: HfApi, repo: str, tmp_path: Path) -> None:
    api.create_tag(repo, tag="v1", tag_message="first")
    api.create_tag(repo, tag="v1.light")
    head = api.model_info(repo).sha
    refs = api.list_repo_refs(repo, include_pull_requests=True)
    assert {tag.name: tag.target_commit for tag in refs.tags} == {"v1": head, "v1.light": head}
    assert refs.pull_requests == []
    api.upload_file(path_or_fileobj=b"later", path_in_repo="later.txt", repo_id=repo)
    with pytest.raises(RemoteEntryNotFoundError):
        api.hf_hub_download(repo, "later.txt", revision="v1", cache_dir=tmp_path)
    with pytest.raises(HfHubHTTPError) as failure:
        api.create_tag(repo, tag="v1")
    assert failure.value.response.status_code == 409
    api.create_tag(repo, tag="v1", exist_ok=True)
    with pytest.raises(RevisionNotFoundError):
        api.create_tag(repo, tag="v2", revision="never")
    api.delete_tag(repo, tag="v1")
    with pytest.raises(RevisionNotFoundError):
        api.delete_tag(repo, tag="v1")


def test_a_history_squashed(api: HfApi, repo: str) -> None:
    for number in range(3):
        api.upload_file(path_or_fileobj=b"%d" % number, path_in_repo="n", repo_id=repo)
    api.create_branch(repo, branch="kept")
    api.super_squash_history(repo, commit_message="all of it")
    assert [commit.title for commit in api.list_repo_commits(repo)] == ["all of it"]
    assert len(api.list_repo_commits(repo, revision="kept")) == 4
    assert set(api.list_repo_files(repo)) == {".gitattributes", "n"}


def test_long_histories_come_in_pages(api: HfApi, repo: str) -> None:
    for number in range(60):
        operations = [CommitOperationAdd("n", b"%d" % number)]
        api.create_commit(repo, operations, commit_message=f"number {number}")
    commits = api.list_repo_commits(repo, formatted=True)
    assert len(commits) == 61
    assert commits[0].formatted_title == "number 59"


def test_moved_repositories_are_found_by_both_names(
    api: HfApi, nobody: HfApi, ada: LiveUser, tmp_path: Path
) -> None:
    old = ada.make_repo()
    api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=old)
    new, other = f"{old}-new", ada.make_repo()
    api.move_repo(old, new)
    assert nobody.model_info(old).id == new
    assert fetched(nobody, old, "a.txt", tmp_path) == b"x"
    api.upload_file(path_or_fileobj=b"y", path_in_repo="a.txt", repo_id=old)
    assert api.list_repo_refs(old).branches
    with pytest.raises(HfHubHTTPError, match=r"A model repository called .* already exists"):
        api.move_repo(new, other)


def test_settings_are_true_at_once(api: HfApi, nobody: HfApi, repo: str) -> None:
    api.update_repo_settings(repo, gated="manual")
    assert nobody.model_info(repo).gated == "manual"
    api.update_repo_settings(repo, gated=False, private=True)
    assert api.model_info(repo).private is True
    assert api.model_info(repo).gated is False
    with pytest.raises(RepositoryNotFoundError):
        nobody.model_info(repo)


def test_deletion(api: HfApi, stranger: HfApi, ada: LiveUser) -> None:
    repo = ada.make_repo()
    with pytest.raises(HfHubHTTPError) as failure:
        stranger.delete_repo(repo)
    assert failure.value.response.status_code == 403
    api.delete_repo(repo)
    assert not api.repo_exists(repo)
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo(repo)
    api.delete_repo(repo, missing_ok=True)
    assert api.create_repo(repo).repo_id == repo


def test_private_repositories_do_not_exist_for_others(
    api: HfApi, stranger: HfApi, nobody: HfApi, ada: LiveUser, tmp_path: Path
) -> None:
    repo = ada.make_repo(private=True)
    api.upload_file(path_or_fileobj=b"secret", path_in_repo="a.txt", repo_id=repo)
    assert fetched(api, repo, "a.txt", tmp_path) == b"secret"
    for other in (stranger, nobody):
        for refused in (
            lambda who=other: who.model_info(repo),
            lambda who=other: who.hf_hub_download(repo, "a.txt", cache_dir=tmp_path / "other"),
            lambda who=other: who.snapshot_download(repo, cache_dir=tmp_path / "other"),
            lambda who=other: list(who.list_repo_tree(repo)),
            lambda who=other: who.list_repo_refs(repo),
            lambda who=other: who.auth_check(repo),
        ):
            with pytest.raises(RepositoryNotFoundError):
                refused()
        assert repo not in {model.id for model in other.list_models(author=ada.name)}
    assert repo in {model.id for model in api.list_models(author=ada.name)}


def test_gated_repositories_show_their_card_and_keep_their_files(
    api: HfApi, stranger: HfApi, nobody: HfApi, repo: str, tmp_path: Path
) -> None:
    api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo)
    api.update_repo_settings(repo, gated="auto")
    for other in (stranger, nobody):
        assert other.model_info(repo).gated == "auto"
        with pytest.raises(GatedRepoError, match=r"Access to model .* is restricted"):
            other.hf_hub_download(repo, "a.txt", cache_dir=tmp_path / "other")
        with pytest.raises(GatedRepoError):
            other.auth_check(repo)
    assert fetched(api, repo, "a.txt", tmp_path) == b"x"
    api.auth_check(repo)


@pytest.mark.parametrize("who", ["api", "nobody"])
def test_what_is_missing_has_its_name(
    request: pytest.FixtureRequest, who: str, repo: str, ada: LiveUser, tmp_path: Path
) -> None:
    client: HfApi = request.getfixturevalue(who)
    with pytest.raises(RemoteEntryNotFoundError):
        client.hf_hub_download(repo, "nope.txt", cache_dir=tmp_path)
    with pytest.raises(RevisionNotFoundError):
        client.hf_hub_download(repo, "README.md", revision="nope", cache_dir=tmp_path)
    with pytest.raises(RepositoryNotFoundError):
        client.hf_hub_download(f"{ada.name}/never", "README.md", cache_dir=tmp_path)
    with pytest.raises(RevisionNotFoundError):
        client.model_info(repo, revision="nope")
    assert not client.repo_exists(f"{ada.name}/never")
    assert client.revision_exists(repo, "main")
    assert not client.revision_exists(repo, "nope")
    assert not client.file_exists(repo, "nope")
    assert client.file_exists(repo, ".gitattributes")


def test_a_bad_token_says_so(hub: LiveHub, repo: str) -> None:
    with pytest.raises(HfHubHTTPError, match="Invalid credentials in Authorization header"):
        HfApi(endpoint=hub.url, token="hf_" + "x" * 34).model_info(repo)


def test_no_right_to_write(stranger: HfApi, repo: str) -> None:
    with pytest.raises(HfHubHTTPError) as failure:
        stranger.upload_file(path_or_fileobj=b"x", path_in_repo="a", repo_id=repo)
    assert failure.value.response.status_code == 403


def test_the_file_system(api: HfApi, hub: LiveHub, repo: str, files: Path, ada: LiveUser) -> None:
    api.upload_folder(folder_path=files, repo_id=repo)
    fs = HfFileSystem(endpoint=hub.url, token=ada.token)
    assert f"{repo}/sub dir" in fs.ls(repo, detail=False)
    assert fs.glob(f"{repo}/**/*.txt")
    assert fs.isdir(f"{repo}/sub dir")
    assert not fs.exists(f"{repo}/nope")
    with fs.open(f"{repo}/config.json", "rb") as file:
        file.seek(2)
        assert file.read(10) == b"model_type"
    with fs.open(f"{repo}/made.txt", "w") as file:
        file.write("written")
    assert fs.read_text(f"{repo}/made.txt") == "written"
    fs.rm(f"{repo}/made.txt")
    assert not fs.exists(f"{repo}/made.txt")
    api.create_branch(repo, branch="feat/x")
    assert fs.read_text(f"{repo}@feat%2Fx/config.json") == '{"model_type": "bert"}'


def test_what_repositories_tell(api: HfApi, repo: str, files: Path) -> None:
    api.upload_folder(folder_path=files, repo_id=repo)
    info = api.model_info(repo, files_metadata=True, securityStatus=True)
    sizes = {file.rfilename: file.size for file in info.siblings}
    assert sizes["config.json"] == len('{"model_type": "bert"}')
    assert info.security_repo_status == {"scansDone": False, "filesWithIssues": []}
    few = api.model_info(repo, expand=["sha", "likes"])
    assert few.sha == info.sha
    assert few.author is None
    with pytest.raises(BadRequestError, match="expected one of"):
        api.model_info(repo, expand=["nonsense"])


def test_expand_takes_what_the_client_knows(api: HfApi, repo: str, ada: LiveUser) -> None:
    kinds = {
        "model": hf_api.ExpandModelProperty_T,
        "dataset": hf_api.ExpandDatasetProperty_T,
        "space": hf_api.ExpandSpaceProperty_T,
    }
    for kind, words in kinds.items():
        name = ada.make_repo(kind=kind)
        assert api.repo_info(name, repo_type=kind, expand=list(words.__args__)).id == name


def test_listings(api: HfApi, nobody: HfApi, ada: LiveUser) -> None:
    names = [ada.make_repo() for _ in range(3)]
    card = b"---\ntags: [a-rare-tag]\nlicense: mit\npipeline_tag: fill-mask\n---\n# Usage\n"
    api.upload_file(path_or_fileobj=card, path_in_repo="README.md", repo_id=names[0])
    assert [m.id for m in nobody.list_models(filter="a-rare-tag")] == [names[0]]
    assert [m.id for m in nobody.list_models(filter=["a-rare-tag", "license:mit"])] == [names[0]]
    assert [m.id for m in nobody.list_models(filter=["a-rare-tag", "license:apache-2.0"])] == []
    assert [m.id for m in nobody.list_models(search=names[1])] == [names[1]]
    assert names[0] in [m.id for m in nobody.list_models(pipeline_tag="fill-mask")]
    assert set(names) <= {m.id for m in nobody.list_models(author=ada.name, limit=1000)}
    newest = nobody.list_models(author=ada.name, sort="created_at", limit=2)
    assert [m.id for m in newest] == [names[2], names[1]]
    (full,) = nobody.list_models(search=names[0], full=True, cardData=True)
    assert full.card_data.license == "mit"
    assert {file.rfilename for file in full.siblings} == {".gitattributes", "README.md"}


def test_duplicates(api: HfApi, nobody: HfApi, repo: str, files: Path, tmp_path: Path) -> None:
    api.upload_folder(folder_path=files, repo_id=repo)
    url = api.duplicate_repo(repo, f"{repo}-copy")
    assert fetched(nobody, url.repo_id, "config.json", tmp_path) == b'{"model_type": "bert"}'
    assert api.model_info(url.repo_id).sha == api.model_info(repo).sha


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights" / "model.safetensors"
    path.parent.mkdir()
    path.write_bytes(os.urandom(300_000))
    return path


def test_large_files(api: HfApi, nobody: HfApi, repo: str, weights: Path, tmp_path: Path) -> None:
    api.upload_folder(folder_path=weights.parent, repo_id=repo)
    found = fetched(nobody, repo, "model.safetensors", tmp_path)
    assert found == weights.read_bytes()
    (entry,) = api.get_paths_info(repo, ["model.safetensors"])
    assert entry.size == entry.lfs.size == 300_000
    assert api.upload_folder(folder_path=weights.parent, repo_id=repo).oid == head_of(api, repo)
    (listed,) = api.list_lfs_files(repo)
    assert (listed.filename, listed.size, listed.ref) == (
        "model.safetensors",
        300_000,
        "refs/heads/main",
    )
    api.create_commit(
        repo,
        [CommitOperationCopy("model.safetensors", "copy.safetensors")],
        commit_message="copy",
    )
    assert fetched(nobody, repo, "copy.safetensors", tmp_path) == weights.read_bytes()
    fs = HfFileSystem(endpoint=nobody.endpoint, token=False)
    assert fs.read_block(f"{repo}/model.safetensors", 1000, 50) == weights.read_bytes()[1000:1050]


def head_of(api: HfApi, repo: str) -> str:
    sha = api.model_info(repo).sha
    assert sha
    return sha


def test_large_files_taken_away_for_good(
    api: HfApi, repo: str, weights: Path, tmp_path: Path
) -> None:
    api.upload_folder(folder_path=weights.parent, repo_id=repo)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="kept.txt", repo_id=repo)
    api.permanently_delete_lfs_files(repo, api.list_lfs_files(repo))
    assert list(api.list_lfs_files(repo)) == []
    assert "model.safetensors" not in api.list_repo_files(repo)
    with pytest.raises(RemoteEntryNotFoundError):
        api.hf_hub_download(repo, "model.safetensors", cache_dir=tmp_path)
    assert fetched(api, repo, "kept.txt", tmp_path) == b"x"


def test_a_large_file_under_an_unusual_name(api: HfApi, repo: str, tmp_path: Path) -> None:
    api.upload_file(
        path_or_fileobj=os.urandom(200_000), path_in_repo="odd [1] #ä.data", repo_id=repo
    )
    attributes = fetched(api, repo, ".gitattributes", tmp_path).decode()
    assert attributes.splitlines()[-1].startswith("odd")
    assert len(fetched(api, repo, "odd [1] #ä.data", tmp_path)) == 200_000


def test_names_of_one_segment(
    api: HfApi, nobody: HfApi, hub: LiveHub, repo: str, tmp_path: Path
) -> None:
    alias = f"canon{repo[-6:]}"
    hub.command("alias", "add", alias, repo)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=repo)
    assert nobody.model_info(alias).id == repo
    assert nobody.list_repo_refs(alias).branches
    assert fetched(nobody, alias, "a.txt", tmp_path) == b"x"
    api.update_repo_settings(repo, private=True)
    with pytest.raises(RepositoryNotFoundError):
        nobody.model_info(alias)
    assert api.model_info(alias).id == repo
