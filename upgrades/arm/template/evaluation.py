"""Computes expressions. What they may cost is bounded: hostile templates end in an error, not in a full memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.expressions import Call, Element, Literal, Node, is_expression, parse, plain
from upgrades.arm.template.values import Value, spelled, type_name, weight

MAX_STEPS = 200_000  # nodes that are computed for one template
MAX_SIZE = 4_000_000  # characters and elements of all values that they make
MAX_LOOKS = 4_000_000  # characters and elements that functions look at
MAX_PARTS = 1_000_000  # of the documents that are computed, with what loops make of them
MAX_DEPTH = 100  # of documents and of functions that call one another, together

NAMED = {"parameters", "variables", "lambdavariables"}  # they answer what was made and counted before

parsed = lru_cache(maxsize=2_048)(parse)


@dataclass(slots=True)
class Budget:
    """What is left to be spent on one template, with all that is nested in it."""

    steps: int = MAX_STEPS
    size: int = MAX_SIZE
    looks: int = MAX_LOOKS
    parts: int = MAX_PARTS

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise TemplateError(f"the template needs more than {MAX_STEPS} steps")

    def part(self) -> None:
        self.parts -= 1
        if self.parts < 0:
            raise TemplateError(f"the template makes more than {MAX_PARTS} parts of documents")

    def made(self, value: Value) -> Value:
        """The value. Its own size is counted, not that of what it contains, which was counted when that was made."""
        self._spend(len(value) if isinstance(value, str | list | dict) else 1)
        return value

    def _spend(self, size: int) -> None:
        self.size -= size
        if self.size < 0:
            raise TemplateError("the template makes too large values")

    def looked(self, value: Value, *, at_all: bool) -> Value:
        """The value, which a function looks at: `at_all` of it, at any depth, or at its own elements."""
        if at_all:
            self.looks -= weight(value, self.looks)
        elif isinstance(value, list | dict):
            self.looks -= len(value)
        elif isinstance(value, str):
            self.looks -= len(value) // 16  # a machine reads texts fast
        if self.looks < 0:
            raise TemplateError("the template compares or searches too large values")
        return value

    def bounded(self, value: Value) -> Value:
        """The value. Raises TemplateError where it is nested too deep; looking at all of it is counted too."""
        level, depth = [value], 0
        while level := [each for each in level if isinstance(each, list | dict)]:
            depth += 1
            if depth > MAX_DEPTH:
                raise TemplateError(f"values are nested at most {MAX_DEPTH} deep")
            self._spend(sum(map(len, level)))  # before it is made: a small value may have endlessly many parts
            level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
        return value


Function = Callable[["Evaluation", Sequence[Node]], Value]


@dataclass(slots=True)
class Evaluation:
    """Values of expressions, by what they may call. `functions`: by the name in lower case.

    `locals`: the variables of the lambdas around an expression, by their names in lower case; the innermost is last.
    """

    functions: Mapping[str, Function]
    budget: Budget = field(default_factory=Budget)
    locals: list[dict[str, Value]] = field(default_factory=list)
    depth: int = 0

    def text(self, text: str, place: str = "") -> Value:
        """A string of a template: computed where it is an expression. Raises TemplateError with the place."""
        if not is_expression(text):
            return plain(text)
        try:
            return self.budget.bounded(self.value(parsed(text)))
        except TemplateError as error:
            raise TemplateError(error.message, error.place or place) from None
        except RecursionError:
            raise TemplateError("the expression makes a value that is nested too deep", place) from None

    def value(self, node: Node) -> Value:
        self.budget.step()
        if isinstance(node, Literal):
            return node.value
        if isinstance(node, Element):
            of, key = self.value(node.of), self.value(node.key)
            if isinstance(of, dict) and isinstance(key, str) and key not in of:
                self.budget.looked(of, at_all=False)  # for the name in another case
            return element(of, key)
        return self._call(node)

    def _call(self, call: Call) -> Value:
        function = self.functions.get(call.name.lower())
        if function is None:
            raise TemplateError(_no_function(call.name))
        with self._deeper():
            found = function(self, call.arguments)
        return found if call.name.lower() in NAMED else self.budget.made(found)

    @contextmanager
    def with_locals(self, values: dict[str, Value]) -> Iterator[None]:
        """As long as this lasts, `lambdaVariables` finds these values."""
        self.locals.append({name.lower(): value for name, value in values.items()})
        try:
            yield
        finally:
            self.locals.pop()

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TemplateError("the template is nested too deep")
        try:
            yield
        finally:
            self.depth -= 1


def _no_function(name: str) -> str:
    if name.lower().startswith("list"):  # Azure has one for each kind of resource
        return f"the function {name} is not offered here: nothing here has keys to be listed; give the value as a parameter"
    return f"there is no function {name!r}"


def element(of: Value, key: Value) -> Value:
    """of[key]: of an array by its index, of an object by the name in any case. Raises TemplateError where there is none."""
    if isinstance(of, list) and type_name(key) == "int":
        if not 0 <= key < len(of):
            raise TemplateError(f"the array has {len(of)} elements and none with the index {key}")
        return of[key]
    if isinstance(of, dict) and isinstance(key, str):
        name = spelled(of, key)
        if name is None:
            there = ", ".join(sorted(of)[:20]) or "none"
            raise TemplateError(f"the object has no property {key!r}; it has: {there}")
        return of[name]
    raise TemplateError(f"{type_name(of)} values have no element {key!r}")
