"""Reads JSON as the command line sends templates: with comments, line breaks within strings, and names without quotes.

`az deployment group create` puts the file as it is after an unquoted `template:`. Reading takes time in proportion to the length.
"""

import json
import re
from typing import Any, NoReturn

from upgrades.arm.template.errors import TemplateError

MAX_LENGTH = 4 * 1024 * 1024  # Azure's limit for a template
MAX_DEPTH = 100
_SKIPPED = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?(?![\w.])")
_WORD = re.compile(r"[A-Za-z_$][\w$]*")
WORDS = {"true": True, "false": False, "null": None}


def loads(text: str) -> Any:
    """The value. Raises TemplateError, which says the line and the column."""
    if len(text) > MAX_LENGTH:
        raise TemplateError(f"a template has at most {MAX_LENGTH} characters, not {len(text)}")
    return _Reader(text).whole()


class _Reader:
    """Reads from left to right. `at`: the next character that was not read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def whole(self) -> Any:
        value = self._value(0)
        self._skip()
        if self.at < len(self.text):
            self._fail("nothing more is expected after the end")
        return value

    def _value(self, depth: int) -> Any:
        self._skip()
        if depth > MAX_DEPTH:
            self._fail(f"values are nested at most {MAX_DEPTH} deep")
        if self._takes("{"):
            return self._object(depth)
        if self._takes("["):
            return self._array(depth)
        if self.text[self.at : self.at + 1] == '"':
            return self._string()
        if number := _NUMBER.match(self.text, self.at):
            self.at = number.end()
            return json.loads(number[0])
        word = _WORD.match(self.text, self.at)
        if word is None or word[0] not in WORDS:
            self._fail("a value is expected")
        self.at = word.end()
        return WORDS[word[0]]

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self._takes("}"):
            if found:
                self._expect(",")
                if self._takes("}"):  # a comma at the end
                    return found
            name = self._name()
            if name in found:
                self._fail(f"the property {name[:80]!r} is there twice")
            self._expect(":")
            found[name] = self._value(depth + 1)
        return found

    def _array(self, depth: int) -> list[Any]:
        found: list[Any] = []
        while not self._takes("]"):
            if found:
                self._expect(",")
                if self._takes("]"):
                    return found
            found.append(self._value(depth + 1))
        return found

    def _name(self) -> str:
        self._skip()
        if word := _WORD.match(self.text, self.at):
            self.at = word.end()
            return word[0]
        return self._string()

    def _string(self) -> str:
        match = _STRING.match(self.text, self.at)
        if match is None:
            self._fail("a string in double quotes is expected, with its end")
        try:
            text: str = json.loads(match[0], strict=False)
        except ValueError:
            self._fail("this string has an escape that is none of JSON's")
        self.at = match.end()
        return text

    def _takes(self, mark: str) -> bool:
        self._skip()
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def _expect(self, mark: str) -> None:
        if not self._takes(mark):
            self._fail(f'"{mark}" is expected')

    def _skip(self) -> None:
        skipped = _SKIPPED.match(self.text, self.at)
        assert skipped  # it fits nothing as well
        self.at = skipped.end()

    def _fail(self, why: str) -> NoReturn:
        before = self.text[: self.at]
        line, column = before.count("\n") + 1, self.at - before.rfind("\n")
        raise TemplateError(f"line {line}, column {column}: {why}")
