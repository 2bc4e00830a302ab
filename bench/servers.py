"""The hub, and the programs it is compared with, on loopback ports."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import answers, await_ready, free_port, program, start, stop
from tests.support.server import LiveHub

BACKEND = "/usr/lib/git-core/git-http-backend"
NGINX = """
user root;
worker_processes 2;
error_log {folder}/error.log;
pid {folder}/pid;
events {{}}
http {{
  access_log off;
  sendfile on;
  client_max_body_size 0;
  client_body_temp_path {folder}/body;
  fastcgi_temp_path {folder}/fastcgi;
  proxy_temp_path {folder}/proxy;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location /blobs/ {{ alias {blobs}/; }}
    location / {{
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param PATH_INFO $uri;
      fastcgi_param GIT_PROJECT_ROOT {repos};
      fastcgi_param GIT_HTTP_EXPORT_ALL "";
      fastcgi_param GIT_PROTOCOL $http_git_protocol;
      fastcgi_param REMOTE_USER ada;
      fastcgi_buffering off;
      fastcgi_read_timeout 600;
      fastcgi_pass unix:{folder}/fcgi.sock;
    }}
  }}
}}
"""


class BenchHub(LiveHub):
    """`serve` as it is, with an empty route and a count of SQL statements beside the product's."""

    module = "bench.served"

    def start(self) -> "BenchHub":
        super().start()
        return self

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid


@contextmanager
def hub(**settings: str) -> Iterator[BenchHub]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        live = BenchHub(Path(folder) / "data", {"HUB_LOG_LEVEL": "warning", **settings})
        try:
            yield live.start()
        except Exception:
            print(live.log.read_text(errors="replace")[-4000:], file=sys.stderr)
            raise
        finally:
            live.close()


@contextmanager
def nginx(folder: Path, *, blobs: Path) -> Iterator[str]:
    """nginx with fcgiwrap and `git http-backend` over `folder/repos`, and `/blobs/` as files."""
    port, log = free_port(), folder / "log"
    (folder / "repos").mkdir(exist_ok=True)
    text = NGINX.format(
        folder=folder, port=port, blobs=blobs, repos=folder / "repos", backend=BACKEND
    )
    (folder / "nginx.conf").write_text(
        text if os.geteuid() == 0 else text.replace("user root;", "")
    )
    wrapper = start([program("fcgiwrap"), "-c", "8", "-s", f"unix:{folder}/fcgi.sock"], log=log)
    await_ready(wrapper, (folder / "fcgi.sock").exists, log=log)
    words = [program("nginx"), "-p", str(folder), "-e", str(log), "-c", str(folder / "nginx.conf")]
    server = start([*words, "-g", "daemon off;"], log=log)
    try:
        await_ready(server, lambda: answers(port), log=log)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(server)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(wrapper.pid, signal.SIGTERM)  # its workers outlive it otherwise
        wrapper.wait()


def memory(pid: int, name: str = "VmRSS") -> int:
    """Bytes; `VmHWM` is the most since `forget_peak`."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


def proportional(pid: int) -> int:
    """Bytes of memory, shared pages counted by share."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def python(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a user's script in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
