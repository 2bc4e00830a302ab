"""Validation of what only dataset cards have: tasks, sizes, origins, subsets."""

from typing import Any

from hub_server.cards import vocabulary
from hub_server.cards.checking import Examination, Path, entries, strings
from hub_server.cards.problems import brief


def _choices(seen: Examination) -> None:
    for key, known in vocabulary.dataset_choices().items():
        _warn_unknown(seen, key, known)


def _tasks(seen: Examination) -> None:
    _warn_unknown(seen, "task_categories", vocabulary.tasks())
    _warn_unknown(seen, "task_ids", {*vocabulary.subtask_parents(), *vocabulary.tasks()})


def _warn_unknown(seen: Examination, key: str, known: Any) -> None:
    value = seen.get(key)
    if isinstance(value, dict):
        seen.warn((key,), '"{path}" should be a list of strings')
    for path, item in strings((key,), value):
        if item not in known:
            seen.warn(
                path,
                '"{path}" has the unknown value "{value}"',
                value=brief(item),
            )


def _configs(seen: Examination) -> None:
    value = seen.get("configs")
    names: set[str] = set()
    defaults: list[Path] = []
    for path, entry in entries(("configs",), value):
        if isinstance(entry, str):  # the old list of names, now `config_names`
            continue
        if not isinstance(entry, dict):
            seen.error(path, '"{path}" must be of type object')
            continue
        _config_name(seen, (*path, "config_name"), entry.get("config_name"), names)
        if entry.get("default") is True:
            defaults.append((*path, "default"))
    for path in defaults[1:]:
        seen.error(path, '"{path}" is a second default subset')
    if strings(("configs",), value):
        seen.warn(("configs",), '"configs" should list maps: names alone belong in "config_names"')


def _config_name(seen: Examination, path: Path, name: Any, names: set[str]) -> None:
    if name is None or name == "":
        seen.error(path, '"{path}" is required')
        return
    if str(name) in names:
        seen.error(path, '"{path}" repeats the name "{name}"', name=brief(name))
    names.add(str(name))


RULES = (_choices, _tasks, _configs)
