"""Types that a template declares: the simple ones, and its own (`definitions`), which name the properties and elements of values."""

from collections.abc import Iterator, Mapping
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
MAX_REFERENCES = 20
Definitions = Mapping[str, Any]
Written = Mapping[str, Any]


def definitions_of(template: Mapping[str, Any]) -> Definitions:
    """Raises TemplateError."""
    found = template.get(spelled(template, "definitions") or "", {})
    if not isinstance(found, dict):
        raise TemplateError("must be an object", "definitions")
    return found


def followed(written: Any, definitions: Definitions, place: str) -> dict[str, Any]:
    """What is written, by names in lower case, with what the definitions that it refers to say beside that. Raises TemplateError."""
    if not isinstance(written, dict):
        raise TemplateError("must be an object with a type", place)
    found = {name.lower(): value for name, value in written.items()}
    for _ in range(MAX_REFERENCES):
        reference = found.pop("$ref", None)
        if reference is None:
            return found
        target = definitions.get(str(reference).removeprefix("#/definitions/"))
        if not isinstance(target, dict):
            raise TemplateError(f"there is no definition {str(reference)[:100]!r}", place)
        found = {**{name.lower(): value for name, value in target.items()}, **found}
    raise TemplateError("its definitions refer to each other", place)


def kind_of(fields: Written, place: str) -> tuple[str, bool]:
    """(the type of its values, whether they are secrets). Raises TemplateError."""
    kind = fields.get("type")
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        raise TemplateError(f"the type must be one of {', '.join(TYPES)}, not {compact(kind)[:60]}", place)
    return TYPES[kind.lower()]


def is_allowed(value: Value, allowed: list[Value]) -> bool:
    """Of an array either the whole is allowed, or each element."""
    if any(equal(value, each) for each in allowed):
        return True
    return isinstance(value, list) and all(any(equal(one_of_it, each) for each in allowed) for one_of_it in value)


def check_inside(value: Value, fields: Written, definitions: Definitions, place: str) -> None:
    """Raises TemplateError where a property or an element of a value is not as its type says. No message says a value."""
    if isinstance(value, dict):
        _check_properties(value, _chosen(value, fields, definitions, place), definitions, place)
    elif isinstance(value, list):
        _check_elements(value, fields, definitions, place)


def _chosen(value: Mapping[str, Value], fields: Written, definitions: Definitions, place: str) -> Written:
    """Of several types the one whose name a property of the value says."""
    rule = fields.get("discriminator")
    if not isinstance(rule, dict):
        return fields
    name, mapping = rule.get("propertyName"), rule.get("mapping")
    if not isinstance(name, str) or not isinstance(mapping, dict):
        raise TemplateError("a discriminator needs propertyName and mapping", place)
    said = value.get(spelled(value, name) or "")
    if not isinstance(said, str) or said not in mapping:
        raise TemplateError(f"the property {name!r} must be one of {', '.join(mapping)}", f"{place}.{name}")
    return followed(mapping[said], definitions, place)


def _check_properties(value: Mapping[str, Value], fields: Written, definitions: Definitions, place: str) -> None:
    known = fields.get("properties") or {}
    if not isinstance(known, dict):
        raise TemplateError("the properties of a type must be an object", place)
    names = {name.lower() for name in known}
    for name, written in known.items():
        inner = followed(written, definitions, f"{place}.{name}")
        its_name = spelled(value, name)
        if its_name is not None:
            _check(value[its_name], inner, definitions, f"{place}.{name}")
        elif inner.get("nullable") is not True:
            raise TemplateError(f"the property {name!r} is missing", place)
    others = fields.get("additionalproperties")
    for name in (name for name in value if name.lower() not in names):
        if others is False:
            raise TemplateError(
                f"there must be no property {name[:80]!r}; there are: {', '.join(known) or 'none'}", place
            )
        if isinstance(others, dict):
            _check(value[name], followed(others, definitions, place), definitions, f"{place}.{name}")


def _check_elements(value: list[Value], fields: Written, definitions: Definitions, place: str) -> None:
    first, rest = fields.get("prefixitems") or [], fields.get("items")
    if not isinstance(first, list):
        raise TemplateError("prefixItems must be an array", place)
    if len(value) < len(first) or (rest is False and len(value) > len(first)):
        raise TemplateError(f"must have {len(first)} elements, not {len(value)}", place)
    for index, each in enumerate(value):
        written = first[index] if index < len(first) else rest
        if isinstance(written, dict):
            _check(each, followed(written, definitions, f"{place}[{index}]"), definitions, f"{place}[{index}]")


def _check(value: Value, fields: Written, definitions: Definitions, place: str) -> None:
    if value is None and fields.get("nullable") is True:
        return
    kind, is_secure = kind_of(fields, place)
    if type_name(value) != kind:
        raise TemplateError(f"must be {kind}, not {type_name(value)}", place)
    allowed = fields.get("allowedvalues")
    if isinstance(allowed, list) and not is_allowed(value, allowed):
        shown = "" if is_secure else f": {', '.join(map(compact, allowed))}"
        raise TemplateError(f"must be one of the allowed values{shown}", place)
    _check_limits(value, fields, kind, place)
    check_inside(value, fields, definitions, place)


def _check_limits(value: Value, fields: Written, kind: str, place: str) -> None:
    word, size = ("length", len(value)) if kind in LENGTHS else ("value", value)
    minimum, maximum = limit(fields, f"min{word}", place), limit(fields, f"max{word}", place)
    if minimum is not None and size < minimum:
        raise TemplateError(f"is too small: its {word} must be at least {minimum}", place)
    if maximum is not None and size > maximum:
        raise TemplateError(f"is too large: its {word} must be at most {maximum}", place)


def limit(fields: Written, name: str, place: str) -> int | None:
    """Raises TemplateError."""
    found: int | None = fields.get(name)
    if found is not None and type_name(found) != "int":
        raise TemplateError(f"{name} must be int, not {type_name(found)}", place)
    return found


def secrets(value: Value, written: Any, definitions: Definitions) -> Iterator[Value]:
    """The parts of a value whose types are secret. What is written may be wrong in any way."""
    try:
        fields = followed(written, definitions, "")
        if str(fields.get("type", "")).lower().startswith("secure"):
            yield value
            return
        if isinstance(value, dict):
            yield from _secret_properties(value, _chosen(value, fields, definitions, ""), definitions)
        elif isinstance(value, list):
            first = fields.get("prefixitems") or []
            for index, each in enumerate(value):
                yield from secrets(each, first[index] if index < len(first) else fields.get("items"), definitions)
    except (TemplateError, TypeError, AttributeError, KeyError):
        return  # such a template is refused


def _secret_properties(value: Mapping[str, Value], fields: Written, definitions: Definitions) -> Iterator[Value]:
    known = {name.lower(): each for name, each in (fields.get("properties") or {}).items()}
    for name, each in value.items():
        yield from secrets(each, known.get(name.lower(), fields.get("additionalproperties")), definitions)
