"""The form of a template's parameters: a field for each, by its type. Values of secure ones are taken, and never shown."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.expressions import is_expression
from upgrades.arm.template.parameters import Parameter, declared
from upgrades.arm.template.values import compact, spelled

PREFIX = "parameter."


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter as the page shows it. `kind`: text, password, number, choice or json. `choices`: (value, text)."""

    name: str
    kind: str
    help: str
    value: str
    placeholder: str
    is_required: bool
    choices: Sequence[tuple[str, str]]
    parameter: Parameter

    @property
    def input_name(self) -> str:
        return PREFIX + self.name


def fields_of(template: Any, sent: Mapping[str, str] | None = None) -> list[Field]:
    """The fields, with what was sent. Raises TemplateError where the template is none."""
    if not isinstance(template, dict) or spelled(template, "resources") is None:
        raise TemplateError(_("This is no template: it has no resources."))
    return [_field(each, template, sent or {}) for each in declared(template).values()]


def _field(parameter: Parameter, template: Mapping[str, Any], sent: Mapping[str, str]) -> Field:
    default = parameter.default if parameter.has_default else None
    is_computed = isinstance(default, str) and is_expression(default)
    shown = "" if parameter.is_secure or is_computed or default is None else _shown(parameter, default)
    return Field(
        parameter.name,
        _kind(parameter),
        _help(parameter),
        "" if parameter.is_secure else sent.get(PREFIX + parameter.name, shown),
        str(default)[:200] if is_computed else "",
        not parameter.has_default and not parameter.is_nullable,
        _choices(parameter),
        parameter,
    )


def _kind(parameter: Parameter) -> str:
    if parameter.allowed is not None and parameter.type != "array":
        return "choice"
    if parameter.is_secure:
        return "password"
    return {"int": "number", "bool": "choice", "string": "text"}.get(parameter.type, "json")


def _help(parameter: Parameter) -> str:
    metadata = parameter.written.get("metadata")
    said = metadata.get(spelled(metadata, "description") or "") if isinstance(metadata, dict) else ""
    return str(said or "")[:1_000]


def _choices(parameter: Parameter) -> list[tuple[str, str]]:
    allowed = [True, False] if parameter.type == "bool" and parameter.allowed is None else parameter.allowed or []
    return [(_shown(parameter, each), _shown(parameter, each)) for each in allowed]


def _shown(parameter: Parameter, value: Any) -> str:
    return value if parameter.type == "string" and isinstance(value, str) else compact(value)


def given_of(fields: Sequence[Field], sent: QueryDict) -> dict[str, Any]:
    """{name: {"value": ...}} of what was sent; what was left empty has its default. Raises TemplateError."""
    given = {}
    for field in fields:
        text = sent.get(field.input_name, "")
        if text or (field.is_required and field.parameter.type == "string" and field.kind != "choice"):
            given[field.name] = {"value": _value(field, text)}
    return given


def _value(field: Field, text: str) -> Any:
    """Raises TemplateError."""
    if field.parameter.type == "string":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        said = _("{name}: this is not JSON.") if field.kind == "json" else _("{name}: this is no value of its type.")
        raise TemplateError(said.format(name=field.name), f"parameters.{field.name}") from None
