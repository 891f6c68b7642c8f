"""The parameters of a template: what it declares, and whether what was given fits. No message says the value of a secure one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.values import Value, compact, equal, spelled, type_name

# By the name in lower case: the type of its values, and whether they are secrets.
TYPES = {
    "string": ("string", False),
    "securestring": ("string", True),
    "int": ("int", False),
    "bool": ("bool", False),
    "object": ("object", False),
    "secureobject": ("object", True),
    "array": ("array", False),
}
LENGTHS = {"string", "array"}


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
        if self.allowed is not None and not self._is_allowed(value):
            shown = "" if self.is_secure else f"The value {compact(value)} is not among them. "
            self._fail(f"has allowed values. {shown}They are: {', '.join(map(compact, self.allowed))}")
        size = len(value) if self.type in LENGTHS else value
        name = "its length" if self.type in LENGTHS else "its value"
        if self.minimum is not None and size < self.minimum:
            self._fail(f"is too small: {name} must be at least {self.minimum}")
        if self.maximum is not None and size > self.maximum:
            self._fail(f"is too large: {name} must be at most {self.maximum}")
        return value

    def _is_allowed(self, value: Value) -> bool:
        """Of an array either the whole is allowed, or each element."""
        allowed = self.allowed or ()
        if any(equal(value, each) for each in allowed):
            return True
        return isinstance(value, list) and all(any(equal(one_of_it, each) for each in allowed) for one_of_it in value)

    def _fail(self, why: str) -> None:
        raise TemplateError(f"the parameter {self.name!r} {why}", self.place)


def declared(template: Mapping[str, Any]) -> dict[str, Parameter]:
    """The parameters of a template by their names. Raises TemplateError."""
    found = template.get(spelled(template, "parameters") or "", {})
    definitions = template.get(spelled(template, "definitions") or "", {})
    if not isinstance(found, dict) or not isinstance(definitions, dict):
        raise TemplateError("must be an object", "parameters")
    return {name: _declared(name, each, definitions) for name, each in found.items()}


def _declared(name: str, written: Value, definitions: Mapping[str, Any]) -> Parameter:
    place = f"parameters.{name}"
    if not isinstance(written, dict):
        raise TemplateError("must be an object with a type", place)
    fields = {key.lower(): value for key, value in _followed(written, definitions, place).items()}
    kind = fields.get("type")
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        raise TemplateError(f"the type must be one of {', '.join(TYPES)}, not {compact(kind)[:60]}", place)
    type_, is_secure = TYPES[kind.lower()]
    allowed = fields.get("allowedvalues")
    if allowed is not None and not isinstance(allowed, list):
        raise TemplateError("allowedValues must be an array", place)
    word = "length" if type_ in LENGTHS else "value"
    limits = [_limit(fields, f"{end}{word}", place) for end in ("min", "max")]
    return Parameter(
        name,
        type_,
        is_secure,
        fields.get("nullable") is True,
        "defaultvalue" in fields,
        fields.get("defaultvalue"),
        allowed,
        *limits,
    )


def _followed(written: Mapping[str, Any], definitions: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    """What is written, and what the type of the template's own that it refers to says beside that."""
    for _ in range(20):
        reference = written.get("$ref")
        if reference is None:
            return written
        target = definitions.get(str(reference).removeprefix("#/definitions/"))
        if not isinstance(target, dict):
            raise TemplateError(f"there is no definition {reference!r}", place)
        written = {**target, **{name: value for name, value in written.items() if name != "$ref"}}
    raise TemplateError("its definitions refer to each other", place)


def _limit(fields: Mapping[str, Any], name: str, place: str) -> int | None:
    limit = fields.get(name)
    if limit is not None and type_name(limit) != "int":
        raise TemplateError(f"{name} must be int, not {type_name(limit)}", place)
    return limit


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
