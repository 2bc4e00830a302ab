"""CSV and TSV: the first rows and columns of a table, as spreadsheets would read them."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from hub_server.web.views.looks import Sheet

MOST_ROWS = 100
MOST_COLUMNS = 50
MOST_TEXT = 300
SEPARATORS = ",;\t|"
_TRIED = 20
_NUMBER = re.compile(r"[+-]?(\d[\d_ ,.]*|\.\d+)(e[+-]?\d+)?%?", re.IGNORECASE)


def read_sheet(text: str, name: str, *, whole: bool) -> Sheet | None:
    """None for what is no table. `whole`: the text goes on to the file's end; without it a last
    line that may be cut is left out.
    """
    text = text.removeprefix("\ufeff")
    if not whole:
        text = text[: text.rfind("\n") + 1]
    try:
        head, *rows = _rows(text, _separator(text, name))
    except (csv.Error, ValueError):
        return None
    if not head:
        return None
    columns = max(len(head), *(len(row) for row in rows[:MOST_ROWS]), 1)
    shown = tuple(_padded(row, min(columns, MOST_COLUMNS)) for row in rows[:MOST_ROWS])
    return Sheet(
        _padded(head, min(columns, MOST_COLUMNS)),
        shown,
        _numeric(shown),
        len(rows) if whole else None,
        columns,
    )


def _rows(text: str, separator: str) -> Iterator[list[str]]:
    """Lines without any text are not rows."""
    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator)
    return (row for row in reader if row)


def _separator(text: str, name: str) -> str:
    """The sign that most evenly divides the first lines; a tab for .tsv."""
    if name.lower().endswith((".tsv", ".tab")):
        return "\t"
    return max(SEPARATORS, key=lambda sign: _evenness(text, sign))


def _evenness(text: str, sign: str) -> tuple[int, int]:
    """How many of the first rows have the commonest number of columns, where that is above one."""
    sample = list(islice(_rows(text[:100_000], sign), _TRIED))
    (columns, rows), *_ = Counter(map(len, sample)).most_common(1) or [(0, 0)]
    return (rows, columns) if columns > 1 else (0, 0)


def _padded(row: list[str], columns: int) -> tuple[str, ...]:
    cells = [cell if len(cell) <= MOST_TEXT else cell[:MOST_TEXT] + "…" for cell in row[:columns]]
    return (*cells, *[""] * (columns - len(cells)))


def _numeric(rows: tuple[tuple[str, ...], ...]) -> frozenset[int]:
    """Columns in which every cell that has a text has a number."""
    columns = range(len(rows[0]) if rows else 0)
    return frozenset(column for column in columns if _is_numeric([row[column] for row in rows]))


def _is_numeric(cells: list[str]) -> bool:
    filled = [cell.strip() for cell in cells if cell.strip()]
    return bool(filled) and all(_NUMBER.fullmatch(cell) for cell in filled)
