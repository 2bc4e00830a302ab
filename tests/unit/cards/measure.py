"""Cards a second, the slowest one, which are refused, and the tags found, over many READMEs.

    python -m tests.unit.cards.measure [folder]

The folder has `models`, `datasets`, `spaces` and `broken` below it; without one, the cards of the
tests.
"""

import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hub_server.cards import (
    Card,
    Kind,
    LinkBase,
    Report,
    index_record,
    read_card,
    render,
    validate_card,
)

OWN = Path(__file__).parents[2] / "data/cards"
BASE = LinkBase("/ada/tiny/blob/main", "/ada/tiny/resolve/main")
FILES = ["README.md", "config.json"]
KINDS: tuple[tuple[str, Kind], ...] = (
    ("models", "model"),
    ("datasets", "dataset"),
    ("spaces", "space"),
)


def cards(folder: Path | None) -> Iterator[tuple[str, Kind, bytes]]:
    if folder is None:
        for line in (OWN / "odd.jsonl").read_text().splitlines():
            row = json.loads(line)
            yield row["file"], row["kind"], (OWN / "odd" / row["file"]).read_bytes()
        return
    for place in (folder, folder / "broken"):
        for name, kind in KINDS:
            for path in sorted((place / name).rglob("README.md")):
                yield str(path.parent.relative_to(folder)), kind, path.read_bytes()


def told(name: str, seconds: dict[str, float]) -> None:
    ordered = sorted(value * 1_000 for value in seconds.values())
    middle, high = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
    slowest = max(seconds, key=lambda each: seconds[each])
    print(
        f"{name}: {len(ordered) / sum(seconds.values()):.0f} a second, median {middle:.2f} ms, "
        f"p99 {high:.2f} ms, most {ordered[-1]:.2f} ms ({slowest})"
    )


def is_explained(card: Card, report: Report) -> bool:
    """A card that cannot be read whole says where."""
    problems = (*report.errors, *report.warnings)
    return card.block == "missing" or any(problem.line for problem in problems) or report.accepted


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    index_record("model", read_card("---\ntags: [es]\n---\n"))  # vocabularies are read once
    render("$x$\n```python\nx\n```", base=BASE)
    read: dict[str, float] = {}
    drawn: dict[str, float] = {}
    tags: dict[Kind, Counter[str]] = {kind: Counter() for _, kind in KINDS}
    refused = partial = plain = 0
    for name, kind, content in cards(folder):
        start = time.thread_time()
        card = read_card(content)
        report = validate_card(card, kind)
        record = index_record(kind, card, FILES)
        read[name] = time.thread_time() - start
        tags[kind].update(tag.type for tag in record.typed_tags)
        start = time.thread_time()
        plain += render(card, base=BASE).plain
        drawn[name] = time.thread_time() - start
        partial += card.partial
        if not is_explained(card, report):
            print(f"unexplained: {name}")
        if not report.accepted:
            refused += 1
            print(f"refused: {name}: " + "; ".join(str(error)[:160] for error in report.errors))
    print(f"{len(read)} cards, {refused} refused, {partial} read in part, {plain} not rendered")
    told("read, validate, record", read)
    told("render", drawn)
    for kind, found in tags.items():
        print(f"{kind}: " + ", ".join(f"{word} {count}" for word, count in found.most_common()))


if __name__ == "__main__":
    main()
