"""A one-node Ceph object store with its S3 gateway: monitor, manager, one disk, gateway.

Debian: ceph-mon ceph-mgr ceph-osd radosgw. Needs root. Everything lies in one folder, on ports that
were free a moment ago, and is ended by process id. It takes about 20 seconds to start.
"""

import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("ceph", "ceph-mon", "ceph-mgr", "ceph-osd", "radosgw", "radosgw-admin", "monmaptool")
ACCESS_KEY, SECRET_KEY = "hubkey", "hubsecret"

CONF = """
[global]
fsid = {fsid}
mon host = [v1:127.0.0.1:{mon}]
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
mon allow pool size one = true
mon warn on pool no redundancy = false
osd crush chooseleaf type = 0
osd objectstore = bluestore
bluestore block size = 21474836480
osd memory target = 1073741824
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
pid file = {folder}/run/$name.pid
log file = {folder}/log/$name.log
mon data = {folder}/mon
mgr data = {folder}/mgr
osd data = {folder}/osd0
keyring = {folder}/keyring
ms bind ipv6 = false
public addr = 127.0.0.1
[mon.a]
mon addr = 127.0.0.1:{mon}
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{gateway}
rgw dns name = 127.0.0.1
"""


def why_not() -> str | None:
    """The reason this machine cannot run it, or None."""
    if os.geteuid() != 0:
        return "Ceph's daemons are started as root only"
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    return f"not installed: {' '.join(missing)}" if missing else None


class Ceph:
    """`start`, then `endpoint`; `stop` ends every daemon and waits for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conf = folder / "ceph.conf"
        self.endpoint = ""

    def start(self) -> None:
        mon, gateway = _free_ports(2)
        fsid = str(uuid.uuid4())
        for name in ("mon", "mgr", "osd0", "run", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.conf.write_text(CONF.format(fsid=fsid, mon=mon, gateway=gateway, folder=self.folder))
        self._start_monitor(fsid, mon)
        self._run("ceph-mgr", "-i", "x")
        self._start_disk()
        self._run("radosgw", "-n", "client.rgw")
        self.endpoint = f"http://127.0.0.1:{gateway}"
        _until(lambda: _answers(self.endpoint), 120, "the gateway")
        self._run(
            *("radosgw-admin", "user", "create", "--uid", "hub", "--display-name", "hub"),
            *("--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY),
        )

    def stop(self) -> None:
        pids = []
        for file in (self.folder / "run").glob("*.pid"):
            with contextlib.suppress(ValueError, OSError):
                pids.append(int(file.read_text()))
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # nothing here is worth saving
        for pid in pids:
            gone = functools.partial(_is_gone, pid)
            _until(gone, 30, f"the end of {pid}")

    def _start_monitor(self, fsid: str, port: int) -> None:
        address = f"[v1:127.0.0.1:{port}]"
        monmap = str(self.folder / "monmap")
        _call("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monmap)
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap)
        self._run("ceph-mon", "-i", "a")
        self._run("ceph", "mon", "enable-msgr2", check=False)

    def _start_disk(self) -> None:
        disk = str(uuid.uuid4())
        # A monitor that has only just started does not know its commands yet.
        _until(lambda: self._succeeds("ceph", "osd", "new", disk, "0"), 60, "the monitor")
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk)
        self._run("ceph", "osd", "crush", "add-bucket", "default", "root", check=False)
        # On a busy machine it may ask the monitor before it knows the cluster ("wrong fsid").
        _until(lambda: self._succeeds("ceph-osd", "-i", "0"), 60, "the disk's daemon")
        _until(lambda: "1 up" in self._run("ceph", "osd", "stat", check=False), 60, "the disk")
        place = ("root=default", "host=node")
        self._run("ceph", "osd", "crush", "add", "osd.0", "1.0", *place, check=False)

    def _succeeds(self, program: str, *arguments: str) -> bool:
        try:
            self._run(program, *arguments)
        except RuntimeError:
            return False
        return True

    def _run(self, program: str, *arguments: str, check: bool = True) -> str:
        return _call(program, "-c", str(self.conf), *arguments, check=check)


def _call(*command: str, check: bool = True) -> str:
    # To a file: daemons inherit a pipe, and reading it would last as long as they do.
    with tempfile.TemporaryFile() as output:
        code = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=90, check=False
        ).returncode
        output.seek(0)
        said = output.read().decode(errors="replace")
    if check and code:
        raise RuntimeError(f"{' '.join(command)} failed: {said[-2000:]}")
    return said


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def _is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def _until(condition: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds} s for {what} in vain")
        time.sleep(0.2)
