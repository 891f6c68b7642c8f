"""The parameters of a template: what it declares, and whether what was given fits. No message says the value of a secure one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.types import (
    LENGTHS,
    Definitions,
    Written,
    check_inside,
    definitions_of,
    followed,
    is_allowed,
    kind_of,
    limit,
)
from upgrades.arm.template.values import Value, compact, spelled, type_name


@dataclass(frozen=True, slots=True)
class Parameter:
    """One that a template declares. `default`: as written; `has_default` says whether there is one, which may be null."""

    name: str
    type: str
    is_secure: bool
    is_nullable: bool
    has_default: bool
    default: Value
    allowed: Sequence[Value] | None
    minimum: int | None
    maximum: int | None
    written: Written
    definitions: Definitions

    @property
    def place(self) -> str:
        return f"parameters.{self.name}"

    @property
    def shown_type(self) -> str:
        """As Azure shows it: String, SecureObject."""
        return f"{'Secure' if self.is_secure else ''}{self.type.title()}"

    def check(self, value: Value) -> Value:
        """The value. Raises TemplateError where it does not fit."""
        if value is None and self.is_nullable:
            return value
        if type_name(value) != self.type:
            self._fail(f"must be {self.type}, not {type_name(value)}")
        if self.allowed is not None and not is_allowed(value, list(self.allowed)):
            shown = "" if self.is_secure else f"The value {compact(value)} is not among them. "
            self._fail(f"has allowed values. {shown}They are: {', '.join(map(compact, self.allowed))}")
        size = len(value) if self.type in LENGTHS else value
        name = "its length" if self.type in LENGTHS else "its value"
        if self.minimum is not None and size < self.minimum:
            self._fail(f"is too small: {name} must be at least {self.minimum}")
        if self.maximum is not None and size > self.maximum:
            self._fail(f"is too large: {name} must be at most {self.maximum}")
        check_inside(value, self.written, self.definitions, self.place)
        return value

    def _fail(self, why: str) -> None:
        raise TemplateError(f"the parameter {self.name!r} {why}", self.place)


def declared(template: Mapping[str, Any]) -> dict[str, Parameter]:
    """The parameters of a template by their names. Raises TemplateError."""
    found = template.get(spelled(template, "parameters") or "", {})
    definitions = definitions_of(template)
    if not isinstance(found, dict):
        raise TemplateError("must be an object", "parameters")
    return {name: _declared(name, each, definitions) for name, each in found.items()}


def declared_as(written: Mapping[str, Any], definitions: Definitions) -> Parameter:
    """The parameter of a function of the template. Raises TemplateError."""
    return _declared(str(written.get("name", "")), written, definitions)


def _declared(name: str, written: Value, definitions: Definitions) -> Parameter:
    place = f"parameters.{name}"
    fields = followed(written, definitions, place)
    type_, is_secure = kind_of(fields, place)
    allowed = fields.get("allowedvalues")
    if allowed is not None and not isinstance(allowed, list):
        raise TemplateError("allowedValues must be an array", place)
    word = "length" if type_ in LENGTHS else "value"
    minimum, maximum = (limit(fields, f"{end}{word}", place) for end in ("min", "max"))
    return Parameter(
        name,
        type_,
        is_secure,
        fields.get("nullable") is True,
        "defaultvalue" in fields,
        fields.get("defaultvalue"),
        allowed,
        minimum,
        maximum,
        fields,
        definitions,
    )


def given_values(parameters: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Value]:
    """The checked values of {name: {"value": ...}}, by the names as the template spells them.

    Raises TemplateError, also where one that has no default is missing.
    """
    values: dict[str, Value] = {}
    for name, each in given.items():
        its_name = spelled(parameters, name)
        if its_name is None:
            there = ", ".join(parameters) or "none"
            raise TemplateError(f"the template has no parameter {name!r}; it has: {there}", f"parameters.{name}")
        values[its_name] = parameters[its_name].check(_value(name, each))
    missing = [
        name
        for name, each in parameters.items()
        if name not in values and not each.has_default and not each.is_nullable
    ]
    if missing:
        names = ", ".join(map(repr, missing))
        raise TemplateError(f"a value is needed for {names}", f"parameters.{missing[0]}")
    return {**{name: None for name, each in parameters.items() if each.is_nullable and not each.has_default}, **values}


def _value(name: str, written: Value) -> Value:
    if isinstance(written, dict):
        if spelled(written, "value") is not None:
            return written[spelled(written, "value") or ""]
        if spelled(written, "reference") is not None:
            raise TemplateError(
                "secrets of key vaults cannot be read here: give the value itself", f"parameters.{name}.reference"
            )
    raise TemplateError('must be an object with "value"', f"parameters.{name}")
