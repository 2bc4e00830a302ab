"""Cards that are meant to cost much, or that are large without meaning it: all end soon."""

import json
import time
from dataclasses import asdict

import pytest

from hub_server.cards import index_record, read_card, validate_card, vocabulary
from hub_server.cards.tags import MAX_TAG_TEXT, MAX_TAGS

EVALUATION = """  - task: {{type: text-classification}}
    dataset: {{type: glue, name: GLUE {0}}}
    metrics:
    - {{type: accuracy, value: {0}}}
"""
EVALUATIONS = "model-index:\n- name: x\n  results:\n" + "".join(
    EVALUATION.format(number) for number in range(1_391)
)
LANGUAGES = list(vocabulary.languages())[:414]
LONG = "a" * 90_000


def aliases(first: str, count: int) -> str:
    return f"a: &a {first}\nb: [" + ",".join(["*a"] * count) + "]"


CARDS = {
    "a long line in the block": "x: " + "a" * 560_000 + "\ny: " + "b " * 20_000,
    "a long quoted line": 'x: "' + "a\\n" * 186_000 + '"',
    "a list in one line": "tags: [" + ",".join(f"tag{number}" for number in range(25_000)) + "]",
    "evaluations": EVALUATIONS,
    "evaluations that lack a name": EVALUATIONS.replace("name: GLUE", "nam: GLUE"),
    "languages": "language:\n" + "".join(f"- {code}\n" for code in LANGUAGES),
    "languages nobody knows": "language:\n" + "- zzzz\n" * 50_000,
    "long tags": "tags:\n" + "".join(f"- {number}{'x' * 10_000}\n" for number in range(90)),
    "licences": "license:\n" + "- none of these\n" * 20_000,
    "subsets": "configs:\n" + "".join(f"- config_name: c{n}\n" for n in range(10_000)),
    "columns": "dataset_info:\n  features:\n" + "  - {name: c, dtype: int64}\n" * 8_000,
    "widgets": "widget:\n" + "- text: hello\n" * 15_000,
    "gates": "extra_gated_fields:\n" + "".join(f"  f{n}: colour\n" for n in range(20_000)),
    "aliases of a long text": aliases(LONG, 100_000),
    "aliases of a long key": aliases("{" + LONG + ": 1}", 100_000),
    "aliases of a list": aliases("[" + "x," * 500 + "]", 100_000),
    "anchors": "\n".join(f"a{n}: &a{n} x" for n in range(15_000)),
    "merges": "a: &a {" + ",".join(f"k{n}: 1" for n in range(900)) + "}\n"
    + "\n".join(f"b{n}: {{<<: *a}}" for n in range(9_000)),
    "papers": "arxiv:\n" + "".join(f"- 2301.{number:05}\n" for number in range(50_000)),
    "broken in many places": "a: [\n" * 16_000,
    "broken with many fields": "".join(f"k{number}: v\n" for number in range(9_000)) + "x y\nz: 1",
}  # fmt: skip
BODIES = {
    "one line": "a" * 560_000 + "\n" + "b " * 20_000,
    "open citations": ("@abc{" + "\n" * 4_990) * 100,
    "open citations with spaces": ("@abc{" + " \n" * 2_490) * 100,
    "blank lines": "\n \t" * 150_000,
    "prefixes of papers": "arxiv: " * 90_000,
    "papers": "".join(f"arxiv:2301.{number:05}\n" for number in range(40_000)),
}


def check(content: str) -> None:
    start = time.thread_time()
    card = read_card(content)
    for kind in ("model", "dataset", "space"):
        report = validate_card(card, kind)
        found = index_record(kind, card, ["README.md"])
        assert len(found.tags) <= MAX_TAGS
        assert all(len(tag) <= MAX_TAG_TEXT + 30 for tag in found.tags)
        assert len(report.errors) + len(report.warnings) <= 250
        assert all(len(str(problem)) < 3_000 for problem in (*report.errors, *report.warnings))
        assert len(json.dumps(asdict(found), allow_nan=False, ensure_ascii=False)) < 15_000_000
    assert time.thread_time() - start < 5


@pytest.mark.parametrize("name", CARDS)
def test_large_blocks_end_soon(name):
    check(f"---\n{CARDS[name]}\n---\n# Title\n")


@pytest.mark.parametrize("name", BODIES)
def test_large_bodies_end_soon(name):
    check(f"---\nlicense: mit\n---\n{BODIES[name]}")


def test_what_people_really_have_is_kept_whole():
    card = read_card(f"---\n{CARDS['evaluations']}\n---\n")
    found = index_record("model", card)
    assert found.model_index is not None
    assert len(found.model_index[0]["results"]) == 1_391
    assert validate_card(card, "model").errors == ()
    spoken = index_record("model", read_card(f"---\n{CARDS['languages']}\n---\n"))
    assert len(spoken.languages) == 414
    long = read_card(f"---\n{CARDS['long tags']}\n---\n")
    assert len(validate_card(long, "model").warnings) == 90
