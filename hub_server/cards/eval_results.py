"""Evaluation results beside the card: `.eval_results/*.yaml`, each a list of results."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from hub_server.cards.checking import is_repo_id
from hub_server.cards.evidence import Evidence, plain
from hub_server.cards.front_matter import read_card

MOST_FILES = 20
MOST_RESULTS = 500
LONGEST = 500_000
_FILE = re.compile(r"\.eval_results/[^/]+\.ya?ml")
_LINE = re.compile("^", re.MULTILINE)
_START = re.compile(r"\A\s*---[ \t]*\r?\n")


def eval_files(files: Sequence[str]) -> tuple[str, ...]:
    """The first few that may hold results."""
    return tuple(sorted(path for path in files if _FILE.fullmatch(path))[:MOST_FILES])


def eval_results(seen: Evidence) -> list[dict[str, Any]] | None:
    """As the API shows them: `filename` with `data`, or with the `error` that keeps it out."""
    found = [entry for path in eval_files(seen.files) for entry in _entries(path, seen)]
    return found[:MOST_RESULTS] or None


def _entries(path: str, seen: Evidence) -> Iterator[dict[str, Any]]:
    if path not in seen.small_files:
        return
    text = _START.sub("", seen.text(path)[:LONGEST])
    card = read_card(f"---\nresults:\n{_LINE.sub(' ', text)}\n---\n")
    results = card.metadata.get("results")
    if card.problems or not isinstance(results, list):
        yield {"filename": path, "error": "The file must be a list of results in YAML."}
        return
    for number, result in enumerate(results[:MOST_RESULTS]):
        wrong = _wrong(result)
        if wrong:
            yield {"filename": path, "error": f"[{number}]: {wrong}"}
        else:
            yield {"filename": path, "data": plain(result)}


def _wrong(result: Any) -> str | None:
    if not isinstance(result, dict) or result.get("value") is None:
        return '"value" is required'
    dataset, source = result.get("dataset"), result.get("source")
    if not isinstance(dataset, dict) or not is_repo_id(str(dataset.get("id") or "")):
        return '"dataset.id" must be the id of a dataset'
    if not isinstance(dataset.get("task_id"), str):
        return '"dataset.task_id" is required'
    if source is not None and not (isinstance(source, dict) and source.get("url")):
        return '"source.url" is required'
    return None
