"""Files of strangers as trees, tables, cells and tensors: right, bounded, never acting."""

import base64
import json
from collections.abc import Iterator

import pytest

from hub_server.cards import Listing, Tensor
from hub_server.web import looks
from hub_server.web.looks import json_trees, notebooks, sheets, tensors
from hub_server.web.views.looks import JsonNode, Notebook


def nodes(tree: JsonNode) -> Iterator[JsonNode]:
    yield tree
    for child in tree.children:
        yield from nodes(child)


def test_a_tree_keeps_order_writing_and_repeated_keys() -> None:
    tree = looks.json_tree('{"b": 1e-12, "a": [1.50, null, "é\\n"], "b": -0, "c": {}, "n": NaN}')
    assert tree is not None
    assert [child.key for child in tree.children] == ["b", "a", "b", "c", "n"]
    assert [child.text for child in tree.children] == ["1e-12", "", "-0", "", "NaN"]
    assert [child.text for child in tree.children[1].children] == ["1.50", "null", '"é\\n"']
    assert [child.key for child in tree.children[1].children] == ["0", "1", "2"]
    assert (tree.children[3].kind, tree.children[3].count) == ("map", 0)


@pytest.mark.parametrize("text", ["{", "", "[1,]", "[" * 100_000])
def test_what_is_no_json_is_no_tree(text: str) -> None:
    assert looks.json_tree(text) is None


def test_a_tree_has_bounds_and_says_what_is_left_out() -> None:
    wide = looks.json_tree(json.dumps(list(range(1000))))
    assert wide is not None
    assert (len(wide.children), wide.left_out) == (json_trees.MOST_CHILDREN, 500)
    many = looks.json_tree(json.dumps([[0] * 100 for _ in range(400)]))
    assert many is not None
    assert len(list(nodes(many))) <= json_trees.MOST_NODES + 1
    assert sum(node.left_out for node in nodes(many)) > 0
    deep = looks.json_tree("[" * 100 + "]" * 100)
    assert deep is not None
    assert len(list(nodes(deep))) == json_trees.DEEPEST + 1
    long = looks.json_tree(json.dumps("x" * 100_000))
    assert long is not None
    assert len(long.text) < 2100


def test_a_number_of_a_million_digits_is_only_text() -> None:
    tree = looks.json_tree("[" + "9" * 1_000_000 + "]")
    assert tree is not None
    assert tree.children[0].kind == "number"


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_separator_is_found(sign: str) -> None:
    lines = [["name", "text", "n"], ["a", "x, y; z", "1"], ["b", "", "2.5"]]
    text = "\r\n".join(sign.join(f'"{cell}"' for cell in line) for line in lines)
    sheet = looks.read_sheet(text, "table.csv", whole=True)
    assert sheet is not None
    assert sheet.head == ("name", "text", "n")
    assert sheet.rows == (("a", "x, y; z", "1"), ("b", "", "2.5"))
    assert sheet.numeric == {2}
    assert sheet.rows_in_all == 2


def test_a_sheet_has_bounds() -> None:
    text = "".join(",".join(f"{row}.{n}" for n in range(80)) + "\n" for row in range(500))
    sheet = looks.read_sheet(text, "t.csv", whole=True)
    assert sheet is not None
    assert (len(sheet.rows), len(sheet.head)) == (sheets.MOST_ROWS, sheets.MOST_COLUMNS)
    assert (sheet.rows_in_all, sheet.columns_in_all) == (499, 80)
    long = looks.read_sheet("a,b\n" + "x" * 5000 + ",1\n", "t.csv", whole=True)
    assert long is not None
    assert len(long.rows[0][0]) == sheets.MOST_TEXT + 1


def test_a_cut_sheet_leaves_its_last_line_out_and_counts_nothing() -> None:
    sheet = looks.read_sheet("a,b\n1,2\n3,", "t.csv", whole=False)
    assert sheet is not None
    assert sheet.rows == (("1", "2"),)
    assert sheet.rows_in_all is None


def test_ragged_rows_are_filled_and_quoted_line_breaks_stay() -> None:
    sheet = looks.read_sheet('a,b\n"x\ny"\n\n1,2,3\n', "t.csv", whole=True)
    assert sheet is not None
    assert sheet.rows == (("x\ny", "", ""), ("1", "2", "3"))


@pytest.mark.parametrize("text", ["", "\n\n", '"' + "x" * 200_000 + '",1\n'])
def test_what_is_no_table(text: str) -> None:
    assert looks.read_sheet(text, "t.csv", whole=True) is None


def notebook(*cells: dict[str, object], **more: object) -> Notebook:
    found = looks.read_notebook(json.dumps({"cells": cells, **more}), lambda text, _: text)
    assert found is not None
    return found


def output(data: dict[str, object], kind: str = "display_data") -> tuple[str, str]:
    cell = {"cell_type": "code", "source": "1", "outputs": [{"output_type": kind, "data": data}]}
    found = notebook(cell).cells[0].outputs[0]
    return found.kind, found.text


def test_outputs_are_text_pictures_or_sources_and_never_markup() -> None:
    attack = "<script>alert(1)</script>"
    picture = base64.b64encode(b"\x89PNG").decode()
    assert output({"text/html": attack, "text/plain": "a table"}) == ("text", "a table")
    assert output({"text/html": [attack]}) == ("markup", attack)
    assert output({"application/javascript": attack}) == ("unseen", "")
    assert output({"image/png": picture + "\n"}) == ("picture", f"data:image/png;base64,{picture}")
    assert output({"image/png": '"><script>'}) == ("unseen", "")
    kind, address = output({"image/svg+xml": f"<svg>{attack}</svg>"})
    assert kind == "picture"
    assert attack not in address
    assert address.startswith("data:image/svg+xml;base64,")


def test_terminal_colours_are_left_out_of_errors() -> None:
    trace = ["\x1b[0;31mValueError\x1b[0m: no"]
    cell = {
        "cell_type": "code",
        "source": ["x = 1\n", "y"],
        "execution_count": 3,
        "outputs": [{"output_type": "error", "traceback": trace}],
    }
    found = notebook(cell).cells[0]
    assert (found.number, found.text) == (3, "x = 1\ny")
    assert found.outputs[0].text == "ValueError: no"


def test_headings_of_two_cells_have_different_ids() -> None:
    cells = [{"cell_type": "markdown", "source": '<h1 id="user-content-a">A</h1>'}] * 2
    first, second = notebook(*cells).cells
    assert (first.shown, second.shown) == (
        '<h1 id="user-content-0-a">A</h1>',
        '<h1 id="user-content-1-a">A</h1>',
    )


def test_a_notebook_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    many = notebook(*[{"cell_type": "raw", "source": "x"}] * 600)
    assert (len(many.cells), many.cells_in_all) == (notebooks.MOST_CELLS, 600)
    stream = {"output_type": "stream", "text": "x" * 50_000}
    found = notebook({"cell_type": "code", "source": "", "outputs": [stream] * 60}).cells[0]
    assert len(found.outputs) == notebooks.MOST_OUTPUTS
    assert (len(found.outputs[0].text), found.outputs[0].is_cut) == (notebooks.MOST_TEXT, True)
    monkeypatch.setattr(notebooks, "SECONDS", 0.0)
    late = notebook({"cell_type": "markdown", "source": "# a"}).cells[0]
    assert (late.shown, late.text) == (None, "# a")


def test_pictures_of_a_notebook_have_a_bound_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebooks, "MOST_PICTURES", 10)
    outputs = [{"output_type": "display_data", "data": {"image/png": "AAAAAAAA"}}] * 2
    cell = notebook({"cell_type": "code", "source": "", "outputs": outputs}).cells[0]
    assert [each.kind for each in cell.outputs] == ["picture", "unseen"]


def test_the_third_format_is_read_too() -> None:
    cells = [{"cell_type": "code", "input": "1", "prompt_number": 2, "outputs": []}]
    text = json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]})
    found = looks.read_notebook(text, lambda text, _: text)
    assert found is not None
    assert (found.cells[0].text, found.cells[0].number) == ("1", 2)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"cells": 1}', '{"worksheets": [1]}x'])
def test_what_is_no_notebook(text: str) -> None:
    assert looks.read_notebook(text, lambda text, _: text) is None


@pytest.mark.parametrize("odd", ["1", "null", '{"cell_type": 1, "source": {"a": 1}}', "[[]]"])
def test_odd_cells_are_empty_ones(odd: str) -> None:
    found = looks.read_notebook(f'{{"cells": [{odd}]}}', lambda text, _: text)
    assert found is not None
    assert [cell.text for cell in found.cells] == [""]


def test_tensors_are_counted_by_type_and_the_first_thousand_listed() -> None:
    many = tuple(Tensor(f"t{n}", "F16" if n % 3 else "F32", (2, 2), 4) for n in range(1500))
    view = looks.tensor_view(Listing("GGUF", many, (("k", "v" * 9999),)))
    assert (len(view.rows), view.tensors, view.values) == (tensors.MOST_ROWS, 1500, 6000)
    assert view.types == (("F16", 4000), ("F32", 2000))
    assert not view.has_all
    assert len(view.metadata[0][1]) == tensors.MOST_TEXT + 1
