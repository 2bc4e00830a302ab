"""What holds of every card, whoever wrote it."""

import json
import math
from dataclasses import asdict
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub_server.cards import (
    Kind,
    Surroundings,
    index_record,
    read_card,
    validate_card,
    vocabulary,
    wanted_files,
)
from hub_server.cards.tags import TagType, public_order, sort_tags

few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KINDS: tuple[Kind, ...] = ("model", "dataset", "space")
_FIELDS = """
language license license_name license_link library_name pipeline_tag tags datasets metrics
base_model base_model_relation new_version model-index widget inference co2_eq_emissions thumbnail
mask_token extra_gated_fields pretty_name task_categories task_ids size_categories configs languages
dataset_info viewer arxiv title emoji colorFrom sdk sdk_version app_file models pinned app_port
short_description custom_headers source_datasets python_version header startup_duration_timeout
"""
FIELDS = _FIELDS.split()
RANKS = {name: rank for rank, name in enumerate(TagType.__args__)}  # type: ignore[attr-defined]

text = st.text(
    st.characters(
        min_codepoint=32, max_codepoint=0x2FFF, exclude_characters="<\x7f\x85\u2028\u2029"
    ),
    max_size=12,
).filter(lambda word: all(not 0x80 <= ord(letter) < 0xA0 for letter in word))
words = st.sampled_from(
    ["en", "no", "mit", "MIT", "a/b", "other", "peft", "fill-mask", "arxiv:1706.03762", "1K<n<10K"]
)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | text | words
    | st.floats(allow_nan=False, allow_infinity=False)
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text | words, inner, max_size=4),
    max_leaves=8,
)
maps = st.dictionaries(st.sampled_from(FIELDS) | text, values, max_size=8)


def plainly(value: Any) -> Any:
    """JSON writes some floats as YAML reads whole numbers."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {key: plainly(item) for key, item in value.items()}
    return [plainly(item) for item in value] if isinstance(value, list) else value


@few
@given(maps.filter(lambda value: not {"language", "<<"} & value.keys()))
def test_json_is_read_as_it_is(metadata):
    card = read_card("---\n" + json.dumps(metadata, ensure_ascii=False) + "\n---\nbody")
    assert card.problems == ()
    kept = {key: item for key, item in metadata.items() if key not in _VERBATIM}
    assert {key: card.metadata[key] for key in kept} == plainly(kept)
    assert card.body == "body"


_VERBATIM = ("sdk_version", "python_version")


@few
@given(maps, st.text(max_size=60), st.lists(text, max_size=8))
def test_every_card_has_a_record_and_a_verdict(metadata, body, files):
    block = json.dumps(metadata, ensure_ascii=False)
    card = read_card(f"---\n{block}\n---\n{body}")
    small = dict.fromkeys(["config.json", "adapter_config.json", "app.py"], block.encode())
    for kind in KINDS:
        report = validate_card(card, kind, Surroundings(files))
        assert all(problem.line for problem in report.errors)
        assert all(str(problem) for problem in (*report.errors, *report.warnings))
        json.dumps(report.as_json())
        wanted = wanted_files(kind, card, [*files, *small])
        assert set(wanted) <= {*files, *small}
        check_record(index_record(kind, card, [*files, *small], small), kind)


def check_record(record: Any, kind: Kind) -> None:
    json.dumps(asdict(record), allow_nan=False).encode()
    assert list(record.tags) == [tag.text(kind) for tag in record.typed_tags]
    assert len({tag.casefold() for tag in record.tags}) == len(record.tags)
    ranks = [RANKS[tag.type] for tag in record.typed_tags]
    assert ranks == sorted(ranks)
    assert public_order(kind, record.typed_tags) == record.typed_tags
    assert record.tags[-1] == "region:us"


@few
@given(st.text(max_size=200) | st.binary(max_size=200))
@example("---\n---")
@example("---\r---\r")
@example("---\na: [\nb: c\n---\n")
@example("---\n- a: b\n- [c]\n---\n")
@example("---\n? {a: b}\n: c\nlicense: mit\n---\n")
def test_any_text_is_a_card(content):
    for given_text in (
        content,
        "---\n" + content + "\n---\n" if isinstance(content, str) else content,
    ):
        card = read_card(given_text)
        json.dumps(card.metadata, allow_nan=False).encode()
        assert 1 <= card.block_line <= card.body_line or card.block in ("missing", "unclosed")
        for found in card.problems:
            assert found.line is not None
            assert found.column is not None


@few
@given(st.lists(text | words | st.sampled_from(sorted(vocabulary.languages())), max_size=12))
def test_every_tag_goes_to_one_place(tags):
    found = sort_tags(tags)
    names = [*found.tasks, *found.libraries, *found.languages, *found.free]
    wanted = list(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
    assert len(names) + len(found.typed) == len(wanted)
    assert set(names) <= set(wanted)
    assert not set(found.languages) & vocabulary.words_not_languages()
