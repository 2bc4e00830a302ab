"""Copy the vendored files again from npm and rewrite SHA256SUMS. Needs npm; the hub does not.

make vendor [ARGS="icon …"] adds these icons to the ones that are there. A new version: change
static/vendor/package.json, and its lock by
`npm install --package-lock-only --omit-lockfile-registry-resolved`.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[1] / "static" / "vendor"


def main() -> None:
    wanted = sorted({file.stem for file in (VENDOR / "lucide").glob("*.svg")} | set(sys.argv[1:]))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(VENDOR / name, folder)
        subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=folder, check=True)
        source = Path(folder) / "node_modules" / "lucide-static"
        shutil.copy(source / "LICENSE", VENDOR / "lucide" / "LICENSE")
        for icon in wanted:
            shutil.copy(source / "icons" / f"{icon}.svg", VENDOR / "lucide")
    files = sorted(
        path.relative_to(VENDOR).as_posix()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    )
    sums = [
        f"{hashlib.sha256((VENDOR / name).read_bytes()).hexdigest()}  {name}\n" for name in files
    ]
    (VENDOR / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    main()
