"""WCAG 2.2 contrast of every pair of colours that the pages put on each other, in both themes."""

import re

import pytest

from hub_server.settings import data_path

TEXT, PART = 4.5, 3.0  # body text; icons, borders of controls, focus rings
GROUNDS = ["page", "surface", "sunken", "raised", "hover"]
KINDS, TONES = ["model", "dataset", "space"], ["info", "good", "warn", "bad"]
CLOTH, SOFT = ["cloth", "cloth-field"], ["accent-soft", "code", "warn-soft", "bad-soft"]
DIFFS = ["code", "diff-add", "diff-del", "diff-add-word", "diff-del-word"]
SYNTAX = ["comment", "keyword", "string", "number", "name", "key"]
PAIRS = [
    *((ink, ground, TEXT) for ink in ("ink", "ink-2", "ink-3", "accent") for ground in GROUNDS),
    *((ink, "accent-soft", TEXT) for ink in ("accent", "accent-strong", "ink", "ink-2")),
    *((on, fill, TEXT) for on, fill in (("on-fill", "fill"), ("on-fill", "fill-hover"))),
    ("on-bad-fill", "bad-fill", TEXT),
    *((f"cloth-{ink}", ground, TEXT) for ink in ("ink", "ink-2") for ground in CLOTH),
    ("cloth-edge", "cloth", PART),
    *(("focus-on-cloth", ground, PART) for ground in CLOTH),
    *((kind, ground, TEXT) for kind in KINDS for ground in (f"{kind}-soft", *GROUNDS)),
    *((tone, ground, TEXT) for tone in TONES for ground in (f"{tone}-soft", "surface", "page")),
    *((ink, f"{tone}-soft", TEXT) for ink in ("ink", "ink-2", "accent") for tone in TONES),
    *((f"syn-{part}", ground, TEXT) for part in SYNTAX for ground in ("code", "surface")),
    *(("code-ink", ground, TEXT) for ground in DIFFS),
    *(("ink-3", ground, TEXT) for ground in ("code", "diff-add", "diff-del")),
    ("good", "diff-add", TEXT),
    ("bad", "diff-del", TEXT),
    *(("edge", ground, PART) for ground in ("page", "surface", "raised", "hover")),
    *(("focus", ground, PART) for ground in (*GROUNDS, *SOFT)),
    *((mark, "surface", PART) for mark in ("viz", "rule", "fill")),
]  # fmt: skip


@pytest.fixture(scope="module")
def colours() -> dict[str, tuple[str, str]]:
    css = (data_path("static") / "css/tokens/colours.css").read_text()
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", css)
    return {name: (light, dark) for name, light, dark in found}


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_pair_can_be_read(colours: dict[str, tuple[str, str]], theme: int) -> None:
    weak = [
        f"{top} on {ground}: {contrast(colours[top][theme], colours[ground][theme]):.2f}"
        for top, ground, needed in PAIRS
        if contrast(colours[top][theme], colours[ground][theme]) < needed
    ]
    assert weak == []
