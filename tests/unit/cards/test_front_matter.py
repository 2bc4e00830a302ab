"""Metadata blocks as people write them: read if it can be read, explained if not."""

import json
import random
import time

import pytest

from hub_server.cards import read_card
from hub_server.cards.front_matter import MAX_BLOCK_BYTES


def metadata(block: str) -> dict:
    return read_card(f"---\n{block}\n---\n").metadata


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_break_works(newline):
    card = read_card(newline.join(["---", "license: mit", "tags:", "- a", "---", "# Hi", "x"]))
    assert card.metadata == {"license": "mit", "tags": ["a"]}
    assert card.body == f"# Hi{newline}x"
    assert card.body_line == 6
    assert card.problems == ()


def test_white_space_and_a_byte_order_mark_may_stand_before_the_block():
    assert read_card("\ufeff\n \n---\nlicense: mit\n---").metadata == {"license": "mit"}
    assert read_card(b"\xef\xbb\xbf---\nlicense: mit\n--- \nx").body == "x"


def test_other_text_before_the_block_makes_it_body():
    card = read_card("Hello\n---\nlicense: mit\n---\n")
    assert (card.block, card.metadata, card.body_line) == ("missing", {}, 1)


@pytest.mark.parametrize(
    "block", ["---\n---\n", "---\n\n---\n", "---\n# note\n---\n", "---\n~\n---\n"]
)
def test_an_empty_block_is_no_error_and_leaves_the_body(block):
    card = read_card(block + "body\n---\nmore")
    assert (card.block, card.metadata, card.problems) == ("empty", {}, ())
    assert card.body == "body\n---\nmore"


def test_a_block_that_nothing_closes_stays_body():
    card = read_card("---\nlicense: mit\n# Title\n")
    assert card.block == "unclosed"
    assert card.body == "---\nlicense: mit\n# Title\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("12", 12),
        ("-7", -7),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2021-03-01", "2021-03-01"),
        ("2021-03-01 10:00:00", "2021-03-01 10:00:00"),
        (".nan", ".nan"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("99999999999999999999", "99999999999999999999"),
        ("'true'", "true"),
        ('"1"', "1"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!!binary aGk=", "aGk="),
        ("!!python/object/apply:os.system [id]", ["id"]),
        ("!custom x", "x"),
        ('"a\\0b"', "a\ufffdb"),
    ],
)
def test_scalars_follow_yaml_1_2_and_json(text, value):
    assert metadata(f"x: {text}") == {"x": value}


def test_keys_are_strings():
    assert metadata("1: a\ntrue: b\n2021-01-01: c\n~: d") == {
        "1": "a", "true": "b", "2021-01-01": "c", "~": "d",
    }  # fmt: skip


def test_versions_stay_as_written():
    assert metadata("sdk_version: 3.10\npython_version: 3.10\nother: 3.10") == {
        "sdk_version": "3.10", "python_version": "3.10", "other": 3.1,
    }  # fmt: skip


def test_norwegian_survives_yaml_1_1_writers():
    assert metadata("language: no")["language"] == "no"
    assert metadata("language: false")["language"] == "no"
    assert metadata("language: [en, false]")["language"] == ["en", "no"]


def test_aliases_and_merges_are_resolved():
    card = read_card("---\nbase: &b {x: 1, y: 2}\nc:\n  <<: *b\n  y: 3\nd: *b\n---\n")
    assert card.metadata["c"] == {"x": 1, "y": 3}
    assert card.metadata["d"] == {"x": 1, "y": 2}
    assert card.problems == ()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("---\na: 1\nb: 2\na: 3\n---\n", 'The key "a" is given more than once (line 4, column 1)'),
        (
            "\n\n---\nx:\n  k: 1\n  k: 2\n---\n",
            'The key "k" is given more than once (line 6, column 3)',
        ),
        (
            "---\na: b: c\n---\n",
            "The metadata is not valid YAML: mapping values are not allowed in this context "
            "(line 2, column 5)",
        ),
        (
            "---\na:\n\t- b\n---\n",
            "The metadata is not valid YAML: found character that cannot start any token "
            "(line 3, column 1)",
        ),
        (
            "---\n[1]\n---\n",
            "The metadata must be a map of keys to values, not [1] (line 2, column 1)",
        ),
        (
            "---\nword\n---\n",
            "The metadata must be a map of keys to values, not word (line 2, column 1)",
        ),
        (
            "---\n? [a]\n: b\n---\n",
            "A key must be plain text, not a list or a map (line 2, column 3)",
        ),
        ("---\na: *b\n---\n", "The alias *b is unknown or contains itself (line 2, column 1)"),
        ("---\na: &a [*a]\n---\n", "The alias *a is unknown or contains itself (line 2, column 8)"),
        (
            "---\na: 1\n--- {b: 2}\n---\n",
            "The metadata must be one YAML document (line 3, column 1)",
        ),
    ],
)
def test_trouble_is_told_with_its_place(source, message):
    card = read_card(source)
    assert [str(found) for found in card.problems] == [message]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_what_can_be_read_of_a_broken_block_is_kept(newline):
    lines = [
        "---",
        "license: mit",
        "tags:",
        "- a",
        "- b: [",
        "language: fr",
        "sdk: 1",
        "---",
        "# Hi",
    ]
    card = read_card(newline.join(lines))
    assert card.metadata == {"license": "mit", "language": "fr", "sdk": 1}
    assert (card.partial, card.block, card.body) == (True, "present", "# Hi")
    assert len(card.problems) == 1
    assert card.place("language").line == 6


def test_a_list_of_fields_is_read_as_a_map():
    card = read_card("---\n- license: mit\n- tags: [a]\n---\n")
    assert card.metadata == {"license": "mit", "tags": ["a"]}
    assert str(card.problems[0]).endswith("(line 2, column 1)")
    assert read_card("---\n- license: mit\n- x\n---\n").metadata == {}


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [("---\na: x\x01\n---\n", 2, 5), ("---\né: b\nç: d\x02\n---\n", 3, 5)],
)
def test_forbidden_characters_are_told_with_their_place(source, line, column):
    found = read_card(source).problems[0]
    assert (found.line, found.column) == (line, column)


def test_the_last_of_repeated_keys_counts():
    assert metadata("a: 1\na: 2") == {"a": 2}


def test_places_of_values_are_known():
    card = read_card("---\nlicense: mit\ntags:\n- a\n- b\nmodel-index:\n- name: x\n---\n")
    assert (card.place("tags", 1).line, card.place("tags", 1).column) == (5, 3)
    assert card.place("model-index", 0, "name").line == 7
    assert card.place("model-index", 0, "results", 3).line == 7
    assert card.place("absent").line == 2


HOSTILE = {
    "brackets": "[" * 200_000,
    "maps": "a: " + "{a: " * 100_000,
    "dashes": "- " * 100_000,
    "question marks": "? " * 100_000,
    "alias bomb": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(12)
    ),
    "alias tower": "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 500)),
    "merge bomb": "a: &a {" + ",".join(f"k{i}: 1" for i in range(1_000)) + "}\n"
    + "".join(f"m{i}: {{<<: [*a, *a, *a]}}\n" for i in range(200)),
    "flow keys": "{" + "a," * 200_000 + "}",
    "many keys": "\n".join(f"k{i}: v" for i in range(80_000)),
    "long key": "a" * 900_000 + ": 1",
    "long number": "a: " + "9" * 900_000,
    "control": "a: \x01\x02",
    "quotes": '"' * 100_001,
    "too large": "a: " + "x" * MAX_BLOCK_BYTES,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_blocks_end_soon_and_without_exception(name):
    start = time.thread_time()
    card = read_card("---\n" + HOSTILE[name] + "\n---\nbody")
    assert time.thread_time() - start < 3
    json.dumps(card.metadata, allow_nan=False)
    assert card.problems or card.metadata
    assert card.body == "body"


def test_any_bytes_give_a_card():
    chance = random.Random(3)
    words = [
        "---",
        "\n",
        "\r",
        ": ",
        "- ",
        "a",
        "[",
        "]",
        "{",
        "}",
        "&a ",
        "*a",
        "!!",
        "'",
        '"',
        "|",
    ]
    words += ["\t", "<<", "? ", "#", "%", "@", "`", "\x00", "\ud800", "é", "~", "0x", "1e", "..."]
    for _ in range(5_000):
        text = "".join(chance.choices(words, k=chance.randint(0, 30)))
        for content in (text, "---\n" + text + "\n---\n", text.encode("utf-16-le", "replace")):
            card = read_card(content)
            json.dumps(card.metadata, allow_nan=False).encode()
            assert isinstance(card.metadata, dict)
            assert card.body_line >= 1
