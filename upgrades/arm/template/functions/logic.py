"""Functions of conditions and comparisons. What does not decide is not computed."""

from collections.abc import Callable, Sequence

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.evaluation import Evaluation
from upgrades.arm.template.expressions import Node
from upgrades.arm.template.functions.table import Table
from upgrades.arm.template.values import Value, equal, type_name

TABLE = Table()
TRUE, FALSE = ("true", "1"), ("false", "0")


@TABLE.add("true")
def true() -> bool:
    return True


@TABLE.add("false")
def false() -> bool:
    return False


@TABLE.add("null")
def null() -> None:
    return None


@TABLE.add("bool", "bool|int|string")
def bool_(value: bool | int | str) -> bool:
    if isinstance(value, str):
        if value.lower() not in TRUE + FALSE:
            raise TemplateError(f"bool: {value[:40]!r} is neither true nor false")
        return value.lower() in TRUE
    return bool(value)


@TABLE.add("fail", "string")
def fail(message: str) -> Value:
    raise TemplateError(f"the template's author says: {message[:1_000]}")


@TABLE.add("not", "bool")
def not_(value: bool) -> bool:
    return not value


@TABLE.add_lazy("and", 2, None)
def and_(evaluation: Evaluation, nodes: Sequence[Node]) -> bool:
    return all(_is_true("and", evaluation, node) for node in nodes)


@TABLE.add_lazy("or", 2, None)
def or_(evaluation: Evaluation, nodes: Sequence[Node]) -> bool:
    return any(_is_true("or", evaluation, node) for node in nodes)


@TABLE.add_lazy("if", 3, 3)
def if_(evaluation: Evaluation, nodes: Sequence[Node]) -> Value:
    return evaluation.value(nodes[1 if _is_true("if", evaluation, nodes[0]) else 2])


@TABLE.add_lazy("coalesce", 1, None)
def coalesce(evaluation: Evaluation, nodes: Sequence[Node]) -> Value:
    return next((value for value in map(evaluation.value, nodes) if value is not None), None)


def _is_true(name: str, evaluation: Evaluation, node: Node) -> bool:
    value = evaluation.value(node)
    if not isinstance(value, bool):
        raise TemplateError(f"{name}: a condition must be bool, not {type_name(value)}")
    return value


@TABLE.add("equals", "any", "any", looks_at_all=True)
def equals(first: Value, second: Value) -> bool:
    return equal(first, second)


def _add_comparison(name: str, holds: Callable[[Value, Value], bool]) -> None:
    @TABLE.add(name, "int|string", "int|string")
    def compare(first: int | str, second: int | str) -> bool:
        if type_name(first) != type_name(second):
            raise TemplateError(f"{name}: a {type_name(first)} cannot be compared with a {type_name(second)}")
        return holds(first, second)


_add_comparison("greater", lambda first, second: first > second)
_add_comparison("greaterOrEquals", lambda first, second: first >= second)
_add_comparison("less", lambda first, second: first < second)
_add_comparison("lessOrEquals", lambda first, second: first <= second)
