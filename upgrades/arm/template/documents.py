"""Computes parts of a template: all expressions in them, and the copy loops that make arrays.

    "dataDisks": {"copy": [{"name": "disks", "count": 3, "input": {"lun": "[copyIndex('disks')]"}}]}

is {"dataDisks": {"disks": [{"lun": 0}, {"lun": 1}, {"lun": 2}]}}.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.evaluation import Evaluation
from upgrades.arm.template.values import Value, spelled, type_name

MAX_COPIES = 800  # Azure's limit
MAX_DEPTH = 60
LOOP_FIELDS = {"name", "count", "input"}
FIELDS_OF_RESOURCE_LOOPS = {"name", "count", "mode", "batchsize"}


class Looping(Protocol):
    """What a document is computed in: upgrades.arm.template.scope.Scope."""

    def evaluation(self) -> Evaluation: ...

    def at(self, loop: str, index: int) -> AbstractContextManager[None]: ...


def computed(scope: Looping, value: Value, place: str = "") -> Value:
    """A part of a template with everything in it computed, names of properties too. Raises TemplateError with the place."""
    return _computed(scope, scope.evaluation(), value, place, 0)


def _computed(scope: Looping, evaluation: Evaluation, value: Value, place: str, depth: int) -> Value:
    evaluation.budget.part()
    if depth > MAX_DEPTH:
        raise TemplateError(f"the template is nested more than {MAX_DEPTH} deep", place)
    if isinstance(value, str):
        return evaluation.text(value, place)
    if isinstance(value, list):
        return [_computed(scope, evaluation, each, f"{place}[{index}]", depth + 1) for index, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    found: dict[str, Value] = {}
    for name, each in value.items():
        inner = f"{place}.{name}".lstrip(".")
        if is_loop(name, each):
            for loop in each:
                found[loop["name"]] = _repeated(scope, evaluation, loop, inner, depth + 1)
        else:
            found[str(evaluation.text(name, place))] = _computed(scope, evaluation, each, inner, depth + 1)
    return found


def is_loop(name: str, value: Value) -> bool:
    """Whether this property of an object is not one, but says how to make others."""
    return name.lower() == "copy" and isinstance(value, list) and all(map(_is_one_loop, value))


def _is_one_loop(value: Value) -> bool:
    return (
        isinstance(value, dict) and {name.lower() for name in value} == LOOP_FIELDS and isinstance(value["name"], str)
    )


def _repeated(scope: Looping, evaluation: Evaluation, loop: Mapping[str, Any], place: str, depth: int) -> list[Value]:
    found = []
    for index in indices(evaluation, loop, place):
        with scope.at(loop["name"], index):
            found.append(_computed(scope, evaluation, loop[spelled(loop, "input") or "input"], place, depth))
    return found


def indices(evaluation: Evaluation, loop: Mapping[str, Any], place: str) -> Iterator[int]:
    """0, 1, 2, ... as many as the loop's count says. Raises TemplateError where that is not 0 to 800."""
    written = loop.get(spelled(loop, "count") or "")
    count = evaluation.text(written, f"{place}.count") if isinstance(written, str) else written
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= MAX_COPIES:
        said = count if type_name(count) == "int" else type_name(count)
        raise TemplateError(f"the count of a copy loop must be 0 to {MAX_COPIES}, not {said}", f"{place}.count")
    return iter(range(count))
