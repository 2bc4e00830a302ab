"""Downloads and likes, by the clients that people use."""

import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("HF_HUB_DISABLE_UPDATE_CHECK", "1")

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError

from tests.api.committing import put
from tests.support.gitclient import GitClient
from tests.support.server import LiveHub, LiveUser

pytestmark = [
    pytest.mark.client,
    pytest.mark.filterwarnings("default"),  # the client's own warnings are not ours
]

CONFIG = {"config.json": b"{}", "model.safetensors": b"weights", "README.md": b"# Tiny\n"}
FLUSH = 3.0


def api_of(user: LiveUser) -> HfApi:
    return HfApi(endpoint=user.hub.url, token=user.token)


def downloads(hub: LiveHub, repo: str, kind: str = "model") -> tuple[int, int]:
    """Of the month and of all time."""
    with hub.client() as client:
        answer = client.get(f"/api/{kind}s/{repo}?expand=downloads&expand=downloadsAllTime")
    return answer.json()["downloads"], answer.json()["downloadsAllTime"]


def settled(hub: LiveHub, repo: str, wanted: int, kind: str = "model") -> tuple[int, int]:
    """When that many have been counted, or there was time enough to."""
    until = time.monotonic() + 4 * FLUSH
    while downloads(hub, repo, kind)[0] < wanted and time.monotonic() < until:
        time.sleep(0.2)
    time.sleep(FLUSH + 0.5)  # and nothing more comes
    return downloads(hub, repo, kind)


def test_a_snapshot_is_one_download(hub: LiveHub, ada: LiveUser, bob: LiveUser, tmp_path: Path):
    repo = ada.make_repo()
    put(ada, repo, CONFIG)
    for number in range(2):  # within the window, from an empty cache
        api_of(bob).snapshot_download(repo, cache_dir=tmp_path / f"bob{number}")
    api_of(ada).hf_hub_download(repo, "config.json", cache_dir=tmp_path / "ada")
    HfApi(endpoint=hub.url, token=False).snapshot_download(repo, cache_dir=tmp_path / "nobody")
    assert settled(hub, repo, 3) == (3, 3)
    with hub.client() as client:
        told = client.get(f"/api/models/{repo}/download-stats").json()
    assert told["downloads"] == told["downloadsAllTime"] == 3
    assert len(told["days"]) == 30
    assert told["days"][-1]["downloads"] + told["days"][-2]["downloads"] == 3


def test_other_files_and_pages_are_no_downloads(hub: LiveHub, ada: LiveUser):
    repo, words = ada.make_repo(), ada.make_repo(kind="dataset")
    put(ada, repo, CONFIG)
    put(ada, words, {"figure.png": b"\x89PNG"}, kinds="datasets")
    with hub.client() as client:
        for path in ("README.md", "model.safetensors"):
            client.get(f"/{repo}/resolve/main/{path}")
        client.get(f"/{repo}")
        client.get(f"/{repo}/blob/main/config.json")
        assert client.get(f"/{repo}/resolve/main/nothing.json").status_code == 404
        client.get(f"/api/models/{repo}/revision/main")
        shown = {"Sec-Fetch-Dest": "image"}
        client.get(f"/datasets/{words}/resolve/main/figure.png", headers=shown)
    time.sleep(FLUSH + 0.5)
    assert downloads(hub, repo) == downloads(hub, words, "dataset") == (0, 0)


def test_a_model_without_query_files_is_counted_by_its_largest(hub: LiveHub, ada: LiveUser):
    repo = ada.make_repo()
    put(ada, repo, {"model.joblib": b"x" * 500, "notes.txt": b"small", "README.md": b"y" * 900})
    with hub.client() as client:
        for agent in ("one", "two"):
            for path in ("model.joblib", "notes.txt", "README.md"):
                headers = {"User-Agent": f"{agent} {path}"}
                client.head(f"/{repo}/resolve/main/{path}", headers=headers)
    assert settled(hub, repo, 2) == (2, 2)


@pytest.mark.git
def test_a_clone_counts_and_an_update_does_not(hub: LiveHub, ada: LiveUser, git: GitClient):
    repo = ada.make_repo()
    put(ada, repo, CONFIG)
    clone = git.clone(f"{hub.url}/{repo}", "clone")
    assert settled(hub, repo, 1) == (1, 1)
    put(ada, repo, {"more.txt": b"more"})
    with hub.writing() as session:
        session.connection().exec_driver_sql("DELETE FROM recent_download")
    git("pull", "-q", cwd=clone)
    time.sleep(FLUSH + 0.5)
    assert downloads(hub, repo) == (1, 1)


def fetch(hub: LiveHub, repo: str, agents: range) -> None:
    with hub.client() as client:
        for number in agents:
            path = f"/datasets/{repo}/resolve/main/a.csv"
            assert client.get(path, headers={"User-Agent": f"agent {number}"}).is_success


def test_a_kill_loses_no_more_than_the_last_seconds(make_hub: Callable[..., LiveHub]):
    hub = make_hub(workers=2)
    ada = hub.make_user("ada")
    repo = ada.make_repo(kind="dataset")
    put(ada, repo, {"a.csv": b"1\n"}, kinds="datasets")
    fetch(hub, repo, range(30))
    time.sleep(FLUSH + 1)
    fetch(hub, repo, range(30, 40))
    hub.kill()
    hub.start()
    total, _ = downloads(hub, repo, "dataset")
    assert 30 <= total <= 40
    fetch(hub, repo, range(100, 110))
    assert hub.stop() == 0
    hub.start()
    assert downloads(hub, repo, "dataset") == (total + 10, total + 10), "a stop loses nothing"


def test_likes(hub: LiveHub, ada: LiveUser):
    fan = hub.make_user()
    model, dataset = ada.make_repo(), ada.make_repo(kind="dataset")
    hidden = ada.make_repo(private=True)
    api, nobody = api_of(fan), HfApi(endpoint=hub.url, token=False)
    with fan.client() as client:
        for path in (f"models/{model}", f"datasets/{dataset}"):
            assert client.post(f"/api/{path}/like").status_code == 200
            assert client.post(f"/api/{path}/like").status_code == 200
        assert client.post(f"/api/models/{hidden}/like").status_code == 404
    liked = nobody.list_liked_repos(fan.name)
    assert (liked.user, liked.total) == (fan.name, 2)
    assert (liked.models, liked.datasets, liked.spaces) == ([model], [dataset], [])
    assert api.list_liked_repos().models == [model]
    assert [user.username for user in nobody.list_repo_likers(model)] == [fan.name]
    assert nobody.model_info(model).likes == 1
    assert nobody.get_user_overview(fan.name).num_likes == 2
    api.unlike(model)
    api.unlike(model)
    assert nobody.model_info(model).likes == 0
    assert list(nobody.list_repo_likers(model)) == []
    for unknown in (hidden, f"{ada.name}/nothing"):
        with pytest.raises(RepositoryNotFoundError):
            api.unlike(unknown)
        with pytest.raises(RepositoryNotFoundError):
            list(nobody.list_repo_likers(unknown))


def test_pages_of_likes(hub: LiveHub, ada: LiveUser):
    model = ada.make_repo()
    fans = [hub.make_user() for _ in range(5)]
    for fan in fans:
        with fan.client() as client:
            assert client.post(f"/api/models/{model}/like").is_success
    with hub.client() as client:
        seen: list[str] = []
        path = f"/api/models/{model}/likers?limit=2"
        while path:
            answer = client.get(path)
            seen += [each["user"] for each in answer.json()]
            path = answer.links.get("next", {}).get("url", "")
        assert seen == [fan.name for fan in reversed(fans)]
        for forged in ("", "x", "WyIyMDI2LTAxLTAxIiwgMV0.x"):
            answer = client.get(f"/api/models/{model}/likers", params={"cursor": forged})
            assert answer.status_code == (400 if forged else 200)


def test_only_people_like(hub: LiveHub, ada: LiveUser):
    model = ada.make_repo()
    with hub.client() as nobody:
        assert nobody.post(f"/api/models/{model}/like").status_code == 401
    reading = hub.command("token", "create", ada.name, "--role", "read")
    with hub.client(reading) as client:
        assert client.post(f"/api/models/{model}/like").status_code == 403
