"""A template with the values of its parameters: what it deploys, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from upgrades.arm.template.documents import computed, is_loop
from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.parameters import Parameter, declared, given_values
from upgrades.arm.template.resources import Resource, unfolded
from upgrades.arm.template.scope import Place, Reference, Scope
from upgrades.arm.template.types import check_inside, definitions_of, followed, kind_of
from upgrades.arm.template.user_functions import user_functions
from upgrades.arm.template.values import Value, spelled, type_name

FIELDS = {
    *(
        "$schema",
        "contentversion",
        "languageversion",
        "apiprofile",
        "metadata",
        "definitions",
        "parameters",
        "functions",
    ),
    *("variables", "resources", "outputs"),
}


@dataclass(slots=True)
class Template:
    """`resources`: each after those that it depends on; those whose condition is false are among them, and not wanted."""

    scope: Scope
    parameters: Mapping[str, Parameter]
    resources: list[Resource]
    written_outputs: Mapping[str, Any]
    definitions: Mapping[str, Any]

    def values(self) -> dict[str, dict[str, Value]]:
        """{name: {"type", "value"}} of the parameters as Azure shows them: of a secure one the type alone."""
        return {
            name: {"type": each.shown_type} | ({} if each.is_secure else {"value": self.scope.parameter(name)})
            for name, each in self.parameters.items()
        }

    def outputs(self, reference: Reference) -> dict[str, dict[str, Value]]:
        """{name: {"type", "value"}}, once the resources are there. Raises TemplateError."""
        self.scope.reference = reference
        found = {}
        for name, written in self.written_outputs.items():
            place = f"outputs.{name}"
            fields = followed(written, self.definitions, place)
            type_, is_secure = kind_of(fields, place)
            if computed(self.scope, fields.get("condition", True), f"{place}.condition") is False:
                continue
            value = self._output(fields, place)
            if not (value is None and fields.get("nullable") is True) and type_name(value) != type_:
                raise TemplateError(f"the output {name!r} must be {type_}, not {type_name(value)}", place)
            check_inside(value, fields, self.definitions, place)
            found[name] = {"type": str(fields["type"])} | ({} if is_secure else {"value": value})
        return found

    def _output(self, written: Mapping[str, Any], place: str) -> Value:
        if isinstance(written.get("copy"), dict):
            loop = {"name": "output", **written["copy"]}
            return computed(self.scope, {"copy": [loop]}, place)["output"]
        return computed(self.scope, written.get("value"), f"{place}.value")


def read(
    template: Value, given: Mapping[str, Any], place: Place, now: datetime, copies: Mapping[str, int] | None = None
) -> Template:
    """A template with these parameters, {name: {"value": ...}}. `copies`: the loops around a nested one. Raises TemplateError."""
    if not isinstance(template, dict):
        raise TemplateError(f"a template must be an object, not {type_name(template)}")
    _check_fields(template)
    parameters = declared(template)
    values = given_values(parameters, given)
    scope = Scope(
        place,
        now,
        template,
        values,
        *_variables(template),
        {name: each.default for name, each in parameters.items() if each.has_default},
        dict(copies or {}),
    )
    scope.functions.update(user_functions(template, scope))
    for name, each in parameters.items():
        if name not in values:
            each.check(scope.parameter(name))
    resources = unfolded(scope, template[spelled(template, "resources") or ""])
    outputs = template.get(spelled(template, "outputs") or "") or {}
    if not isinstance(outputs, dict):
        raise TemplateError("must be an object", "outputs")
    return Template(scope, parameters, resources, outputs, definitions_of(template))


# Parts of templates that are not done here, and why not.
NOT_DONE = {
    "imports": "extensions of the template language are not done here",
    "extensions": "extensions of the template language are not done here",
    "assertions": "assertions are not done here: write conditions with the function fail",
}


def _check_fields(template: Mapping[str, Any]) -> None:
    for name, why in NOT_DONE.items():
        if template.get(spelled(template, name) or ""):
            raise TemplateError(why, name)
    template = {name: value for name, value in template.items() if name.lower() not in NOT_DONE}
    unknown = [name for name in template if name.lower() not in FIELDS]
    if unknown:
        raise TemplateError(f"{unknown[0]!r} is no part of a template", unknown[0])
    for name in ("contentVersion", "resources"):
        if spelled(template, name) is None:
            raise TemplateError(f"a template must have {name}", name)


def _variables(template: Mapping[str, Any]) -> tuple[dict[str, Value], set[str]]:
    """As written, and which of them are arrays made by a loop."""
    written = template.get(spelled(template, "variables") or "") or {}
    if not isinstance(written, dict):
        raise TemplateError("must be an object", "variables")
    plain = {name: value for name, value in written.items() if not is_loop(name, value)}
    loops = [loop for name, value in written.items() if is_loop(name, value) for loop in value]
    return {**plain, **{loop["name"]: {"copy": [loop]} for loop in loops}}, {loop["name"] for loop in loops}
