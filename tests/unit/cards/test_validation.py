"""Which cards are refused, in which words, and where the words point."""

import json
from pathlib import Path

import pytest

from hub_server.cards import Surroundings, read_card, validate, vocabulary
from hub_server.cards.rules_spaces import is_emoji

CARDS = Path(__file__).parents[2] / "data/cards"


def errors(block: str, kind: str = "model") -> list[str]:
    return [str(found) for found in validate(f"---\n{block}\n---\n# About\n", kind).errors]


def warnings(block: str, kind: str = "model") -> list[str]:
    return [str(found) for found in validate(f"---\n{block}\n---\n# About\n", kind).warnings]


def test_a_good_card_passes_in_silence():
    report = validate("---\nlicense: mit\nlanguage: [en, zh-TW]\n---\n# Usage\n", "model")
    assert report.as_json() == {"errors": [], "warnings": []}
    assert report.accepted


def test_the_words_that_clients_compare():
    assert errors("license: asdf")[0].startswith('"license" must be one of [apache-2.0, mit, ')
    index = "model-index:\n- name: x\n  results:\n  - task: {type: t}\n    dataset: {type: d}\n"
    assert errors(index + "    metrics: [{type: acc, value: 1}]") == [
        '"model-index[0].results[0].dataset.name" is required (line 6, column 5)'
    ]
    missing = validate("# Hi\n", "model")
    assert missing.accepted
    assert missing.as_json()["warnings"] == [
        {"message": "empty or missing yaml metadata in repo card"}
    ]


REFUSED = [
    ("model", "license: [mit, nope]", '"license[1]" must be one of'),
    ("model", "license: 5", '"license" must be one of'),
    ("model", "license: {a: b}", '"license" must be one of'),
    ("model", "language: {en: 1}", '"language" must be a string or a list of strings'),
    ("dataset", "language: [en, 5]", '"language[1]" must be a string or a list of strings'),
    ("model", "pipeline_tag: [a]", '"pipeline_tag" must be a string'),
    ("model", "library_name: 5", '"library_name" must be a string'),
    ("model", "tags: [2023]", '"tags[0]" must be a string'),
    ("space", "sdk: static\ntags: {a: b}", '"tags" must be a string'),
    ("model", "datasets: [[a]]", '"datasets[0]" must be a string'),
    ("model", "metrics: [{a: b}]", '"metrics[0]" must be a string'),
    ("model", "model-index: x", '"model-index" must be an array'),
    ("model", "model-index: [x]", '"model-index[0]" must be of type object'),
    ("model", "model-index: [{results: []}]", '"model-index[0].name" is required'),
    ("model", "model-index: [{name: x}]", '"model-index[0].results" is required'),
    ("model", "model-index: [{name: x, results: 5}]", '"model-index[0].results" must be an array'),
    (
        "model",
        "model-index: [{name: x, results: [{task: {}, dataset: {type: a, name: b}, metrics: []}]}]",
        '"model-index[0].results[0].task.type" is required',
    ),
    (
        "model",
        "model-index: [{name: x, results: [{task: {type: t}, dataset: {type: a, name: b}, "
        "metrics: [{type: m}]}]}]",
        '"model-index[0].results[0].metrics[0].value" is required',
    ),
    (
        "model",
        "model-index: [{name: x, results: [{task: {type: t}, dataset: {type: a, name: b}, "
        "metrics: [], source: {name: s}}]}]",
        '"model-index[0].results[0].source.url" is required',
    ),
    ("model", "base_model: ./here", '"base_model" with value "./here" is not valid'),
    ("model", "base_model: [a/b, a/b/c]", '"base_model[1]" with value "a/b/c" is not valid'),
    ("model", "base_model: {a: b}", '"base_model" with value'),
    ("model", "new_version: a b", '"new_version" with value "a b" is not valid'),
    ("model", "base_model_relation: copy", '"base_model_relation" must be one of [adapter, merge'),
    ("model", "extra_gated_fields: {A: colour}", '"extra_gated_fields.A" must have a type'),
    ("dataset", "extra_gated_fields: {A: {type: select}}", 'is a "select" and needs "options"'),
    ("dataset", "extra_gated_fields: [x]", '"extra_gated_fields[0]" must be a map'),
    ("dataset", "configs: [{data_files: x}]", '"configs[0].config_name" is required'),
    ("dataset", "configs: [{config_name: a}, {config_name: a}]", 'repeats the name "a"'),
    (
        "dataset",
        "configs: [{config_name: a, default: true}, {config_name: b, default: true}]",
        '"configs[1].default" is a second default subset',
    ),
    ("dataset", "configs: [5]", '"configs[0]" must be of type object'),
    ("space", "title: x", '"sdk" is required'),
    ("space", "sdk: flask", '"sdk" must be one of [gradio, streamlit, docker, static]'),
    ("space", "sdk: static\nemoji: ab", '"emoji" must be exactly one emoji, not ab'),
    ("space", "sdk: static\nemoji: 🎉🎉", '"emoji" must be exactly one emoji'),
    ("space", "sdk: static\ncolorFrom: black", '"colorFrom" must be one of [red, yellow'),
    ("space", "sdk: static\ncolorTo: 5", '"colorTo" must be one of'),
    ("space", "sdk: static\nheader: maxi", '"header" must be one of [mini, default]'),
    ("space", "sdk: docker\napp_port: 70000", '"app_port" must be a number from 1 to 65535'),
    ("space", "sdk: docker\napp_port: true", '"app_port" must be a number'),
    ("space", "sdk: docker\nbase_path: web", '"base_path" must start with "/"'),
    ("space", f"sdk: static\nshort_description: {'x' * 61}", '"short_description" must be a text'),
    ("space", "sdk: gradio\npython_version: 2.7", '"python_version" must be 3.x or 3.x.y'),
    ("space", "sdk: gradio\nstartup_duration_timeout: soon", "must be a duration"),
    ("space", "sdk: static\ncustom_headers: {x-frame: a}", '"custom_headers" may only have'),
    (
        "space",
        "sdk: static\ncustom_headers: {cross-origin-opener-policy: Same-Origin}",
        "must be a lower-case string",
    ),
    (
        "space",
        "sdk: static\nhf_oauth_expiration_minutes: 99999",
        "must be a number from 1 to 43200",
    ),
    ("model", "a: [", "The metadata is not valid YAML"),
    ("model", "a: 1\na: 2", 'The key "a" is given more than once'),
    ("model", "- a", "The metadata must be a map"),
]


@pytest.mark.parametrize(("kind", "block", "message"), REFUSED)
def test_refused(kind, block, message):
    found = errors(block, kind)
    assert len(found) == 1, found
    assert message in found[0]
    assert "(line " in found[0]


ADVISED = [
    ("model", "license: Apache-2.0", '"license" is read as "apache-2.0"'),
    ("model", "license: other", 'name it in "license_name"'),
    ("model", "license: mit\nlicense_link: nowhere", '"license_link" is neither a URL nor a file'),
    ("model", "language: english", 'unknown language "english": did you mean "en"?'),
    ("model", "language: xx", '"language" has the unknown language "xx"'),
    ("model", "language: no", '"language" is read as Norwegian'),
    ("dataset", "language: [en, false]", '"language[1]" is read as Norwegian'),
    ("model", "pipeline_tag: flying", 'unknown task "flying"'),
    ("model", "library_name: flying", 'unknown library "flying"'),
    ("model", "datasets: Some Text", '"datasets" with value "Some Text" is not a dataset id'),
    ("model", f"tags: [{'x' * 101}]", '"tags[0]" is longer than 100 characters'),
    ("model", "tags: ['']", '"tags[0]" is empty'),
    ("model", "co2_eq_emissions: a lot", "should be a number of grams"),
    ("model", "pipeline_tag: fill-mask\nwidget: [{src: a.png}]", 'it needs "text"'),
    ("dataset", "task_categories: [flying]", 'unknown value "flying"'),
    ("dataset", "size_categories: 10K", 'unknown value "10K"'),
    ("dataset", "task_ids: {a: [b]}", '"task_ids" should be a list of strings'),
    ("dataset", "configs: [a, b]", "should list maps"),
    ("dataset", "languages: [en]", 'is not read: the field is called "language"'),
    ("model", "licenses: [mit]", 'is not read: the field is called "license"'),
]


@pytest.mark.parametrize(("kind", "block", "message"), ADVISED)
def test_accepted_with_advice(kind, block, message):
    assert errors(block, kind) == []
    found = warnings(block, kind)
    assert len(found) == 1, found
    assert message in found[0]


ACCEPTED = [
    ("model", "license: MIT\nlicense_link: https://x.example/l"),
    ("model", "license: other\nlicense_name: mine\nlicense_link: LICENSE.md"),
    ("model", "license:\ntags:\nlanguage:\nmodel-index:\nbase_model:"),
    ("model", "pipeline_tag: ner"),
    ("model", "tags: one\ndatasets: squad\nmetrics: accuracy"),
    ("model", "unknown_key: {a: [1, 2]}\nanother: 2021-01-01"),
    ("model", "extra_gated_fields: [{A: text}, {B: {type: select, options: [x, {label: y}]}}]"),
    ("dataset", "configs: {config_name: a, data_files: x}"),
    ("space", "sdk: streamlit\nemoji: 👨‍👩‍👧\ncolorFrom: red\ncolorTo: gray\npython_version: 3.10"),
    ("space", "sdk: docker\napp_port: 7860\nbase_path: /web\nstartup_duration_timeout: 1h"),
]


@pytest.mark.parametrize(("kind", "block"), ACCEPTED)
def test_accepted(kind, block):
    assert errors(block, kind) == []


def test_a_link_to_a_file_is_checked_where_the_files_are_known():
    content = "---\nlicense: other\nlicense_name: x\nlicense_link: LICENSE\n---\n# About\n"
    assert not validate(content, "model", Surroundings(["LICENSE"])).warnings
    assert "neither a URL nor a file" in str(
        validate(content, "model", Surroundings([])).warnings[0]
    )


def test_an_unclosed_block_is_named():
    found = validate("---\nlicense: mit\n", "model")
    assert found.accepted
    assert "no line '---' ends the metadata" in str(found.warnings[0])
    assert str(found.warnings[0]).endswith("(line 1, column 1)")
    empty = validate("\n---\n---\n", "model").warnings[0]
    assert str(empty) == "empty or missing yaml metadata in repo card (line 2, column 1)"


@pytest.mark.parametrize("text", ["🎉", "❤️", "🇫🇷", "👩🏽‍💻", "👨‍👩‍👧", "1️⃣", "©️", "☕", "⚙️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"])
def test_one_emoji(text):
    assert is_emoji(text)


@pytest.mark.parametrize("text", ["", "a", "1", "🎉🎉", "🎉a", "ðŸ“ˆ", "::", 5, None, "\u200d"])
def test_not_one_emoji(text):
    assert not is_emoji(text)


def test_messages_are_bounded():
    block = "tags: [" + ",".join("5" for _ in range(5_000)) + "]\nlicense: " + "x" * 5_000
    found = validate(f"---\n{block}\n---\n", "model").errors
    assert len(found) <= 101
    assert max(len(str(item)) for item in found) < 3_000


def test_sentences_can_be_translated():
    found = validate("---\nlicense: asdf\n---\n", "model").errors[0]
    assert "{known}" in found.message_id
    assert found.message == found.message_id.format(**found.params)
    assert (found.line, found.column) == (2, 1)


def test_cards_of_people_get_what_they_deserve():
    rows = [json.loads(line) for line in (CARDS / "odd.jsonl").read_text().splitlines()]
    refused = 0
    for row in rows:
        content = (CARDS / "odd" / row["file"]).read_bytes()
        report = validate(content, row["kind"])
        said = [str(error) for error in report.errors]
        assert len(said) == len(row["errors"]), row["file"]
        for text, expected in zip(said, row["errors"], strict=True):
            head, _, tail = expected.partition("…")
            assert text.startswith(head), row["file"]
            assert text.endswith(tail), row["file"]
        assert len(report.warnings) == row["warnings"], row["file"]
        assert read_card(content).block == row["block"], row["file"]
        refused += not report.accepted
    assert refused > 20


def test_the_vocabulary_is_whole():
    assert len(vocabulary.licenses()) == 83
    assert len(vocabulary.tasks()) == 57
    assert len(vocabulary.languages()) == 8_100
    assert len(vocabulary.libraries()) == 240
    assert set(vocabulary.libraries("dataset")) >= {"datasets", "pandas", "polars", "mlcroissant"}
    assert vocabulary.two_letter_codes()["eng"] == "en"
    assert vocabulary.subtask_parents()["extractive-qa"] == "question-answering"
    assert vocabulary.tasks()["fill-mask"].domain in vocabulary.task_domains()
    assert vocabulary.dataset_formats()["parquet"] == "parquet"


def test_names_that_lead_nowhere_are_told_with_their_place():
    asked = []

    def unknown(names):
        asked.extend(names)
        return [name for name in names if "lost" in name[1]]

    content = (
        "---\nlicense: mit\nbase_model: [ada/base, ada/lost]\nnew_version: lost\n"
        "datasets: [ada/words, ada/lost]\n---\n# About\n"
    )
    report = validate(content, "model", Surroundings(unknown=unknown))
    assert report.accepted
    assert [str(found) for found in report.warnings] == [
        '"base_model[1]" names the model "ada/lost", which does not exist on this hub '
        "(line 3, column 24)",
        '"new_version" names the model "lost", which does not exist on this hub (line 4, column 1)',
        '"datasets[1]" names the dataset "ada/lost", which does not exist on this hub '
        "(line 5, column 23)",
    ]
    assert ("dataset", "ada/words") in asked
    assert ("model", "ada/base") in asked
    space = "---\nsdk: static\nmodels: [ada/lost]\ndatasets: [ada/words]\n---\n"
    assert len(validate(space, "space", Surroundings(unknown=unknown)).warnings) == 1


def test_many_names_are_asked_for_at_once_and_within_bounds():
    asked = []

    def unknown(names):
        asked.append(len(names))
        return names

    block = "\n".join(f"- ada/d{number}" for number in range(1000))
    report = validate(f"---\ndatasets:\n{block}\n---\n", "model", Surroundings(unknown=unknown))
    assert asked == [50]
    assert len(report.warnings) == 50


MIT = (
    "MIT License\n\nCopyright (c) 2026\n\n"
    "Permission is hereby granted, free of charge,\nto any person obtaining a copy"
)
APACHE = f"{' ' * 33}Apache License\n{' ' * 27}Version 2.0, January 2004"


@pytest.mark.parametrize(
    ("given", "text", "told"),
    [
        ("mit", MIT, False),
        ("mit", APACHE, True),
        ("apache-2.0", APACHE, False),
        ("apache-2.0", MIT, True),
        ("[mit, apache-2.0]", APACHE, False),
        ("other", MIT, False),
        ("openrail", APACHE, False),
        ("mit", "All rights reserved.", False),
        ("gpl-3.0", "GNU GENERAL PUBLIC LICENSE\n  Version 3, 29 June 2007", False),
        ("lgpl-3.0", "GNU LESSER GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007", False),
        ("cc-by-4.0", "Attribution-ShareAlike 4.0 International", True),
    ],
)
def test_a_license_that_the_file_contradicts(given, text, told):
    around = Surroundings(["LICENSE"], text)
    found = validate(f"---\nlicense: {given}\n---\n# About\n", "dataset", around).warnings
    assert any("reads like" in str(each) for each in found) is told
