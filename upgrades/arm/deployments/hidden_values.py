"""Keeps the secrets of a deployment out of all that is stored in clear, shown or logged."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from upgrades.arm.template.expressions import is_expression
from upgrades.arm.template.types import secrets
from upgrades.arm.template.values import compact, spelled
from upgrades.core.masking import HIDDEN, SECRET_FIELDS, masked

MIN_LENGTH = 4  # a shorter text is hidden only where it stands alone: parts of words would be hidden otherwise


class HiddenValues:
    """The values of secure parameters."""

    def __init__(self, template: Any, values: Mapping[str, Any]) -> None:
        """`template`: as it came, right or wrong. `values`: of parameters, by their names in any case."""
        self.texts = set(_texts_of_secure_parameters(template, values)) - {""}
        self.parts = sorted((text for text in self.texts if len(text) >= MIN_LENGTH), key=len, reverse=True)

    def hide(self, value: Any) -> Any:
        """The same JSON, without those values, and fit to be stored."""
        if isinstance(value, Mapping):
            return {self.hide_in(name): self.hide(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.hide(inner) for inner in value]
        return self.hide_in(value) if isinstance(value, str) else value

    def hide_in(self, text: str) -> str:
        """Without NUL and halves of surrogate pairs too, which functions can make and no database takes."""
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
        if text in self.texts:
            return HIDDEN
        for part in self.parts:
            text = text.replace(part, HIDDEN)
        return text


def _texts_of_secure_parameters(template: Any, values: Mapping[str, Any]) -> Iterator[str]:
    """Also of properties and elements that are secret by a type of the template's own."""
    definitions = _member(template, "definitions")
    for name, declared in _parameters(template):
        default = declared.get(spelled(declared, "defaultValue") or "")
        given = [values.get(spelled(values, name) or "")]
        if not (isinstance(default, str) and is_expression(default)):
            given.append(default)
        for value in given:
            for secret in secrets(value, declared, definitions):
                yield from _texts(secret)


def _parameters(template: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, declared in _member(template, "parameters").items():
        if isinstance(declared, dict):
            yield name, declared


def _secure_parameters(template: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    definitions = _member(template, "definitions")
    for name, declared in _parameters(template):
        if any(True for _ in secrets("", declared, definitions)):
            yield name, declared


def _member(template: Any, name: str) -> Mapping[str, Any]:
    found = template.get(spelled(template, name) or "") if isinstance(template, dict) else None
    return found if isinstance(found, dict) else {}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def shown_template(template: Any) -> Any:
    """A template as it may be shown: without secrets that are written into it, and without defaults of secure parameters."""
    found = _without_literals(template)
    for _, declared in _secure_parameters(found):
        default = spelled(declared, "defaultValue")
        if default and not (isinstance(declared[default], str) and is_expression(declared[default])):
            declared[default] = HIDDEN  # type: ignore[index]  # a copy of ours
    return found


def _without_literals(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: HIDDEN if name.lower() in SECRET_FIELDS and _is_literal(inner) else _without_literals(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_literals(inner) for inner in value]
    return masked(value) if isinstance(value, str) and not is_expression(value) else value


def _is_literal(value: Any) -> bool:
    """Whether it is itself the secret: not an expression, and not the declaration of a parameter of this name."""
    if isinstance(value, dict):
        return spelled(value, "type") is None
    return value is not None and not (isinstance(value, str) and is_expression(value))


def template_hash(template: Any) -> str:
    """A number that is the same for the same template. Azure's is another: it says nowhere how it is made."""
    return str(int.from_bytes(hashlib.sha256(compact(template).encode()).digest()[:8], "big"))
