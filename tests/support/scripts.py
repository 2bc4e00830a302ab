"""Users' scripts in processes of their own: the libraries read their settings when imported."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS = 110
HF = str(Path(sys.executable).with_name("hf"))
QUIET = {
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    "DISABLE_SAFETENSORS_CONVERSION": "1",
    "NO_COLOR": "1",
    "OMP_NUM_THREADS": "1",
}


class ScriptFailed(Exception):
    """Holds what the script printed."""


@dataclass(frozen=True)
class Computer:
    """Somebody's machine: a home and a cache of its own, and perhaps a token.

    `xet` leaves the client as it is installed: it moves large files by Xet then. A command may
    take so many `seconds`.
    """

    endpoint: str
    folder: Path
    token: str | None = None
    python: str = sys.executable
    xet: bool = False
    seconds: float = SECONDS

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUB_", "GIT_"))}
        mine = {
            "HOME": str(self.folder),
            "HF_HOME": str(self.folder / "hf"),
            "HF_ENDPOINT": self.endpoint,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C.UTF-8",
        }
        if self.token:
            mine["HF_TOKEN"] = self.token
        settings = {**kept, **QUIET, **mine}
        if self.xet:
            del settings["HF_HUB_DISABLE_XET"]
        return settings

    def run(self, script: str, *arguments: object) -> str:
        """Run Python text in the home folder; what it printed. Raises ScriptFailed."""
        return self.command([self.python, "-c", script, *map(str, arguments)])

    def hf(self, *words: object) -> str:
        """The client's own command line; what it printed. Raises ScriptFailed."""
        return self.command([HF, *map(str, words)])

    def command(self, words: Sequence[str]) -> str:
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=self.seconds, check=False,
        )  # fmt: skip
        if done.returncode:
            raise ScriptFailed(f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}")
        return done.stdout
