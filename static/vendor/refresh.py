"""Copy the vendored files again from npm and rewrite SHA256SUMS. Needs npm; the hub does not.

    python static/vendor/refresh.py [icon …]      adds these icons to the ones that are here
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
UNSUMMED = {"SHA256SUMS"}


def main() -> None:
    wanted = sorted({file.stem for file in (HERE / "lucide").glob("*.svg")} | set(sys.argv[1:]))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=folder, check=True)
        source = Path(folder) / "node_modules" / "lucide-static"
        shutil.copy(source / "LICENSE", HERE / "lucide" / "LICENSE")
        for icon in wanted:
            shutil.copy(source / "icons" / f"{icon}.svg", HERE / "lucide")
    files = sorted(
        path.relative_to(HERE).as_posix()
        for path in HERE.rglob("*")
        if path.is_file() and path.name not in UNSUMMED
    )
    sums = [f"{hashlib.sha256((HERE / name).read_bytes()).hexdigest()}  {name}\n" for name in files]
    (HERE / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    main()
