"""`make bench`: every figure beside its reference, measured in turns in one run.

    python -m bench [NAME…]      git, large, xet, downloads, commits, repack, backup, upkeep, start,
                                 catalog

Without a name all of them.

BENCH_SCALE makes repositories and files larger or smaller, BENCH_ROUNDS the rounds more or fewer.
"""

import sys
import tempfile
import time
from pathlib import Path

from bench import (
    backup,
    catalog,
    commits,
    downloads,
    git_objects,
    git_wire,
    large_files,
    repack,
    starting,
    upkeep,
    xet,
)
from bench.table import SCALE, Table

PARTS = {
    "start": starting.main,
    "downloads": downloads.main,
    "commits": commits.main,
    "large": large_files.main,
    "xet": xet.main,
    "git": git_wire.main,
    "repack": repack.main,
    "backup": backup.main,
    "upkeep": upkeep.main,
    "catalog": catalog.main,
}


def main(names: list[str]) -> None:
    table, begin = Table(), time.monotonic()
    unknown = [name for name in names if name not in (*PARTS, "objects")]
    if unknown:
        sys.exit(f"bench: no part {unknown[0]!r}; there are {', '.join((*PARTS, 'objects'))}")
    for name, part in PARTS.items():
        if not names or name in names:
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                part(table, Path(folder))
    if "objects" in names:
        git_objects.main()
    print(f"\n{time.monotonic() - begin:.0f} s at scale {SCALE:g}")
    for missed in table.missed:
        print(f"missed: {missed}")


if __name__ == "__main__":
    main(sys.argv[1:])
