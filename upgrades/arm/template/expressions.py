"""Reads an expression: the text between the brackets of "[concat(parameters('name'), '-vm')]".

    expression = primary { "." name | ".?" name | "[" expression "]" | "[?" expression "]" }
    primary    = 'text' | integer | [ namespace "." ] name "(" [ expression { "," expression } ] ")"

With a question mark, what is not there is null, and so is what follows it: the same as the function tryGet. Reading takes time in
proportion to the length.
"""

import re
from dataclasses import dataclass
from typing import NoReturn

from upgrades.arm.template.errors import TemplateError

MAX_LENGTH = 24_576  # Azure's limit
MAX_DEPTH = 64
INTEGERS = range(-(2**63), 2**63)
_TOKEN = re.compile(
    r"\s+|(?P<mark>\.\?|\[\?|[()\[\],.])|'(?P<text>(?:[^']|'')*)'|(?P<integer>-?[0-9]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
)
_END = ("end", "")


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | int


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments. `name` is spelled as in the template, with its namespace if it has one: contoso.uniqueName."""

    name: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Element:
    """An element of an array, or a property of an object: of.name and of['name'] are the same."""

    of: "Node"
    key: "Node"


Node = Literal | Call | Element


def is_expression(text: str) -> bool:
    """Whether a string of a template is computed. "[[" at its start stands for a "[" that begins no expression."""
    return text.startswith("[") and text.endswith("]") and not text.startswith("[[")


def plain(text: str) -> str:
    """A string that is no expression, as it is meant."""
    return text[1:] if text.startswith("[[") else text


def parse(text: str) -> Node:
    """The expression in these brackets. Raises TemplateError, which names the column; the first bracket is column 1."""
    if len(text) > MAX_LENGTH:
        raise TemplateError(f"an expression has at most {MAX_LENGTH} characters, not {len(text)}")
    return _Parser(text[1:-1]).whole()


class _Parser:
    """Reads from left to right, looking at each token once."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.columns: list[int] = []
        self._split(text)
        self.next = 0
        self.depth = 0

    def _split(self, text: str) -> None:
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                what = "this text has no end" if text[at] == "'" else f"{text[at]!r} has no meaning here"
                raise TemplateError(f"column {at + 2}: {what}")
            if match.lastgroup:
                self.tokens.append((match.lastgroup, match[match.lastgroup]))
                self.columns.append(at + 2)
            at = match.end()
        self.tokens.append(_END)
        self.columns.append(len(text) + 2)

    def whole(self) -> Node:
        node = self._expression()
        if self.tokens[self.next] != _END:
            self._fail("the end of the expression")
        return node

    def _expression(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TemplateError(f"expressions are nested at most {MAX_DEPTH} deep")
        node = self._primary()
        tried: tuple[Node, ...] = ()
        while (key := self._key()) is not None:
            is_tried, found = key
            if is_tried or tried:
                tried = (*tried, found)
            else:
                node = Element(node, found)
        self.depth -= 1
        return Call("tryGet", (node, *tried)) if tried else node

    def _key(self) -> tuple[bool, Node] | None:
        """The key of an element that follows, and whether it may be missing; None where the expression ends."""
        for dot, is_tried in ((".", False), (".?", True)):
            if self._takes(dot):
                return is_tried, Literal(self._name())
        for bracket, is_tried in (("[", False), ("[?", True)):
            if self._takes(bracket):
                key = self._expression()
                self._expect("]")
                return is_tried, key
        return None

    def _primary(self) -> Node:
        kind, text = self.tokens[self.next]
        if kind == "text":
            self.next += 1
            return Literal(text.replace("''", "'"))
        if kind == "integer":
            return Literal(self._integer(text))
        if kind != "name":
            self._fail("a function, a text in single quotes, or an integer")
        name = self._name()
        if self._takes("."):
            name = f"{name}.{self._name()}"
        self._expect("(")
        return Call(name, self._arguments())

    def _integer(self, text: str) -> int:
        self.next += 1
        if len(text) > 20 or int(text) not in INTEGERS:
            raise TemplateError(f"integers have 64 bits: {text[:30]} is out of range")
        return int(text)

    def _arguments(self) -> tuple[Node, ...]:
        if self._takes(")"):
            return ()
        found = [self._expression()]
        while self._takes(","):
            found.append(self._expression())
        self._expect(")")
        return tuple(found)

    def _name(self) -> str:
        kind, text = self.tokens[self.next]
        if kind != "name":
            self._fail("a name")
        self.next += 1
        return text

    def _takes(self, mark: str) -> bool:
        if self.tokens[self.next] != ("mark", mark):
            return False
        self.next += 1
        return True

    def _expect(self, mark: str) -> None:
        if not self._takes(mark):
            self._fail(f'"{mark}"')

    def _fail(self, expected: str) -> NoReturn:
        kind, text = self.tokens[self.next]
        found = "the end" if kind == "end" else repr(text)
        raise TemplateError(f"column {self.columns[self.next]}: {expected} is expected, not {found}")
