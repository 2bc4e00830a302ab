"""Files and commits with sample data: the looks of a file, folders, changes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from markupsafe import Markup

from hub_server import cards
from hub_server.web import looks
from hub_server.web.views import blame, commits, files, patterns
from hub_server.web.views.page import Person
from hub_server.web.views.shared import Crumb, Pager, RepoHead, Revisions

NOW = datetime.now(UTC)
SAMPLES = patterns.samples()
ADA = Person("ada", "/ada", full_name="Ada")
MODEL = RepoHead(
    "model",
    "ada/tiny-ner",
    "/ada/tiny-ner",
    "/ada/tiny-ner/tree/main",
    settings_url="/ada/tiny-ner/settings",
    chips=SAMPLES.repo.chips,
)
MAIN = Revisions(
    "main",
    True,
    (("main", "/ada/tiny-ner/tree/main"), ("try-lower-lr", "/ada/tiny-ner/tree/try-lower-lr")),
    (("v1.0", "/ada/tiny-ner/tree/v1.0"),),
)
CARD = Markup(
    '<h1 id="user-content-tiny">Tiny NER</h1><p>Finds <strong>names</strong> of people in '
    '<a href="#">short texts</a>.</p><h2>How to use</h2><pre tabindex="0"><code>'
    '<span class="syn-k">from</span> transformers <span class="syn-k">import</span> pipeline\n'
    "</code></pre><h2>Scores</h2>"
    '<div class="scroll" tabindex="0" role="region" aria-label="Table 1"><table>'
    "<thead><tr><th>Set</th>"
    "<th>F1</th></tr></thead><tbody><tr><td>dev</td><td>91.3</td></tr></tbody></table></div>"
)
FILE = {
    "repo": MODEL,
    "revisions": MAIN,
    "crumbs": (Crumb("tiny-ner", "/ada/tiny-ner/tree/main"),),
    "last_commit": SAMPLES.commits[0],
    "history_url": "/ada/tiny-ner/commits/main/x",
    "blame_url": "/ada/tiny-ner/blame/main/x",
    "raw_url": "/ada/tiny-ner/raw/main/x",
    "download_url": "/ada/tiny-ner/resolve/main/x?download=true",
    "permanent_url": "/ada/tiny-ner/blob/4f1c09a/x",
}
JSON = '{"id2label": {"0": "O", "1": "B-PER"}, "size": 768, "none": [], "on": true}'
SHEET = "city,day,°C\nLyon,2026-01-02,4.5\nSeoul,2026-01-02,-3\n"
NOTEBOOK = """{"nbformat": 4, "metadata": {"language_info": {"name": "python"}}, "cells": [
 {"cell_type": "markdown", "source": ["# Load\\n", "A **first** look."]},
 {"cell_type": "code", "execution_count": 1, "source": "print(1)", "outputs": [
  {"output_type": "stream", "name": "stdout", "text": ["1\\n"]},
  {"output_type": "display_data", "data": {"image/svg+xml":
   "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><path d='M0 0h9v9z'/></svg>"}},
  {"output_type": "execute_result", "data": {"text/html": "<b>1</b>"}},
  {"output_type": "display_data", "data": {"application/x-thing": 1}},
  {"output_type": "error", "ename": "ValueError", "evalue": "no"}]},
 {"cell_type": "raw", "source": "as it is"}]}"""
TENSORS = cards.Listing(
    "safetensors",
    (
        cards.Tensor("embeddings.word.weight", "F32", (28996, 768), 22_268_928),
        cards.Tensor("classifier.bias", "F16", (9,), 9),
        cards.Tensor("scale", "F16", (), 1),
    ),
    (("format", "pt"),),
)


def _looks(file: Callable[..., tuple[str, object]]) -> dict[str, tuple[str, object]]:
    """Pages of files that are more than lines."""
    sheet = looks.read_sheet(SHEET, "weather.csv", whole=True)
    part = looks.read_sheet(SHEET, "weather.csv", whole=False)
    written = looks.read_notebook(NOTEBOOK, lambda text, _: f"<h2>{text}</h2>")
    ways = (files.Way("Source", "/s"), files.Way("Tree", "/t", current=True))
    return {
        "file-tree": file("config.json", "json", shown=looks.json_tree(JSON), ways=ways),
        "file-sheet": file("weather.csv", "sheet", shown=sheet),
        "file-sheet-large": file("weather.csv", "sheet", shown=part),
        "file-notebook": file("first.ipynb", "notebook", shown=written),
        "file-tensors": file(
            "model.safetensors", "tensors", shown=looks.tensor_view(TENSORS), size=433_292_294
        ),
        "file-pdf": file("paper.pdf", "pdf"),
        "file-submodule": file("vendored", "submodule", link_target="4f1c09a" + "0" * 33),
        "file-too-large": file(
            "huge.txt", "binary", why="This file is too large to be shown here."
        ),
    }


def _changes() -> dict[str, tuple[str, object]]:
    """Changes: two columns, pictures, folds, comparing, rolling back."""
    picture = commits.DiffFile("a.png", "d5", "changed", before="/b", after="/a")
    large = replace(SAMPLES.diff, anchor="d6", path="long.txt", is_folded=True)
    weights = commits.DiffFile("m.bin", "d7", "changed", is_lfs=True, sizes=(866_000_000, 433))
    layouts = commits.Layouts("/one", "/two", is_split=True)
    page = commits.ComparePage(
        MODEL, "main", "try-lower-lr", "/compare", ("main", "v1.0"), swapped_url="/swapped"
    )
    compared = replace(
        page,
        commits=SAMPLES.commits,
        files=(SAMPLES.diff, picture, large, weights),
        file_count=9,
        is_cut=True,
        layouts=layouts,
    )
    back = commits.RollbackPage(
        MODEL,
        SAMPLES.commits[0],
        "main",
        ("main", "try-lower-lr"),
        "4f1c09a",
        "/rollback",
        "/compare",
        (("added", "a.txt"), ("changed", "runs/log.txt"), ("removed", "b.txt")),
        5,
        "Roll back",
    )
    return {
        "compare": ("commits/compare.html", compared),
        "compare-choose": ("commits/compare.html", page),
        "compare-refused": ("commits/compare.html", replace(page, refused="Invalid rev id: x")),
        "compare-nothing": ("commits/compare.html", replace(page, commits=())),
        "compare-unrelated": (
            "commits/compare.html",
            replace(
                compared, is_unrelated=True, has_more=True, layouts=replace(layouts, is_split=False)
            ),
        ),
        "rollback": ("commits/rollback.html", back),
        "rollback-none": (
            "commits/rollback.html",
            replace(back, file_count=0, files=(), refused="The branch was updated."),
        ),
    }


def _blame() -> dict[str, tuple[str, object]]:
    page = blame.BlamePage(
        MODEL, MAIN, FILE["crumbs"], "config.json", "runs/config.json", "/blob", "/history"
    )
    groups = (
        blame.BlameGroup(1, SAMPLES.lines[:2], SAMPLES.commits[0]),
        blame.BlameGroup(3, SAMPLES.lines[2:], None),
    )
    return {
        "blame": ("files/blame.html", replace(page, groups=groups)),
        "blame-none": ("files/blame.html", replace(page, why="Not text.")),
    }


def views() -> dict[str, tuple[str, object]]:
    def file(name: str, look: files.Look, **given: object) -> tuple[str, object]:
        values = {"size": 829, **FILE, **given}
        return "files/file.html", files.FilePage(
            name=name, path=f"runs/{name}", look=look, **values
        )

    listing = files.FilesPage(
        MODEL,
        MAIN,
        (),
        "tiny-ner",
        SAMPLES.files,
        SAMPLES.commits[0],
        "/ada/tiny-ner/commits/main",
        866_000_000,
        clone_url="https://hub.example.org/ada/tiny-ner",
        compare_url="/ada/tiny-ner/compare",
        archive_url="/ada/tiny-ner/archive/main",
    )
    folder = files.FilesPage(
        MODEL,
        MAIN,
        (Crumb("tiny-ner", "/ada/tiny-ner/tree/main"),),
        "runs",
        SAMPLES.files[1:],
        None,
        "/ada/tiny-ner/commits/main/runs",
        up_url="/ada/tiny-ner/tree/main",
        pager_url="/ada/tiny-ner/tree/main/runs?after=x",
    )
    sha = Revisions("4f1c09a" + "0" * 33, False, MAIN.branches)
    oid = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    commit = commits.CommitPage(
        MODEL,
        "4f1c09a" + "0" * 33,
        "Add the evaluation results to the card",
        "Measured on the test split.\n\nSee #12.",
        ADA,
        NOW,
        (("b48a1f0" + "0" * 33, "/ada/tiny-ner/commit/b48a1f0"),),
        "/ada/tiny-ner/tree/4f1c09a",
        (
            SAMPLES.diff,
            commits.DiffFile(
                "model.safetensors",
                "d2",
                "added",
                is_lfs=True,
                sizes=(None, 433_292_294),
                note="A large file: only its pointer changed.",
            ),
            commits.DiffFile("b.txt", "d3", "renamed", old_path="a.txt"),
            commits.DiffFile("c.txt", "d4", "removed"),
        ),
        4,
        is_reachable=False,
        is_cut=True,
    )
    return {
        **_looks(file),
        **_blame(),
        **_changes(),
        "files": ("files/files.html", listing),
        "files-folder": ("files/files.html", folder),
        "files-empty": (
            "files/files.html",
            files.FilesPage(MODEL, sha, (), "tiny-ner", (), None, "/c"),
        ),
        "file-json": file("config.json", "text", lines=SAMPLES.lines),
        "file-plain": file(
            "big.json",
            "plain",
            lines=SAMPLES.lines,
            why="Shown without colours, because it is long.",
        ),
        "file-markdown": file(
            "README.md",
            "markdown",
            rendered=CARD,
            ways=(files.Way("Page", "/p", current=True), files.Way("Source", "/s")),
        ),
        "file-image": file("picture.png", "image", picture="/p"),
        "file-audio": file("sound.wav", "audio", picture="/p"),
        "file-video": file("film.mp4", "video", picture="/p"),
        "file-lfs": file(
            "model.bin",
            "lfs",
            is_lfs=True,
            is_pickle=True,
            lfs=files.LfsFacts(oid, 433_292_294, 134),
        ),
        "file-binary": file("data.db", "binary", size=20_480),
        "file-link": file("latest", "link", link_target="runs/7"),
        "file-empty": file("empty.txt", "empty", size=0),
        "commits": (
            "commits/commits.html",
            commits.CommitsPage(MODEL, MAIN, SAMPLES.commits, Pager(1, 2, None, None, "/n")),
        ),
        "commits-file": (
            "commits/commits.html",
            commits.CommitsPage(MODEL, sha, (), Pager(0, 0), FILE["crumbs"], "runs/log.txt"),
        ),
        "commit": ("commits/commit.html", commit),
        "commit-long": (
            "commits/commit.html",
            replace(commit, title="x" * 300, body="y" * 300, files=(), is_cut=False),
        ),
    }
