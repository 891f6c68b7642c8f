"""$filter: conditions on what a list shows, as Azure Resource Manager has them. Reading one takes time in proportion to its length.

    resourceGroup eq 'a' and (resourceType eq 'b' or startswith(name, 'web')) and tagName eq 'team' and tagValue eq 'web'

Names, operators and values are compared without regard to case, but for the values of tags. `tagName` and `tagValue` speak of one tag: of
a resource with several, one must fit.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from upgrades.arm.errors import ArmError

OPTION = "$filter"
MAX_LENGTH = 2_000
MAX_DEPTH = 20
LATEST_MODEL = "properties/latestModelApplied"
SWITCHES = frozenset({LATEST_MODEL.lower()})  # fields that are true or false, without quotes
TAG_FIELDS = ("tagName", "tagValue")
# The text is searched for in the field; the other way round in `substringof`, which is of an older version of OData.
FUNCTIONS: Mapping[str, Callable[[str, str], bool]] = {
    "startswith": lambda value, wanted: value.startswith(wanted),
    "endswith": lambda value, wanted: value.endswith(wanted),
    "contains": lambda value, wanted: wanted in value,
    "substringof": lambda value, wanted: wanted in value,
}
_TOKEN = re.compile(r"\s+|(?P<mark>[(),])|'(?P<text>(?:[^']|'')*)'|(?P<word>[A-Za-z][A-Za-z0-9_./-]*)")

Tag = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a condition may ask of one thing: values by the field's name in lower case, and tags."""

    values: Mapping[str, Sequence[str]]
    tags: Mapping[str, str] = field(default_factory=dict)


Fits = Callable[[Shown], bool]
# Of one thing, with one of its tags; None: it has none.
_Condition = Callable[[Shown, Tag | None], bool]


def read(given: str, fields: Sequence[str], *, target: str = OPTION) -> Fits:
    """Whether a thing fits. `fields`: the names that the list knows, tagName and tagValue among them where it has tags. Raises ArmError."""
    if len(given) > MAX_LENGTH:
        raise _wrong(f"has at most {MAX_LENGTH} characters, not {len(given)}", target)
    condition = _Reader(given, fields, target).read()

    def fits(shown: Shown) -> bool:
        tags: list[Tag | None] = [*shown.tags.items()]
        return any(condition(shown, tag) for tag in tags or [None])

    return fits


def _wrong(why: str, target: str) -> ArmError:
    return ArmError("InvalidParameter", f"{target} {why}", target=target)


class _Reader:
    """Reads a condition from left to right, looking at each word once."""

    def __init__(self, given: str, fields: Sequence[str], target: str) -> None:
        self.given, self.target = given, target
        self.fields = {name.lower(): name for name in fields}
        self.tokens = self._split(given)
        self.at = 0

    def _split(self, given: str) -> list[tuple[str, str]]:
        """(kind, text) each; kinds are mark, text and word."""
        found, at = [], 0
        while at < len(given):
            match = _TOKEN.match(given, at)
            if match is None:
                self._fail(f"cannot be read from {given[at : at + 20]!r} on")
            if match.lastgroup:
                found.append((match.lastgroup, match[match.lastgroup].replace("''", "'")))
            at = match.end()
        return found

    def _fail(self, why: str) -> NoReturn:
        example = next(iter(self.fields.values()), "name")
        there_are = ", ".join(self.fields.values())
        hint = f"it is made of such as {example} eq '...', joined by and, or; of the fields {there_are}"
        raise _wrong(f"{why}: {hint}", self.target)

    def read(self) -> _Condition:
        found = self._any_of(0)
        if self.at < len(self.tokens):
            self._fail(f"has {self._next()[1][:40]!r} where a condition has ended")
        return found

    def _next(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def _take(self, kind: str, *texts: str) -> str | None:
        """The next one where it is of that kind, and one of these texts in any case."""
        its_kind, text = self._next()
        if its_kind != kind or (texts and text.lower() not in texts):
            return None
        self.at += 1
        return text

    def _must(self, kind: str, *texts: str) -> str:
        found = self._take(kind, *texts)
        if found is None:
            came = self._next()[1][:40]
            wanted = " or ".join(texts) or {"text": "a text in single quotes"}.get(kind, "a field")
            self._fail(f"has {came!r} where {wanted} belongs" if came else f"ends where {wanted} belongs")
        return found

    def _any_of(self, depth: int) -> _Condition:
        parts = [self._all_of(depth)]
        while self._take("word", "or"):
            parts.append(self._all_of(depth))
        return lambda shown, tag: any(part(shown, tag) for part in parts)

    def _all_of(self, depth: int) -> _Condition:
        parts = [self._one(depth)]
        while self._take("word", "and"):
            parts.append(self._one(depth))
        return lambda shown, tag: all(part(shown, tag) for part in parts)

    def _one(self, depth: int) -> _Condition:
        if depth > MAX_DEPTH:
            self._fail(f"has more than {MAX_DEPTH} brackets within each other")
        if self._take("mark", "("):
            inner = self._any_of(depth + 1)
            self._must("mark", ")")
            return inner
        word = self._take("word", *FUNCTIONS) if self._is_call() else None
        return self._call(word.lower()) if word else self._comparison()

    def _is_call(self) -> bool:
        return self.tokens[self.at + 1 : self.at + 2] == [("mark", "(")]

    def _call(self, name: str) -> _Condition:
        self._must("mark", "(")
        text = self._must("text") if name == "substringof" else ""
        if name == "substringof":
            self._must("mark", ",")
        its = self._field()
        if name != "substringof":
            self._must("mark", ",")
            text = self._must("text")
        self._must("mark", ")")
        holds = _condition(its, text, FUNCTIONS[name])
        if self._take("word", "eq") and self._must("word", "true", "false").lower() == "false":
            return lambda shown, tag: not holds(shown, tag)
        return holds

    def _comparison(self) -> _Condition:
        its = self._field()
        operator = self._must("word", "eq", "ne").lower()
        wanted = self._must("word", "true", "false") if its in SWITCHES else self._must("text")
        holds = _condition(its, wanted, str.__eq__)
        if operator == "eq":
            return holds
        if its in ("tagname", "tagvalue"):
            self._fail("cannot tell which tags 'ne' is about")
        return lambda shown, tag: not holds(shown, tag)

    def _field(self) -> str:
        name = self._must("word")
        if name.lower() not in self.fields:
            self._fail(f"has no field {name[:40]!r}")
        return name.lower()


def _condition(field: str, text: str, holds: Callable[[str, str], bool]) -> _Condition:
    """That one of the field's values holds with this text."""
    if field == "tagvalue":
        return lambda _, tag: tag is not None and holds(tag[1], text)
    wanted = text.lower()
    if field == "tagname":
        return lambda _, tag: tag is not None and holds(tag[0].lower(), wanted)
    return lambda shown, _: any(holds(value.lower(), wanted) for value in shown.values[field])
