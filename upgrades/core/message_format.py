"""Templates of messages: a part of ICU's MessageFormat, the same that static/js/messages.js reads (docs/texts.md).

{by}                                                a value
{until, instant}                                    a value that is written by its type (ParamType)
{count, plural, one {# instance} other {# instances}}
{until, select, none {} other { until {until, instant}}}
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache


class ParamType(StrEnum):
    INSTANT = "instant"  # ISO 8601, in UTC
    VERSION = "version"
    COUNT = "count"
    PERCENT = "percent"
    TEXT = "text"  # in somebody's own words
    INSTANCES = "instances"  # a list of ids
    VERSIONS = "versions"
    FLAG = "flag"


PLURAL, SELECT = "plural", "select"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A place for a value: `type` is a ParamType, or "plural" or "select" with its `cases`."""

    name: str
    type: str
    cases: "Mapping[str, Nodes]" = field(default_factory=dict)


Nodes = tuple[str | Placeholder, ...]


class TemplateError(ValueError):
    """A template is not understood."""


@cache
def read(template: str) -> Nodes:
    """The parts of a template. Raises TemplateError.

    >>> read("by {by}")
    ('by ', Placeholder(name='by', type='text', cases={}))
    """
    reader = _Reader(template)
    nodes = reader.nodes()
    if reader.at < len(template):
        raise reader.error()
    return nodes


@cache
def params_of(template: str) -> Mapping[str, ParamType]:
    """The type of each value that the template takes, by name. A value that is only used by `select` is a flag.

    >>> params_of("{by}{runs, select, true {, {n, plural, other {#}}} other {}}")
    {'by': <ParamType.TEXT: 'text'>, 'n': <ParamType.COUNT: 'count'>, 'runs': <ParamType.FLAG: 'flag'>}
    """
    found: dict[str, ParamType] = {}
    for place in _placeholders(read(template)):
        if place.type != SELECT:
            found[place.name] = ParamType.COUNT if place.type == PLURAL else ParamType(place.type)
    chosen = {place.name for place in _placeholders(read(template))} - found.keys()
    return {**found, **dict.fromkeys(sorted(chosen), ParamType.FLAG)}


def _placeholders(nodes: Nodes) -> Iterator[Placeholder]:
    for node in nodes:
        if isinstance(node, Placeholder):
            yield node
            for case in node.cases.values():
                yield from _placeholders(case)


def chosen(nodes: Nodes, values: Mapping[str, object]) -> Iterator[str | Placeholder]:
    """The texts and places of values that remain when all plurals and choices are made for these values."""
    for node in nodes:
        if isinstance(node, str) or not node.cases:
            yield node
        else:
            yield from chosen(node.cases[_case(node, values.get(node.name))], values)


def _case(place: Placeholder, value: object) -> str:
    if place.type == PLURAL:
        # English needs only these two forms. Pages write other languages, and know their plural forms.
        wanted = (f"={value}", "one" if value == 1 else "other")
    elif isinstance(value, bool):
        wanted = (str(value).lower(), "other")
    else:
        wanted = ("other" if value or value == 0 else "none", "other")
        if isinstance(value, str) and value in place.cases:
            wanted = (value, "other")
    return next((case for case in wanted if case in place.cases), "other")


_HEAD = re.compile(r"\{\s*(\w+)\s*(?:,\s*(\w+)\s*)?,?")
_CASE = re.compile(r"\s*(=?\w[\w-]*)\s*\{")
_END = re.compile(r"\}\s*")
_QUOTED = re.compile(r"'(?:'|([{}#][^']*)'?)")
_PLAIN = re.compile(r"[^{}#']+")


class _Reader:
    """Reads a template from its start; `at` is the place of the next character."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def nodes(self, counted: str = "") -> Nodes:
        """The nodes up to the brace that closes this part, or to the end. `counted`: the name of the value that # stands for."""
        found: list[str | Placeholder] = [""]
        while self.at < len(self.text) and self.text[self.at] != "}":
            node = self._node(counted)
            if isinstance(node, str) and isinstance(found[-1], str):
                found[-1] += node
            else:
                found.append(node)
        return tuple(node for node in found if node != "")

    def _node(self, counted: str) -> str | Placeholder:
        sign = self.text[self.at]
        if sign == "{":
            return self._placeholder(counted)
        if sign == "#" and counted:
            self.at += 1
            return Placeholder(counted, ParamType.COUNT)
        found = _PLAIN.match(self.text, self.at) or _QUOTED.match(self.text, self.at)
        self.at = found.end() if found else self.at + 1
        if found is None:
            return sign
        return (found[1] or "'") if found.re is _QUOTED else found[0]

    def _placeholder(self, counted: str) -> Placeholder:
        name, type = self._take(_HEAD).groups(default=ParamType.TEXT.value)
        cases: dict[str, Nodes] = {}
        while self.text[self.at : self.at + 1] != "}":
            case = self._take(_CASE)[1]
            cases[case] = self.nodes(name if type == PLURAL else counted)
            self._take(_END)
        self.at += 1
        if (type in (PLURAL, SELECT)) != ("other" in cases) or (not cases and type not in list(ParamType)):
            raise self.error()
        return Placeholder(name, type, cases)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise self.error()
        self.at = found.end()
        return found

    def error(self) -> TemplateError:
        return TemplateError(f"not understood at character {self.at + 1} of the template {self.text!r}")
