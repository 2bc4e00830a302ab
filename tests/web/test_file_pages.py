"""What is seen of files of each kind, with real pushes and large files."""

import hashlib
import json

import pytest

from hub_server.web.looking import TEXT_LIMIT
from tests.support.gitclient import GitClient
from tests.support.server import LiveHub
from tests.unit.cards import headers
from tests.web.site import Visitor, links, words

pytestmark = pytest.mark.git

ATTACK = "<script>document.title='stolen'</script>"
NOTEBOOK = {
    "nbformat": 4,
    "metadata": {"language_info": {"name": "python"}},
    "cells": [
        {"cell_type": "markdown", "source": f"# Title\n\n{ATTACK}\n\n[code](run.py)"},
        {
            "cell_type": "code",
            "execution_count": 7,
            "source": "def f():\n    return 1",
            "outputs": [
                {"output_type": "stream", "text": f"{ATTACK}\n"},
                {"output_type": "display_data", "data": {"text/html": ATTACK}},
                {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo="}},
            ],
        },
    ],
}
FILES: dict[str, str | bytes] = {
    "config.json": '{"id2label": {"0": "O"}, "eps": 1e-12, "x": "' + ATTACK + '"}',
    "broken.json": "{",
    "weather.csv": f"city;°C\nLyon;4.5\n{ATTACK};-3\n",
    "first.ipynb": json.dumps(NOTEBOOK),
    "broken.ipynb": "1234567",
    "drawing.svg": f'<svg xmlns="http://www.w3.org/2000/svg">{ATTACK}</svg>',
    "paper.pdf": b"%PDF-1.4\n\0",
    "sound.wav": b"RIFF\x24\0\0\0WAVEfmt ",
    "latin.txt": "caf\xe9".encode("latin-1"),
    "large.json": "[" + "1,\n" * (TEXT_LIMIT // 3 + 9) + "1]",
    "large.csv": "a,b\n" + "1,2\n" * (TEXT_LIMIT // 4 + 9),
}


@pytest.fixture(scope="module")
def repo(hub: LiveHub, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A repository with a file of each kind."""
    ada = hub.make_user()
    made = ada.make_repo()
    git = GitClient(tmp_path_factory.mktemp("looks"))
    clone = git.clone(ada.git_url(made), "looks")
    git.commit(clone, {".gitattributes": "", **FILES}, "Add one of each")
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    return made


def test_a_file_of_json_is_source_or_a_tree(hub: LiveHub, repo: str) -> None:
    with Visitor(hub) as guest:
        source = guest.get(f"/{repo}/blob/main/config.json")
        assert 'id="L1"' in source
        assert f"/{repo}/blob/main/config.json?view=tree" in links(source)
        tree = guest.get(f"/{repo}/blob/main/config.json?view=tree")
        assert "<details open>" in tree
        assert "1e-12" in words(tree)
        assert ATTACK not in source + tree
        assert 'id="L1"' in guest.get(f"/{repo}/blob/main/broken.json?view=tree")
        large = guest.get(f"/{repo}/blob/main/large.json")
        assert "too large to be shown" in words(large)
        assert f"/{repo}/resolve/main/large.json?download=true" in links(large)


def test_a_sheet_is_a_table_or_its_source(hub: LiveHub, repo: str) -> None:
    with Visitor(hub) as guest:
        page = guest.get(f"/{repo}/blob/main/weather.csv")
        assert '<th scope="col" class="is-number">°C</th>' in page
        assert "2 rows 2 columns" in words(page)
        assert ATTACK not in page
        assert "city;°C" in words(guest.get(f"/{repo}/blob/main/weather.csv?plain=1"))
        large = words(guest.get(f"/{repo}/blob/main/large.csv"))
        assert "The first 100 rows; the file has more." in large


def test_a_notebook_is_cells_or_its_source(hub: LiveHub, repo: str) -> None:
    with Visitor(hub) as guest:
        page = guest.get(f"/{repo}/blob/main/first.ipynb")
        assert '<span class="syn-k">def</span>' in page
        assert "[7]" in words(page)
        assert f"/{repo}/blob/main/run.py" in links(page)
        assert 'src="data:image/png;base64,iVBORw0KGgo="' in page
        assert ATTACK not in page
        assert page.count("document.title") == 2  # printed, and the source of the HTML output
        assert '"nbformat"' in words(guest.get(f"/{repo}/blob/main/first.ipynb?plain=1"))
        assert "1234567" in words(guest.get(f"/{repo}/blob/main/broken.ipynb"))


def test_pictures_sounds_and_what_could_act(hub: LiveHub, repo: str) -> None:
    with Visitor(hub) as guest:
        drawing = guest.get(f"/{repo}/blob/main/drawing.svg")
        assert '<img src="data:image/svg+xml;base64,' in drawing
        assert ATTACK not in drawing
        assert "&lt;/script&gt;" in guest.get(f"/{repo}/blob/main/drawing.svg?plain=1").replace(
            "</span>", ""
        )
        pdf = guest.get(f"/{repo}/blob/main/paper.pdf")
        assert "not opened inside this page" in words(pdf)
        assert "<embed" not in pdf
        assert "<iframe" not in pdf
        sound = guest.get(f"/{repo}/blob/main/sound.wav")
        assert f'<audio controls preload="metadata" src="/{repo}/raw/main/sound.wav">' in sound
        assert "caf\N{REPLACEMENT CHARACTER}" in words(guest.get(f"/{repo}/blob/main/latin.txt"))


def test_large_files_show_what_they_hold_until_they_are_gone(
    hub: LiveHub, git_lfs: GitClient
) -> None:
    git = git_lfs
    ada = hub.make_user()
    repo = ada.make_repo()
    header, size = headers.safetensors({"bias": ("F32", (3,))}, {"made": ATTACK})
    clone = git.clone(ada.git_url(repo), "large")
    attributes = "".join(f"*.{kind} filter=lfs -text\n" for kind in ("safetensors", "csv", "bin"))
    files = {
        "m.safetensors": header + b"\0" * (size - len(header)),
        "rows.csv": "a,b\n1,2\n",
        "m.bin": b"\0",
    }
    git.commit(clone, {".gitattributes": attributes, **files})
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    with Visitor(hub) as guest:
        page = guest.get(f"/{repo}/blob/main/m.safetensors")
        assert "bias 3 F32 3" in words(page)
        assert ATTACK not in page
        assert "1 row 2 columns" in words(guest.get(f"/{repo}/blob/main/rows.csv"))
        assert "nothing to show" in words(guest.get(f"/{repo}/blob/main/m.bin"))
        oid = hashlib.sha256(files["m.safetensors"]).hexdigest()  # type: ignore[arg-type]
        with ada.client() as client:
            body = {"deletions": {"sha": [oid]}}
            assert client.post(f"/api/models/{repo}/lfs-files/batch", json=body).is_success
        gone = words(guest.get(f"/{repo}/blob/main/m.safetensors"))
        assert "was removed from the repository" in gone
        assert "bias" not in gone


def test_the_history_of_a_file_leads_back_to_it(hub: LiveHub, repo: str) -> None:
    with Visitor(hub) as guest:
        page = guest.get(f"/{repo}/commits/main/config.json")
        assert "Add one of each" in words(page)
        assert f"/{repo}/blob/main/config.json" in links(page)
        nothing = guest.get(f"/{repo}/commits/main/never-was.txt")
        assert "No commits here" in words(nothing)


def test_blame_names_the_commit_of_each_line(hub: LiveHub, git: GitClient) -> None:
    ada = hub.make_user()
    repo = ada.make_repo()
    clone = git.clone(ada.git_url(repo), "blame")
    git.commit(clone, {".gitattributes": "", "a.txt": "one\n<b>\n", "b.bin": b"\0\1"}, "First <1>")
    second = git.commit(clone, {"a.txt": "one\n<b>\nthree\n", "big.txt": "x\n" * 300_000}, "Second")
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    with Visitor(hub) as guest:
        page = guest.get(f"/{repo}/blame/main/a.txt")
        text = words(page)
        assert text.index("First <1>") < text.index("<b>") < text.index("Second")
        assert f"/{repo}/commit/{second}" in links(page)
        assert '<tr id="L3">' in page
        assert f"/{repo}/blame/main/a.txt" in links(guest.get(f"/{repo}/blob/main/a.txt"))
        assert "Not text" in words(guest.get(f"/{repo}/blame/main/b.bin"))
        assert "larger than 512 kB" in words(guest.get(f"/{repo}/blame/main/big.txt"))
        assert "This file is empty." in words(guest.get(f"/{repo}/blame/main/.gitattributes"))
        assert guest.client.get(f"/{repo}/blame/main").status_code == 303
        guest.get(f"/{repo}/blame/main/nothing", 404)
        guest.get(f"/{repo}/blame/no-branch/a.txt", 404)
