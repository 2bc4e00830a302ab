"""The stock git program as a worker: builds packs, indexes pushes, walks connectivity.

It runs with memory and CPU limits, an empty environment, no configuration, no hooks and no refs
of its own: `GIT_DIR` is a scratch folder, only the objects are the repository's.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import resource
import selectors
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from hub_server.errors import StorageFull
from hub_server.git.errors import BadPack, GitError, ObjectMissing, ProgramFailed
from hub_server.git.sources import RefLine
from hub_server.git.types import ObjectId

_PIPE = 1 << 20
_COMPLAINT = 2000
_PACK_NAME = re.compile(rb"pack\t([0-9a-f]{40})\n")
_FULL = (b"No space left on device", b"Disk quota exceeded")
_ID = re.compile(r"\b[0-9a-f]{40}\b")
_CONFIG = (
    "core.packedGitWindowSize=64m",
    "core.packedGitLimit=512m",
    "core.deltaBaseCacheLimit=96m",
    "core.bigFileThreshold=32m",
    "pack.windowMemory=128m",
    "pack.writeReverseIndex=false",
    "gc.auto=0",
)
# Beyond --strict: also what stock git only mentions, and not what harms nobody.
_STRICT = "--strict=badFilemode=error,missingTaggerEntry=ignore,badTagName=ignore"


@dataclass(frozen=True, slots=True)
class GitProgram:
    """Where git is, and what one run may take: bytes, CPU seconds, seconds; 0 threads means all."""

    path: str
    memory: int = 4 << 30
    cpu_seconds: int = 1800
    seconds: float = 3600
    threads: int = 0

    @classmethod
    def find(cls, name: str = "git") -> GitProgram | None:
        path = shutil.which(name)
        return None if path is None else cls(path)

    def limited(self, *, memory: int, seconds: float) -> GitProgram:
        """The same program under limits that are at most these."""
        return replace(
            self, memory=min(self.memory, memory), seconds=min(self.seconds, max(seconds, 0.1))
        )


@dataclass(frozen=True, slots=True)
class Store:
    """Where a run finds objects: a folder like `.git/objects`, and others it may read too."""

    objects: Path
    also: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class PackOrder:
    """What `git pack-objects` is to send; fields as in listing.Selection, `filter` as its spec."""

    wants: Sequence[ObjectId]
    haves: Sequence[ObjectId] = ()
    cut: Iterable[ObjectId] = ()
    filter: str | None = None
    tags: Sequence[RefLine] = ()
    thin: bool = False
    ofs_delta: bool = True


def pack_objects(
    git: GitProgram,
    git_dir: Path,
    order: PackOrder,
    on_pack: Callable[[bytes], object],
    on_progress: Callable[[bytes], object] | None,
) -> None:
    """Send a pack to `on_pack` as it is made; what that raises ends it. Raises ProgramFailed."""
    arguments = ["--shallow-file", ""] if order.cut else []
    arguments += ["pack-objects", "--revs", "--stdout"]
    arguments += [f"--threads={git.threads}"] if git.threads else []
    options = {
        "--thin": order.thin,
        "--shallow": order.cut,
        "--delta-base-offset": order.ofs_delta,
        "--include-tag": order.tags,
        f"--filter={order.filter}": order.filter,
        "--progress": on_progress,
        "-q": on_progress is None,
    }
    arguments += [option for option, wanted in options.items() if wanted]
    with (
        _scratch(git_dir, order.tags) as scratch,
        _running(git, arguments, scratch, Store(git_dir / "objects")) as process,
    ):
        _send(process, _revisions(order))
        complaint = _relay(process, on_pack, on_progress)
        _finish(process, complaint)


def index_pack(
    git: GitProgram,
    objects: Path,
    known: Sequence[Path],
    max_input: int,
    feed: Callable[[Callable[[bytes], object]], object],
) -> str:
    """Index and check the pack that `feed` writes, into `objects/pack`; the pack's name.

    `known` are the `objects` folders that hold bases of a thin pack. Raises BadPack with git's
    own complaint, or whatever `feed` raises.
    """
    arguments = ["index-pack", "--stdin", "--fix-thin", _STRICT, f"--max-input-size={max_input}"]
    store = Store(objects, known)
    with (
        _scratch(objects, ()) as scratch,
        _complaints(scratch) as stderr,
        _running(git, arguments, scratch, store, stderr=stderr) as process,
    ):
        # A broken pipe means that git refused; its complaint says why.
        with contextlib.suppress(BrokenPipeError):
            feed(lambda data: _write_all(_stdin(process), data))
        with contextlib.suppress(BrokenPipeError):
            _stdin(process).close()
        answer = _PACK_NAME.search(_stdout(process).read(_PIPE))
        if process.wait() != 0 or answer is None:
            stderr.seek(0)
            raise BadPack("{complaint}", complaint=_explain(stderr.read(_COMPLAINT), process))
    return answer[1].decode("ascii")


def check_connected(
    git: GitProgram, store: Store, tips: Iterable[ObjectId], known: Iterable[ObjectId]
) -> None:
    """Raises ObjectMissing (or BadPack) unless all that `tips` reach is there, down to `known`."""
    arguments = ["rev-list", "--objects", "--stdin", "--quiet"]
    with (
        _scratch(store.objects, ()) as scratch,
        _complaints(scratch) as stderr,
        _running(git, arguments, scratch, store, stderr=stderr) as process,
    ):
        lines = [*tips, *("^" + tip for tip in known)]
        _send(process, "\n".join([*lines, ""]).encode())
        if process.wait() != 0:
            stderr.seek(0)
            complaint = _explain(stderr.read(_COMPLAINT), process)
            missing = _ID.search(complaint)
            if missing is None:
                raise BadPack("{complaint}", complaint=complaint)
            raise ObjectMissing(missing.group())


def list_reachable(git: GitProgram, store: Store, tips: Iterable[ObjectId]) -> bytes:
    """The raw ids, 20 bytes each, of all that `tips` reach. Raises ProgramFailed if some lack."""
    arguments = ["rev-list", "--objects", "--no-object-names", "--stdin"]
    return bytes.fromhex(_answer(git, arguments, store, tips).decode("ascii"))


def write_pack_of(
    git: GitProgram, objects: Path, target: Path, packs: Iterable[str], ids: Iterable[str] = ()
) -> str:
    """Write `target-<name>.pack` and its index with all objects of `packs` (names of their files),
    or with just `ids`; the name. Deltas are kept where they can be. Raises ProgramFailed.
    """
    arguments = ["pack-objects", "-q", "--delta-base-offset", f"--threads={git.threads or 1}"]
    given = list(ids)
    arguments += [str(target)] if given else ["--stdin-packs", str(target)]
    return _answer(git, arguments, Store(objects), given or packs).decode("ascii").strip()


def verify_pack(git: GitProgram, nothing: Path, pack: Path) -> None:
    """Read every object of a pack and compare with its index; `nothing` is an empty folder.

    Raises ProgramFailed with git's complaint.
    """
    _answer(git, ["index-pack", "--verify", str(pack)], Store(nothing), ())


def pack_reachable(git: GitProgram, store: Store, tips: Iterable[ObjectId], target: Path) -> str:
    """Write `target-<name>.pack` and its index with all that `tips` reach; the name.

    Nothing is written to `store`, which may be anybody's. Raises ProgramFailed with git's
    complaint, also when something is missing.
    """
    arguments = ["pack-objects", "--revs", "-q", "--delta-base-offset"]
    arguments += [f"--threads={git.threads or 1}", str(target)]
    return _answer(git, arguments, store, tips, target.parent).decode("ascii").strip()


def check_strictly(git: GitProgram, nothing: Path, pack: Path) -> None:
    """As `verify_pack`, and refuse what a push of these objects would be refused for."""
    _answer(git, ["index-pack", "--verify", _STRICT, str(pack)], Store(nothing), ())


def _answer(
    git: GitProgram,
    arguments: Sequence[str],
    store: Store,
    lines: Iterable[str],
    place: Path | None = None,
) -> bytes:
    """All that a run says after it was given all lines; `place` is for files of its own."""
    with (
        _scratch(place or store.objects, ()) as scratch,
        _complaints(scratch) as stderr,
        _running(git, arguments, scratch, store, stderr=stderr) as process,
    ):
        _send(process, "\n".join([*lines, ""]).encode())
        answer = _read_all(_stdout(process))
        if process.wait() != 0:
            stderr.seek(0)
            complaint = _explain(stderr.read(_COMPLAINT), process)
            raise ProgramFailed("git failed: {complaint}", complaint=complaint)
    return answer


def _revisions(order: PackOrder) -> bytes:
    lines = [f"--shallow {commit}" for commit in order.cut]
    lines += [*order.wants, "--not", *order.haves, "", ""]
    return "\n".join(lines).encode()


@contextlib.contextmanager
def _scratch(parent: Path, tags: Sequence[RefLine]) -> Iterator[Path]:
    """An empty repository whose only refs are these tags."""
    with tempfile.TemporaryDirectory(prefix="run-", dir=parent, ignore_cleanup_errors=True) as name:
        scratch = Path(name)
        (scratch / "refs").mkdir()
        (scratch / "HEAD").write_bytes(b"ref: refs/heads/none\n")
        if tags:
            lines = [b"# pack-refs with: peeled fully-peeled sorted \n"]
            for tag in sorted(tags):
                lines.append(b"%s %s\n" % (tag.id.encode(), tag.name))
                lines.append(b"^%s\n" % tag.peeled.encode() if tag.peeled else b"")
            (scratch / "packed-refs").write_bytes(b"".join(lines))
        yield scratch


@contextlib.contextmanager
def _running(
    git: GitProgram,
    arguments: Sequence[str],
    scratch: Path,
    store: Store,
    stderr: IO[bytes] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is dead and forgotten when the block ends, however it ends."""
    settings = [part for setting in _CONFIG for part in ("-c", setting)]
    process = subprocess.Popen(  # noqa: S603  (our own arguments; ids are checked hex)
        [git.path, *settings, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if stderr is None else stderr,
        env=_environment(scratch, store),
        cwd=scratch,
        bufsize=0,
        close_fds=True,
    )
    watchdog = threading.Timer(git.seconds, process.kill)
    watchdog.daemon = True
    watchdog.start()
    try:
        _limit(process.pid, git)
        yield process
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        process.wait()


def _environment(scratch: Path, store: Store) -> dict[str, str]:
    """All that git may know: nothing of our own environment."""
    also = ":".join(_quoted(path) for path in store.also)
    return {
        "PATH": os.defpath,
        "LC_ALL": "C",
        "HOME": str(scratch),
        "GIT_DIR": str(scratch),
        "GIT_OBJECT_DIRECTORY": str(store.objects.resolve()),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": also,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def _quoted(path: Path) -> str:
    text = str(path.resolve()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _limit(pid: int, git: GitProgram) -> None:
    """Limits from outside: a `preexec_fn` is not safe in a process with threads.

    The program waits for its input meanwhile, so it cannot run ahead of its limits.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_AS, (git.memory, git.memory))
        resource.prlimit(pid, resource.RLIMIT_CPU, (git.cpu_seconds, git.cpu_seconds))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _send(process: subprocess.Popen[bytes], data: bytes) -> None:
    pipe = _stdin(process)
    with contextlib.suppress(BrokenPipeError):
        _write_all(pipe, data)
    with contextlib.suppress(BrokenPipeError):
        pipe.close()


def _write_all(pipe: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[pipe.write(view) :]


def _read_all(pipe: IO[bytes]) -> bytes:
    pieces = []
    while piece := pipe.read(_PIPE):
        pieces.append(piece)
    return b"".join(pieces)


def _relay(
    process: subprocess.Popen[bytes],
    on_pack: Callable[[bytes], object],
    on_progress: Callable[[bytes], object] | None,
) -> bytes:
    """Pass both outputs on until both end; the last words on stderr."""
    complaint = b""
    stdout, stderr = _stdout(process), process.stderr
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(stdout, fcntl.F_SETPIPE_SZ, _PIPE)
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        selector.register(stderr, selectors.EVENT_READ)  # type: ignore[arg-type]
        while selector.get_map():
            for key, _ in selector.select():
                data = os.read(key.fd, _PIPE)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is stdout:
                    on_pack(data)
                else:
                    complaint = (complaint + data)[-_COMPLAINT:]
                    if on_progress:
                        on_progress(data)
    return complaint


def _finish(process: subprocess.Popen[bytes], complaint: bytes) -> None:
    if process.wait() != 0:
        raise ProgramFailed(
            "git could not build the pack: {complaint}", complaint=_explain(complaint, process)
        )


def _complaints(scratch: Path) -> IO[bytes]:
    """A file for what git says; in memory, so that a full disk does not silence it."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("complaints"), "w+b")
    return (scratch / "stderr").open("w+b")


def _explain(complaint: bytes, process: subprocess.Popen[bytes]) -> str:
    """Git's own words without its prefixes, or how it ended when it said nothing.

    Raises StorageFull if that is the reason: nobody's pack is to blame for it.
    """
    if any(words in complaint for words in _FULL):
        raise StorageFull("The disk of the hub is full; nothing was stored.")
    lines = complaint.decode("utf-8", "replace").splitlines()
    said = [line.removeprefix("fatal: ").removeprefix("error: ").strip() for line in lines if line]
    if said:
        return "; ".join(said[-3:])[:500]
    return f"git ended with {process.returncode}, beyond its limits of memory or time"


def _stdin(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdin is None:
        raise GitError("git has no input")
    return process.stdin


def _stdout(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        raise GitError("git has no output")
    return process.stdout
