"""How soon `serve` is ready with an existing database, and what an idle worker holds."""

import time
from pathlib import Path

from bench.servers import cpu_seconds, memory, proportional
from bench.table import ROUNDS, Table, middle, timed
from tests.support.server import LiveHub

PAGES = ("/", "/models", "/login", "/api/models", "/-/readyz")


def main(table: Table, folder: Path) -> None:
    table.head("hub-server serve")
    live = LiveHub(folder / "data", {"HUB_LOG_LEVEL": "warning"}).start()
    live.make_user("ada").make_repo("tiny")
    live.close()
    took, busy = [], []
    for _ in range(ROUNDS + 2):
        took.append(timed(live.start) / 1000)
        busy.append(cpu_seconds(live.process.pid) if live.process else 0)
        live.close()
    table.figure("ready, existing database", middle(took), "s", target="≤ 2")
    table.note(f"computing {middle(busy):.1f} s")
    for workers in (1, 2):
        live.workers = workers
        live.start()
        with live.client() as client:
            for page in PAGES * 3:
                client.get(page)
        time.sleep(1)
        _idle(table, live)
        live.close()


def _idle(table: Table, live: LiveHub) -> None:
    assert live.process
    pids = _children(live.process.pid) if live.workers > 1 else [live.process.pid]
    held = max(memory(pid) for pid in pids) / 1e6
    shared = max(proportional(pid) for pid in pids) / 1e6
    table.figure(f"idle, resident, of {live.workers} worker(s)", held, "MB", target="≤ 150")
    table.note(f"proportional {shared:.0f} MB")


def _children(pid: int) -> list[int]:
    """The worker processes: children that hold more than a resource tracker does."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in text.split() if memory(int(each)) > 40e6]
