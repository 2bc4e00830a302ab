"""What `.gitattributes` and `.gitignore` say of a path, and what new repositories start with."""

import re
from dataclasses import dataclass
from typing import Literal

from hub_server.contents.wildmatch import Wildmatch, by_bytes
from hub_server.db.tables.repos import Kind

FILE_NAME = ".gitattributes"
IGNORE_NAME = ".gitignore"
LARGEST = 1_000_000
"""Longer files are read up to here; nobody writes such by hand."""
LFS_WORDS = "filter=lfs diff=lfs merge=lfs -text"

Tracking = Literal["lfs", "regular"]

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SPECIAL = re.compile(r"([*?\[\]\\])")
_SPACE = re.compile(r"\s")

_EVERYWHERE = (
    "*.7z",
    "*.arrow",
    "*.bin",
    "*.bz2",
    "*.ckpt",
    "*.ftz",
    "*.gz",
    "*.h5",
    "*.joblib",
    "*.lfs.*",
    "*.mlmodel",
    "*.model",
    "*.msgpack",
    "*.npy",
    "*.npz",
    "*.onnx",
    "*.ot",
    "*.parquet",
    "*.pb",
    "*.pickle",
    "*.pkl",
    "*.pt",
    "*.pth",
    "*.rar",
    "*.safetensors",
    "saved_model/**/*",
    "*.tar.*",
    "*.tar",
    "*.tflite",
    "*.tgz",
    "*.wasm",
    "*.xz",
    "*.zip",
    "*.zst",
    "*tfevents*",
)
_DATASETS = (
    "*.lz4",
    "*.mds",
    "*.pcm",
    "*.sam",
    "*.raw",
    "*.aac",
    "*.flac",
    "*.mp3",
    "*.ogg",
    "*.wav",
    "*.bmp",
    "*.gif",
    "*.png",
    "*.tiff",
    "*.jpg",
    "*.jpeg",
    "*.webp",
    "*.mp4",
    "*.webm",
)


def default_text(kind: Kind) -> str:
    """The `.gitattributes` of a new repository."""
    patterns = _EVERYWHERE + (_DATASETS if kind == "dataset" else ())
    return "".join(f"{pattern} {LFS_WORDS}\n" for pattern in patterns)


@dataclass(frozen=True)
class _Rule:
    match: Wildmatch
    tracking: Tracking


class Attributes:
    """The rules of one `.gitattributes` that concern LFS; the last that matches counts."""

    def __init__(self, text: str) -> None:
        self._rules = [rule for line in text[:LARGEST].splitlines() if (rule := _rule(line))]

    def tracking(self, path: str) -> Tracking | None:
        """`lfs`, `regular` where a rule says so, None where none speaks of the path."""
        segments = by_bytes(path).split("/")
        for rule in reversed(self._rules):
            if rule.match.matches(segments):
                return rule.tracking
        return None


def tracked_line(path: str) -> str:
    """The line that makes one path an LFS file."""
    escaped = _SPACE.sub("[[:space:]]", _SPECIAL.sub(r"\\\1", path))
    if escaped.startswith(("#", "!")):
        escaped = "\\" + escaped
    return f"{escaped} {LFS_WORDS}\n"


def with_tracked(text: str, paths: list[str]) -> str:
    """The same file with a line for each path that it does not make an LFS file yet."""
    known = Attributes(text)
    lines = [tracked_line(path) for path in paths if known.tracking(path) != "lfs"]
    if not lines:
        return text
    return text + ("" if not text or text.endswith("\n") else "\n") + "".join(lines)


def _rule(line: str) -> _Rule | None:
    line = line.strip(" \t\r")
    if quoted := _QUOTED.match(line):
        pattern, rest = re.sub(r"\\(.)", r"\1", quoted[1]), line[quoted.end() :]
    else:
        pattern, _, rest = line.replace("\t", " ").partition(" ")
    tracking = _tracking(rest.split())
    if not pattern or pattern.startswith(("#", "!", "[attr]")) or tracking is None:
        return None
    return _Rule(_wildmatch(pattern), tracking)


def _tracking(words: list[str]) -> Tracking | None:
    found: Tracking | None = None
    for word in words:
        if word.lstrip("-!") == "filter" or word.startswith("filter="):
            found = "lfs" if word == "filter=lfs" else "regular"
    return found


def _wildmatch(pattern: str) -> Wildmatch:
    return Wildmatch(by_bytes(pattern.removeprefix("/")), anchored="/" in pattern)


@dataclass(frozen=True)
class _IgnoreRule:
    match: Wildmatch
    keep: bool
    folders_only: bool


class Ignore:
    """The rules of one `.gitignore`."""

    def __init__(self, text: str) -> None:
        lines = text[:LARGEST].splitlines()
        self._rules = [rule for line in lines if (rule := _ignore_rule(line))]

    def matches(self, path: str) -> bool:
        """Whether the file is ignored; what lies in an ignored folder cannot be kept."""
        segments = by_bytes(path).split("/")
        counts = range(1, len(segments) + 1)
        return any(self._ignores(segments[:n], folder=n < len(segments)) for n in counts)

    def _ignores(self, segments: list[str], *, folder: bool) -> bool:
        for rule in reversed(self._rules):
            if (folder or not rule.folders_only) and rule.match.matches(segments):
                return not rule.keep
        return False


def _ignore_rule(line: str) -> _IgnoreRule | None:
    pattern = line.rstrip("\r")
    while pattern.endswith(" ") and not pattern.endswith("\\ "):
        pattern = pattern[:-1]
    keep = pattern.startswith("!")
    pattern = pattern[keep:]
    if not pattern or pattern.startswith("#"):
        return None
    folders_only = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    return _IgnoreRule(_wildmatch(pattern), keep, folders_only) if pattern else None
