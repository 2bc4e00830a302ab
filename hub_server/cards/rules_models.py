"""Validation of what only model cards have: task, library, base models, evaluation, widget."""

from collections.abc import Container
from typing import Any

from hub_server.cards import vocabulary
from hub_server.cards.checking import Examination, Path, entries, is_repo_id
from hub_server.cards.problems import brief

RELATIONS = ("adapter", "merge", "quantized", "finetune")
_WIDGET_FREE = frozenset({"example_title", "group", "parameters", "output"})
_INPUTS = {
    "text": "text-classification token-classification fill-mask text-generation summarization "
    "translation feature-extraction text-to-image text-to-speech text-to-audio text-to-video",
    "src": "automatic-speech-recognition audio-classification audio-to-audio image-classification "
    "object-detection image-segmentation image-to-text depth-estimation image-feature-extraction "
    "voice-activity-detection video-classification image-to-image",
    "source_sentence": "sentence-similarity",
    "context": "question-answering",
    "table": "table-question-answering",
}
_NEEDED = {task: key for key, names in _INPUTS.items() for task in names.split()}


def _task(seen: Examination) -> None:
    value = seen.get("pipeline_tag")
    if value is None:
        return
    if not isinstance(value, str):
        seen.error(("pipeline_tag",), '"pipeline_tag" must be a string')
    elif not any(value in known for known in _known_tasks()):
        seen.warn(
            ("pipeline_tag",), '"pipeline_tag" has the unknown task "{value}"', value=brief(value)
        )


def _known_tasks() -> tuple[Container[str], ...]:
    return vocabulary.tasks(), vocabulary.subtask_parents(), vocabulary.TASK_ALIASES


def _library(seen: Examination) -> None:
    value = seen.get("library_name")
    if value is None:
        return
    if not isinstance(value, str):
        seen.error(("library_name",), '"library_name" must be a string')
    elif value.lower() not in {name.lower() for name in vocabulary.libraries()}:
        seen.warn(
            ("library_name",),
            '"library_name" has the unknown library "{value}"',
            value=brief(value),
        )


def _base_model(seen: Examination) -> None:
    for key in ("base_model", "new_version"):
        for path, value in entries((key,), seen.get(key)):
            if not isinstance(value, str) or not is_repo_id(value):
                seen.error(
                    path,
                    '"{path}" with value "{value}" is not valid. Use a model id such as '
                    '"namespace/name"',
                    value=brief(value),
                )
    relation = seen.get("base_model_relation")
    if relation is not None and relation not in RELATIONS:
        seen.error(
            ("base_model_relation",),
            '"base_model_relation" must be one of [{known}]',
            known=", ".join(RELATIONS),
        )


def _emissions(seen: Examination) -> None:
    value = seen.get("co2_eq_emissions")
    grams = value.get("emissions") if isinstance(value, dict) else value
    if grams is not None and (isinstance(grams, bool) or not isinstance(grams, int | float)):
        seen.warn(("co2_eq_emissions",), '"co2_eq_emissions" should be a number of grams')


def _model_index(seen: Examination) -> None:
    value = seen.get("model-index")
    if value is None:
        return
    if not isinstance(value, list):
        seen.error(("model-index",), '"model-index" must be an array')
        return
    for path, model in entries(("model-index",), value):
        _required(seen, path, model, ("name", "results"))
        results = model.get("results") if isinstance(model, dict) else None
        if results is not None and not isinstance(results, list):
            at = (*path, "results")
            seen.error(at, '"{path}" must be an array')
        elif results is not None:
            for where, result in entries((*path, "results"), results):
                _result(seen, where, result)


def _result(seen: Examination, path: Path, result: Any) -> None:
    _required(seen, path, result, ("task", "dataset", "metrics"))
    if not isinstance(result, dict):
        return
    for key, inner in (("task", ("type",)), ("dataset", ("type", "name"))):
        if result.get(key) is not None:
            _required(seen, (*path, key), result[key], inner)
    for where, metric in entries((*path, "metrics"), result.get("metrics")):
        _required(seen, where, metric, ("type", "value"))
    source = result.get("source")
    if source is not None:
        _required(seen, (*path, "source"), source, ("url",))


def _required(seen: Examination, path: Path, value: Any, keys: tuple[str, ...]) -> None:
    if not isinstance(value, dict):
        seen.error(path, '"{path}" must be of type object')
        return
    for key in keys:
        if value.get(key) is None:
            seen.error((*path, key), '"{path}" is required')


def _widget(seen: Examination) -> None:
    task = seen.get("pipeline_tag")
    needed = _NEEDED.get(task) if isinstance(task, str) else None
    for path, example in entries(("widget",), seen.get("widget")):
        if isinstance(example, str):
            continue
        if not isinstance(example, dict):
            seen.warn(path, '"{path}" must be a map')
        elif needed and needed not in example and set(example) - _WIDGET_FREE:
            seen.warn(
                path,
                '"{path}" does not fit the task "{task}": it needs "{key}"',
                task=brief(task),
                key=needed,
            )


RULES = (_task, _library, _base_model, _emissions, _model_index, _widget)
