from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.git.histories import Repo, make_history


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
