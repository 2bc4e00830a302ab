"""Milliseconds a card takes, and which cards are refused, over a folder of READMEs.

    python -m tests.unit.cards.measure [folder]

The folder has `models`, `datasets` and `spaces` below it; without one, the cards of the tests.
"""

import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from hub_server.cards import (
    Kind,
    LinkBase,
    index_record,
    read_card,
    render,
    validate_card,
)

OWN = Path(__file__).parents[2] / "data/cards"
BASE = LinkBase("/ada/tiny/blob/main", "/ada/tiny/resolve/main")


def cards(folder: Path | None) -> Iterator[tuple[str, Kind, bytes]]:
    if folder is None:
        for line in (OWN / "odd.jsonl").read_text().splitlines():
            row = json.loads(line)
            yield row["file"], row["kind"], (OWN / "odd" / row["file"]).read_bytes()
        return
    kinds: tuple[tuple[str, Kind], ...] = (
        ("models", "model"),
        ("datasets", "dataset"),
        ("spaces", "space"),
    )
    for name, kind in kinds:
        for path in sorted((folder / name).rglob("README.md")):
            yield str(path.parent.relative_to(folder)), kind, path.read_bytes()


def told(name: str, seconds: list[float]) -> None:
    ordered = sorted(value * 1_000 for value in seconds)
    middle, high = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
    print(f"{name}: median {middle:.2f} ms, p99 {high:.2f} ms, most {ordered[-1]:.2f} ms")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    index_record("model", read_card("---\ntags: [es]\n---\n"))  # vocabularies are read once
    render("$x$\n```python\nx\n```", base=BASE)
    read: list[float] = []
    drawn: list[float] = []
    refused = plain = 0
    for name, kind, content in cards(folder):
        start = time.thread_time()
        card = read_card(content)
        report = validate_card(card, kind)
        index_record(kind, card, ["README.md", "config.json"])
        read.append(time.thread_time() - start)
        start = time.thread_time()
        plain += render(card, base=BASE).plain
        drawn.append(time.thread_time() - start)
        if not report.accepted:
            refused += 1
            print(f"refused: {name}: " + "; ".join(str(error)[:160] for error in report.errors))
    print(f"{len(read)} cards, {refused} refused, {plain} too costly to render")
    told("read, validate, record", read)
    told("render", drawn)


if __name__ == "__main__":
    main()
