from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub_server.git.subprocesses import GitProgram
from tests.unit.git.histories import Repo, make_history
from tests.unit.git.samples import make_sample
from tests.unit.git.smart_http import Server, serving


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo.create(tmp_path / "repo.git")


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Repo]:
    """Repositories with 120 commits made up from a seed, each made once."""
    made: dict[int, Repo] = {}

    def of(seed: int) -> Repo:
        if seed not in made:
            made[seed] = Repo.create(tmp_path_factory.mktemp("history") / "repo.git")
            make_history(made[seed], 120, seed=seed)
        return made[seed]

    return of


@pytest.fixture(params=["program", "native"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A Git server, once with the git program behind it and once without."""
    folder = tmp_path / "hub"
    folder.mkdir()
    with serving(folder, GitProgram.find() if request.param == "program" else None) as server:
        yield server


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the clone `work` and the bare repository `repo` that it filled."""
    folder = tmp_path_factory.mktemp("sample")
    make_sample(folder)
    return folder
