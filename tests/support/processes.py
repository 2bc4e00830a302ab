"""Start, await and end the programs that tests stand on."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


class NeverReady(Exception):
    """A program ended, or did not answer in time; the message holds the end of its log."""


def program(name: str) -> str:
    """The full path of a system program; `make test` installs those that are missing."""
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed; run scripts/packages.sh --tests")
    return found


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def unprivileged() -> list[str]:
    """Words in front of a command that refuses to run as root; none where we are not root."""
    if os.geteuid() != 0:
        return []
    account = pwd.getpwnam("nobody")
    return [
        program("setpriv"),
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
    ]


def start(
    command: Sequence[str], *, log: Path, folder: Path | None = None
) -> subprocess.Popen[bytes]:
    """Output goes to `log`; the program gets its own process group."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def await_ready(
    process: subprocess.Popen[bytes], ready: Callable[[], bool], *, log: Path, seconds: float = 30
) -> None:
    """Return when `ready` says so. Raises NeverReady."""
    end = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            stop(process)
            tail = log.read_text(errors="replace")[-2000:]
            raise NeverReady(f"{process.args!r} is not ready after {seconds} s:\n{tail}")
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes], *, seconds: float = 10) -> None:
    """SIGTERM, then SIGKILL for one that does not listen."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
