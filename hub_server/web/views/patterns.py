"""Sample data for `/-/patterns`, which shows every component. Plain samples, no real people."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from hub_server.web.views.commits import DiffFile, DiffLine
from hub_server.web.views.files import FileRow
from hub_server.web.views.page import Person
from hub_server.web.views.repos import VISIBILITIES, chosen
from hub_server.web.views.shared import (
    Chip,
    Choice,
    CommitLine,
    Crumb,
    Pager,
    RepoHead,
    RepoRow,
    Revisions,
    SpaceTile,
)

ADA = Person("ada", "/ada", full_name="Ada")
CLASS = Person("class-2026", "/class-2026", is_org=True)


@dataclass(frozen=True)
class Patterns:
    repo: RepoHead
    rows: tuple[RepoRow, ...]
    tiles: tuple[SpaceTile, ...]
    files: tuple[FileRow, ...]
    commits: tuple[CommitLine, ...]
    revisions: Revisions
    crumbs: tuple[Crumb, ...]
    pager: Pager
    diff: DiffFile
    lines: tuple[Markup, ...]
    people: tuple[Person, ...]
    choices: tuple[Choice, ...]


def samples() -> Patterns:
    """Times lie relative to now, as they do on real pages."""
    now = datetime.now(UTC)
    return Patterns(
        repo=RepoHead(
            "model",
            "ada/tiny-ner",
            "/ada/tiny-ner",
            "/ada/tiny-ner/tree/main",
            settings_url="/ada/tiny-ner/settings",
            private=True,
            chips=_chips(),
        ),
        rows=_rows(now),
        tiles=_tiles(now),
        files=_files(now),
        commits=_commits(now),
        revisions=Revisions("main", True, (("main", "#"), ("try-lower-lr", "#")), (("v1.0", "#"),)),
        crumbs=(Crumb("tiny-ner", "#"), Crumb("runs", "#")),
        pager=Pager(21, 40, 615, "#", "#"),
        diff=_diff(),
        lines=(
            Markup("{"),
            Markup('  "hidden_size": 128,'),
            Markup('  "labels": ["O", "PER"]'),
            Markup("}"),
        ),
        people=(ADA, Person("lin", "/lin"), Person("minji", "/minji"), CLASS),
        choices=chosen(VISIBILITIES, "private"),
    )


def _chips() -> tuple[Chip, ...]:
    return (
        Chip("Token classification", "#", "tags", "task", translated=True),
        Chip("Transformers", "#", "library"),
        Chip("conll2003", "#", "table-2", "dataset"),
        Chip("bert-base-cased", "#", "box", "model"),
        Chip("who-is-who", "#", "app-window", "space"),
        Chip("English", "#", "languages"),
        Chip("1810.04805", "#", "file-text", key="arXiv"),
        Chip("apache-2.0", "#", "scale", key="Licence"),
    )


def _rows(now: datetime) -> tuple[RepoRow, ...]:
    return (
        RepoRow("model", "ada/tiny-ner", "#", now - timedelta(days=2), "Token classification",
                "Transformers", "en", 107_726_601, 1284, 31),
        RepoRow("model", "ada/camembert-base-squad-distilled-for-the-second-assignment", "#",
                now - timedelta(hours=3), "Question answering", "Transformers", "fr", None, 9, 1,
                private=True),
        RepoRow("model", "bigscience/bloom", "#", now - timedelta(days=20), "Text generation",
                "Transformers", "", 176_247_271_424, 12_840, 44, gated=True),
        RepoRow("model", "gpt2", "#", now - timedelta(days=400), "", "", "", None, 0, 0),
    )  # fmt: skip


def _tiles(now: datetime) -> tuple[SpaceTile, ...]:
    return (
        SpaceTile("ada/who-is-who", "#", "Who is who", now, "🔎", "Finds the people in a text.",
                  "gradio", "green", "blue", 18),
        SpaceTile("class-2026/board", "#", "Scores of the class", now, "🏁", "", "static", "pink",
                  "yellow", 4, private=True),
    )  # fmt: skip


def _commits(now: datetime) -> tuple[CommitLine, ...]:
    return (
        CommitLine("4f1c09a" + "0" * 33, "#", "Add the evaluation results to the card", ADA,
                   now - timedelta(days=2), "#"),
        CommitLine("c1e88d2" + "0" * 33, "#", "initial commit", Person("lin", "/lin"),
                   now - timedelta(days=60), "#"),
    )  # fmt: skip


def _files(now: datetime) -> tuple[FileRow, ...]:
    newest, first = _commits(now)
    return (
        FileRow("runs", "#", is_folder=True, commit=newest),
        FileRow("README.md", "#", size=4630, download_url="#", commit=newest),
        FileRow("config.json", "#", size=829, download_url="#", commit=first),
        FileRow("pytorch_model.bin", "#", size=433_292_294, download_url="#", commit=first,
                is_lfs=True),
        FileRow("training_log_2026-09-14_bert-base-cased_conll2003_lr5e-5_seed42.csv", "#",
                size=18_211, download_url="#", commit=first),
    )  # fmt: skip


def _diff() -> DiffFile:
    return DiffFile(
        "README.md",
        "diff-readme",
        "changed",
        (
            DiffLine("gap", "@@ −1,3 +1,3 @@"),
            DiffLine("same", "# Tiny NER", 1, 1),
            DiffLine("del", Markup("Trained on <del>two</del> texts."), 2, None),
            DiffLine("add", Markup("Trained on <ins>twenty</ins> texts."), None, 2),
        ),
        url="#",
    )
