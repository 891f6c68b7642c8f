"""Functions that call another one for each element: filter(array, lambda('each', ...)). Bicep writes most of them."""

from collections.abc import Callable, Sequence
from functools import cmp_to_key

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.evaluation import Evaluation
from upgrades.arm.template.expressions import Call, Literal, Node
from upgrades.arm.template.functions.table import Table
from upgrades.arm.template.values import Value, as_text, type_name

TABLE = Table()
Lambda = Callable[..., Value]


@TABLE.add_lazy("lambda", 1, None)
def lambda_(evaluation: Evaluation, nodes: Sequence[Node]) -> Value:
    raise TemplateError("lambda stands only where a function like filter or map takes it")


@TABLE.add_lazy("lambdaVariables", 1, 1)
def lambda_variables(evaluation: Evaluation, nodes: Sequence[Node]) -> Value:
    name = str(evaluation.value(nodes[0]))
    for values in reversed(evaluation.locals):
        if name.lower() in values:
            return values[name.lower()]
    raise TemplateError(f"lambdaVariables: no lambda around it has a variable {name!r}")


@TABLE.add_lazy("filter", 2, 2)
def filter_(evaluation: Evaluation, nodes: Sequence[Node]) -> list[Value]:
    values, keeps = _array("filter", evaluation, nodes[0]), _lambda("filter", evaluation, nodes[1], 1, 2)
    return [value for index, value in enumerate(values) if _is_true("filter", keeps(value, index))]


@TABLE.add_lazy("map", 2, 2)
def map_(evaluation: Evaluation, nodes: Sequence[Node]) -> list[Value]:
    values, changed = _array("map", evaluation, nodes[0]), _lambda("map", evaluation, nodes[1], 1, 2)
    return [changed(value, index) for index, value in enumerate(values)]


@TABLE.add_lazy("mapValues", 2, 2)
def map_values(evaluation: Evaluation, nodes: Sequence[Node]) -> dict[str, Value]:
    of, changed = evaluation.value(nodes[0]), _lambda("mapValues", evaluation, nodes[1], 1, 1)
    if not isinstance(of, dict):
        raise TemplateError(f"mapValues: argument 1 must be object, not {type_name(of)}")
    return {name: changed(value) for name, value in of.items()}


@TABLE.add_lazy("reduce", 3, 3)
def reduce_(evaluation: Evaluation, nodes: Sequence[Node]) -> Value:
    values, result = _array("reduce", evaluation, nodes[0]), evaluation.value(nodes[1])
    joined = _lambda("reduce", evaluation, nodes[2], 2, 3)
    for index, value in enumerate(values):
        result = joined(result, value, index)
    return result


@TABLE.add_lazy("sort", 2, 2)
def sort(evaluation: Evaluation, nodes: Sequence[Node]) -> list[Value]:
    """The lambda says whether its first value comes before its second."""
    values, comes_before = _array("sort", evaluation, nodes[0]), _lambda("sort", evaluation, nodes[1], 2, 2)

    def order(first: Value, second: Value) -> int:
        if _is_true("sort", comes_before(first, second)):
            return -1
        return 1 if _is_true("sort", comes_before(second, first)) else 0

    return sorted(values, key=cmp_to_key(order))


@TABLE.add_lazy("toObject", 2, 3)
def to_object(evaluation: Evaluation, nodes: Sequence[Node]) -> dict[str, Value]:
    values, key = _array("toObject", evaluation, nodes[0]), _lambda("toObject", evaluation, nodes[1], 1, 1)
    content = _lambda("toObject", evaluation, nodes[2], 1, 1) if len(nodes) > 2 else None
    return {as_text(key(value)): content(value) if content else value for value in values}


@TABLE.add_lazy("groupBy", 2, 2)
def group_by(evaluation: Evaluation, nodes: Sequence[Node]) -> dict[str, Value]:
    values, key = _array("groupBy", evaluation, nodes[0]), _lambda("groupBy", evaluation, nodes[1], 1, 1)
    found: dict[str, Value] = {}
    for value in values:
        found.setdefault(as_text(key(value)), []).append(value)
    return found


def _array(name: str, evaluation: Evaluation, node: Node) -> list[Value]:
    value = evaluation.value(node)
    if not isinstance(value, list):
        raise TemplateError(f"{name}: argument 1 must be array, not {type_name(value)}")
    return value


def _lambda(name: str, evaluation: Evaluation, node: Node, minimum: int, maximum: int) -> Lambda:
    """What calls the lambda; it may be given more values than the lambda has variables."""
    if not isinstance(node, Call) or node.name.lower() != "lambda":
        raise TemplateError(f"{name}: the last argument must be a lambda")
    *variables, body = node.arguments
    names = [each.value for each in variables if isinstance(each, Literal) and isinstance(each.value, str)]
    if len(names) != len(variables) or not minimum <= len(names) <= maximum:
        wanted = str(minimum) if minimum == maximum else f"{minimum} or {maximum}"
        raise TemplateError(f"{name}: the lambda must have {wanted} variables, whose names are literal strings")

    def call(*values: Value) -> Value:
        with evaluation.with_locals(dict(zip(names, values, strict=False))):
            return evaluation.value(body)

    return call


def _is_true(name: str, value: Value) -> bool:
    if not isinstance(value, bool):
        raise TemplateError(f"{name}: the lambda must give a bool, not {type_name(value)}")
    return value
