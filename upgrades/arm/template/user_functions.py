"""Functions that a template declares. They see their own parameters, no variables, and with languageVersion 2.0 each other."""

from collections.abc import Mapping, Sequence
from typing import Any

from upgrades.arm.template.documents import computed
from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.evaluation import Evaluation, Function
from upgrades.arm.template.expressions import Node
from upgrades.arm.template.parameters import declared_as
from upgrades.arm.template.scope import Scope
from upgrades.arm.template.types import definitions_of
from upgrades.arm.template.values import Value, spelled


def user_functions(template: Mapping[str, Any], around: Scope) -> dict[str, Function]:
    """By namespace.name in lower case. Raises TemplateError."""
    found: dict[str, Function] = {}
    seen = found if template.get(spelled(template, "languageVersion") or "") else {}
    for index, group in enumerate(template.get(spelled(template, "functions") or "") or []):
        place = f"functions[{index}]"
        if not isinstance(group, dict) or not isinstance(group.get("members"), dict) or "namespace" not in group:
            raise TemplateError("must be an object with namespace and members", place)
        for name, written in group["members"].items():
            full_name = f"{group['namespace']}.{name}"
            found[full_name.lower()] = _function(full_name, written, around, seen, f"{place}.members.{name}")
    return found


def _function(name: str, written: Value, around: Scope, seen: Mapping[str, Function], place: str) -> Function:
    """`seen`: the functions of the template that it may call."""
    if not isinstance(written, dict) or not isinstance(written.get("output"), dict):
        raise TemplateError("must be an object with output", place)
    parameters = [each for each in written.get("parameters") or [] if isinstance(each, dict)]
    names = [str(each.get("name", "")) for each in parameters]
    definitions = definitions_of(around.template)

    def call(evaluation: Evaluation, nodes: Sequence[Node]) -> Value:
        if len(nodes) != len(names):
            raise TemplateError(f"{name} takes {len(names)} arguments, not {len(nodes)}")
        values = dict(zip(names, map(evaluation.value, nodes), strict=True))
        for each in parameters:
            declared_as(each, definitions).check(values[str(each.get("name", ""))])
        inner = Scope(around.place, around.now, around.template, values, {}, budget=evaluation.budget)
        inner.functions.update(seen)
        inner.depth = evaluation.depth
        return computed(inner, written["output"].get("value"), f"{place}.output.value")

    return call
