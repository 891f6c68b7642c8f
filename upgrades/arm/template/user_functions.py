"""Functions that a template declares: they see their own parameters, and neither variables nor other functions of the template."""

from collections.abc import Mapping, Sequence
from typing import Any

from upgrades.arm.template.documents import computed
from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.evaluation import Evaluation, Function
from upgrades.arm.template.expressions import Node
from upgrades.arm.template.scope import Scope
from upgrades.arm.template.values import Value, spelled


def user_functions(template: Mapping[str, Any], around: Scope) -> dict[str, Function]:
    """By namespace.name in lower case. Raises TemplateError."""
    found: dict[str, Function] = {}
    for index, group in enumerate(template.get(spelled(template, "functions") or "") or []):
        place = f"functions[{index}]"
        if not isinstance(group, dict) or not isinstance(group.get("members"), dict) or "namespace" not in group:
            raise TemplateError("must be an object with namespace and members", place)
        for name, written in group["members"].items():
            full_name = f"{group['namespace']}.{name}"
            found[full_name.lower()] = _function(full_name, written, around, f"{place}.members.{name}")
    return found


def _function(name: str, written: Value, around: Scope, place: str) -> Function:
    if not isinstance(written, dict) or not isinstance(written.get("output"), dict):
        raise TemplateError("must be an object with output", place)
    parameters = written.get("parameters") or []
    names = [str(each.get("name", "")) for each in parameters if isinstance(each, dict)]

    def call(evaluation: Evaluation, nodes: Sequence[Node]) -> Value:
        if len(nodes) != len(names):
            raise TemplateError(f"{name} takes {len(names)} arguments, not {len(nodes)}")
        values = dict(zip(names, map(evaluation.value, nodes), strict=True))
        inner = Scope(around.place, around.now, around.template, values, {}, budget=evaluation.budget)
        return computed(inner, written["output"].get("value"), f"{place}.output.value")

    return call
