"""Results beside the card: read whatever stands there, told as clients take it."""

import pytest

from hub_server.cards import index_record, read_card, wanted_files

GOOD = b"""\
- dataset: {id: ada/bench, task_id: default}
  value: 20.9
  date: 2026-01-15
  source: {url: https://example.org/log, name: Log}
- dataset: {id: ada/bench, task_id: hard, revision: abc}
  value: 3
"""


def results(**files: bytes):
    small = {f".eval_results/{name.replace('_', '.')}": data for name, data in files.items()}
    names = ["README.md", *small]
    card = read_card("---\nlicense: mit\n---\n")
    assert set(small) <= set(wanted_files("model", card, names))
    return index_record("model", card, names, small).eval_results


def test_results_of_files():
    for text in (GOOD, b"---\n" + GOOD, GOOD.replace(b"\n", b"\r\n")):
        first, second = results(a_yaml=text)
        assert first == {
            "filename": ".eval_results/a.yaml",
            "data": {
                "dataset": {"id": "ada/bench", "task_id": "default"},
                "value": 20.9,
                "date": "2026-01-15",
                "source": {"url": "https://example.org/log", "name": "Log"},
            },
        }
        assert second["data"]["dataset"]["revision"] == "abc"


@pytest.mark.parametrize(
    "text",
    [
        b"a: map",
        b"- just\n- words",
        b"- value: 3",
        b"- dataset: {id: ada/bench}\n  value: 3",
        b"- dataset: {id: 'not an id', task_id: x}\n  value: 3",
        b"- dataset: {id: ada/bench, task_id: x}",
        b"- dataset: {id: ada/bench, task_id: x}\n  value: 1\n  source: {name: x}",
        b"{[broken",
        b"",
        b"\xff\xfe\x00",
        b"- &a [*a]",
        b"\n---\n- x",
    ],
)
def test_what_is_wrong_is_told_and_keeps_nothing_else_out(text):
    found = results(a_yaml=text, b_yaml=GOOD)
    assert {"error" in each for each in found[:-2]} <= {True}
    assert [each["data"]["value"] for each in found[-2:]] == [20.9, 3]


def test_json_is_yaml():
    text = b'[{"dataset": {"id": "ada/bench", "task_id": "x"}, "value": "20 +- 1"}]'
    assert results(a_yaml=text)[0]["data"]["value"] == "20 +- 1"


def test_no_results():
    assert index_record("model", read_card("# x"), ["README.md"]).eval_results is None
