"""Which cards are refused, and which are accepted with advice.

Literal forms follow the public Hub (`"license" must be one of …`), because clients show them and
their tests compare them.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from hub_server.cards import rules_datasets, rules_models, rules_spaces, vocabulary
from hub_server.cards.checking import Examination, Kind, entries, is_repo_id, strings
from hub_server.cards.front_matter import Card, read_card
from hub_server.cards.license_texts import RECOGNIZED, license_of
from hub_server.cards.problems import Place, Problem, brief, problem

MAX_TAG = 100
MOST_NAMES = 50
Name = tuple[Kind, str]
_NAMES: dict[Kind, dict[str, Kind]] = {
    "model": {"base_model": "model", "new_version": "model", "datasets": "dataset"},
    "dataset": {},
    "space": {"models": "model", "datasets": "dataset"},
}
_URL = re.compile(r"https?://\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Report:
    """Errors refuse the card; warnings go with an accepted one."""

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    @property
    def accepted(self) -> bool:
        return not self.errors

    def as_json(self) -> dict[str, list[dict[str, str]]]:
        """The body of `POST /api/validate-yaml`."""
        return {
            "errors": [{"message": str(found)} for found in self.errors],
            "warnings": [{"message": str(found)} for found in self.warnings],
        }


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a card can be compared with; what is None is not compared.

    `files`: paths of the repository; `license_text` what stands in its LICENSE; `unknown` says
    which of some names (kind and id) lead to no repository.
    """

    files: Collection[str] | None = None
    license_text: str | None = None
    unknown: Callable[[Collection[Name]], Collection[Name]] | None = None


ALONE = Surroundings()


def validate(content: bytes | str, kind: Kind, around: Surroundings = ALONE) -> Report:
    """Judge a whole README."""
    return validate_card(read_card(content), kind, around)


def validate_card(card: Card, kind: Kind, around: Surroundings = ALONE) -> Report:
    """Like `validate`, for a card that was read already."""
    seen = Examination(card, kind)
    seen.errors.extend(card.problems)
    if not card.metadata or card.partial:
        if not card.problems:
            seen.warnings.append(_missing(card))
        return Report(tuple(seen.errors), tuple(seen.warnings))
    for rule in (*_COMMON, *_BY_KIND[kind]):
        rule(seen)
    _license_link(seen, around.files)
    _license_file(seen, around.license_text)
    _names(seen, around)
    return Report(tuple(seen.errors), tuple(seen.warnings))


def _missing(card: Card) -> Problem:
    sentence = "empty or missing yaml metadata in repo card"
    place = None if card.block == "missing" else Place(card.block_line, 1)
    if card.block == "unclosed":
        sentence += ": no line '---' ends the metadata"
    return problem(sentence, place)


def normal_license(value: str) -> str:
    """The identifier somebody meant: `Apache-2.0` and `MIT` are known in lower case."""
    return value.strip().lower()


def _license(seen: Examination) -> None:
    known = vocabulary.licenses()
    for path, value in entries(("license",), seen.get("license")):
        name = normal_license(value) if isinstance(value, str) else ""
        if name not in known:
            seen.error(
                path,
                '"{path}" must be one of [{known}], not {value}',
                known=", ".join(known),
                value=brief(value),
            )
        elif name != value:
            seen.warn(
                path,
                '"{path}" is read as "{name}": identifiers are in lower case',
                name=name,
            )


def _old_names(seen: Examination) -> None:
    for old, new in (("languages", "language"), ("licenses", "license")):
        if seen.get(old) is not None and seen.get(new) is None:
            seen.warn((old,), '"{path}" is not read: the field is called "{name}"', name=new)


def _license_names(seen: Examination) -> None:
    name, license_name = seen.get("license"), seen.get("license_name")
    if name == "other" and not license_name:
        seen.warn(("license",), '"license" is "other": name it in "license_name"')
    if license_name is not None and not isinstance(license_name, str):
        seen.error(("license_name",), '"license_name" must be a string')


def _license_file(seen: Examination, text: str | None) -> None:
    """A file that reads like another licence than the one that the card names."""
    found = license_of(text or "")
    given = {normal_license(value) for _, value in strings(("license",), seen.get("license"))}
    if found and given and found not in given and given <= RECOGNIZED:
        seen.warn(
            ("license",),
            '"license" is {given}, but the file LICENSE reads like {found}',
            given=", ".join(sorted(given)),
            found=found,
        )


def _names(seen: Examination, around: Surroundings) -> None:
    named = list(_named(seen))[:MOST_NAMES]
    if around.unknown is None or not named:
        return
    unknown = around.unknown([name for _, name in named])
    for path, name in named:
        if name in unknown:
            kind, value = name
            sentence = '"{path}" names the {kind} "{value}", which does not exist on this hub'
            seen.warn(path, sentence, kind=kind, value=brief(value))


def _named(seen: Examination) -> Iterator[tuple[tuple[str | int, ...], Name]]:
    for key, kind in _NAMES[seen.kind].items():
        for path, value in strings((key,), seen.get(key)):
            if is_repo_id(value):
                yield path, (kind, value)


def _license_link(seen: Examination, files: Collection[str] | None) -> None:
    link = seen.get("license_link")
    if link is None:
        return
    path = str(link).removeprefix("./")
    if _URL.fullmatch(path) or (files is None and path.upper().startswith("LICEN")):
        return
    if files is None or path not in files:
        seen.warn(
            ("license_link",),
            '"license_link" is neither a URL nor a file here: {value}',
            value=brief(link),
        )


def _string_lists(seen: Examination) -> None:
    for key in ("tags", "datasets", "metrics"):
        for path, value in entries((key,), seen.get(key)):
            if not isinstance(value, str):
                seen.error(path, '"{path}" must be a string')
            elif key == "tags" and len(value) > MAX_TAG:
                seen.warn(
                    path,
                    '"{path}" is longer than {limit} characters',
                    limit=MAX_TAG,
                )


def _language(seen: Examination) -> None:
    for path, value in entries(("language",), seen.get("language")):
        if not isinstance(value, str):
            seen.error(path, '"{path}" must be a string or a list of strings')
            continue
        _norwegian(seen, path)
        if not is_language(value):
            _unknown_language(seen, path, value)


def is_language(value: str) -> bool:
    """A code of ISO 639, `code`, `multilingual`, or a tag such as `zh-TW` that begins with one."""
    primary = value.lower().replace("_", "-").partition("-")[0]
    known = vocabulary.languages()
    return (
        value in ("code", "multilingual")
        or primary in known
        or primary in vocabulary.two_letter_codes()
    )


def _norwegian(seen: Examination, path: tuple[str | int, ...]) -> None:
    node: Any = seen.card.root
    for step in path:
        node = node.children[step] if node is not None and node.children else None
    if node is not None and node.text is not None and node.text.lower() in ("no", "false"):
        seen.warn(
            path,
            '"{path}" is read as Norwegian: write "no" in quotes, other programs read it as false',
        )


def _unknown_language(seen: Examination, path: tuple[str | int, ...], value: str) -> None:
    meant = vocabulary.language_names().get(value.casefold())
    if meant:
        sentence = '"{path}" has the unknown language "{value}": did you mean "{meant}"?'
    else:
        sentence = '"{path}" has the unknown language "{value}": use a code of ISO 639'
    seen.warn(path, sentence, value=brief(value), meant=meant)


def _gating(seen: Examination) -> None:
    fields = seen.get("extra_gated_fields")
    for path, entry in entries(("extra_gated_fields",), fields):
        if not isinstance(entry, dict):
            seen.error(path, '"{path}" must be a map of names to types')
            continue
        for name, spec in entry.items():
            _gate_field(seen, (*path, name), spec)


_GATE_TYPES = ("text", "checkbox", "date_picker", "country", "select")


def _gate_field(seen: Examination, path: tuple[str | int, ...], spec: Any) -> None:
    kind = spec.get("type") if isinstance(spec, dict) else spec
    if kind not in _GATE_TYPES:
        seen.error(
            path,
            '"{path}" must have a type that is one of [{known}]',
            known=", ".join(_GATE_TYPES),
        )
    elif kind == "select":
        options = spec.get("options") if isinstance(spec, dict) else None
        if not isinstance(options, list) or not options:
            seen.error(path, '"{path}" is a "select" and needs "options"')


def _dataset_ids(seen: Examination) -> None:
    for path, value in strings(("datasets",), seen.get("datasets")):
        if not is_repo_id(value):
            sentence = '"{path}" with value "{value}" is not a dataset id, so it links nowhere'
            seen.warn(path, sentence, value=brief(value))


def _tag_names(seen: Examination) -> None:
    for path, value in strings(("tags",), seen.get("tags")):
        if not value.strip():
            seen.warn(path, '"{path}" is empty and left out')


Rule = Callable[[Examination], None]
_COMMON: tuple[Rule, ...] = (_license, _license_names, _string_lists, _tag_names, _dataset_ids)
_BY_KIND: dict[Kind, tuple[Rule, ...]] = {
    "model": (_language, _old_names, _gating, *rules_models.RULES),
    "dataset": (_language, _old_names, _gating, *rules_datasets.RULES),
    "space": rules_spaces.RULES,
}
