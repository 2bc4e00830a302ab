"""A folder at a revision, and one file of it."""

from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from hub_server.web.views.looks import JsonNode, Notebook, Sheet, TensorView
from hub_server.web.views.shared import CommitLine, Crumb, RepoHead, Revisions

Look = Literal[
    "text",
    "plain",
    "markdown",
    "json",
    "sheet",
    "notebook",
    "tensors",
    "image",
    "audio",
    "video",
    "pdf",
    "lfs",
    "binary",
    "link",
    "submodule",
    "empty",
]
Shown = JsonNode | Sheet | Notebook | TensorView

FILE_ICONS = {
    "json": "braces", "jsonl": "braces", "yaml": "braces", "yml": "braces", "toml": "braces",
    "md": "file-text", "txt": "file-text", "rst": "file-text", "pdf": "file-text",
    "csv": "table-2", "tsv": "table-2", "parquet": "table-2", "arrow": "table-2",
    "py": "code-xml", "js": "code-xml", "ts": "code-xml", "html": "code-xml", "css": "code-xml",
    "sh": "square-terminal", "ipynb": "notebook-text",
    "png": "image", "jpg": "image", "jpeg": "image", "gif": "image", "webp": "image",
    "svg": "image",
    "wav": "audio-lines", "mp3": "audio-lines", "flac": "audio-lines", "ogg": "audio-lines",
    "mp4": "film", "webm": "film",
    "zip": "file-archive", "gz": "file-archive", "tar": "file-archive", "7z": "file-archive",
    "safetensors": "package", "bin": "package", "pt": "package", "pth": "package",
    "onnx": "package",
    "gguf": "package", "h5": "package", "ckpt": "package", "msgpack": "package",
    "joblib": "package", "pkl": "package", "pickle": "package", "npz": "package", "npy": "package",
}  # fmt: skip
PICKLES = frozenset({"bin", "pt", "pth", "ckpt", "pkl", "pickle", "joblib", "dill"})


def suffix(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


@dataclass(frozen=True)
class FileRow:
    """One entry of a folder; `size` is None for folders and submodules."""

    name: str
    url: str
    is_folder: bool = False
    size: int | None = None
    download_url: str | None = None
    commit: CommitLine | None = None
    is_lfs: bool = False
    is_xet: bool = False
    is_link: bool = False
    is_submodule: bool = False

    @property
    def icon(self) -> str:
        if self.is_folder:
            return "folder"
        if self.is_submodule:
            return "folder-git-2"
        return FILE_ICONS.get(suffix(self.name), "file")

    @property
    def is_pickle(self) -> bool:
        return self.is_lfs and suffix(self.name) in PICKLES


@dataclass(frozen=True)
class FilesPage:
    """`crumbs` lead from the repository's root to the folder above `folder`."""

    repo: RepoHead
    revisions: Revisions
    crumbs: tuple[Crumb, ...]
    folder: str
    files: tuple[FileRow, ...]
    last_commit: CommitLine | None
    commits_url: str
    total_size: int | None = None
    up_url: str | None = None
    pager_url: str | None = None
    clone_url: str = ""
    compare_url: str = ""
    archive_url: str = ""
    path: str = ""


@dataclass(frozen=True)
class LfsFacts:
    """`xet` is the file hash of one that is stored as chunks, else ""; `is_gone`: its bytes are no
    longer the repository's.
    """

    oid: str
    size: int
    pointer_size: int
    xet: str = ""
    is_gone: bool = False


@dataclass(frozen=True)
class Way:
    """One of several ways to look at a file; the label is a message id."""

    label: str
    url: str
    current: bool = False


@dataclass(frozen=True)
class FilePage:
    """`look` decides which part is shown, and what `shown` is. `lines` are highlighted and escaped.

    `why` is a message id that says why a text is shown plain or not at all. `picture` is the
    address of an image, of this hub or a `data:` one.
    """

    repo: RepoHead
    revisions: Revisions
    crumbs: tuple[Crumb, ...]
    name: str
    path: str
    size: int
    look: Look
    last_commit: CommitLine | None
    history_url: str
    blame_url: str
    raw_url: str
    download_url: str
    permanent_url: str
    is_lfs: bool = False
    is_pickle: bool = False
    lines: tuple[Markup, ...] = ()
    text: str = ""
    rendered: Markup | None = None
    ways: tuple[Way, ...] = ()
    shown: Shown | None = None
    is_whole: bool = True
    picture: str = ""
    lfs: LfsFacts | None = None
    why: str = ""
    link_target: str = ""
