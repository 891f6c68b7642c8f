"""How functions are declared, and what is checked before they are called: how many values, and of which types."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.evaluation import Evaluation, Function
from upgrades.arm.template.expressions import Node
from upgrades.arm.template.values import Value, type_name

ANY = "any"


@dataclass(frozen=True, slots=True)
class Parameter:
    """`types`: those that fit. `is_optional`: it may be left out, as may those after it. `repeats`: any number of it may follow."""

    types: tuple[str, ...]
    is_optional: bool = False
    repeats: bool = False

    @classmethod
    def read(cls, text: str) -> "Parameter":
        """ "string|array" is one of two types, "int?" optional, "int+" one or more, "int*" any number."""
        types = tuple(text.rstrip("?+*").split("|"))
        return cls(types, text[-1] in "?*", text[-1] in "+*")

    def fits(self, value: Value) -> bool:
        return ANY in self.types or type_name(value) in self.types


class Table(dict[str, Function]):
    """Functions by their names in lower case."""

    def add(
        self, name: str, *parameters: str, looks_at_all: bool = False
    ) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
        """Declares a function of values, under its name in Azure's documentation. Its parameters are as `Parameter.read` says.

        `looks_at_all`: it looks at all of its values at any depth, and so costs in proportion.
        """
        wanted = tuple(map(Parameter.read, parameters))

        def declare(function: Callable[..., Value]) -> Callable[..., Value]:
            def called(evaluation: Evaluation, nodes: Sequence[Node]) -> Value:
                values = _values(name, wanted, evaluation, nodes)
                for value in values:
                    evaluation.budget.looked(value, at_all=looks_at_all)
                return function(*values)

            self[name.lower()] = called
            return function

        return declare

    def add_lazy(
        self, name: str, minimum: int, maximum: int | None
    ) -> Callable[[Callable[[Evaluation, Sequence[Node]], Value]], Function]:
        """Declares a function that computes its arguments itself, if at all. `maximum` None: there is no limit."""

        def declare(function: Function) -> Function:
            def called(evaluation: Evaluation, nodes: Sequence[Node]) -> Value:
                _check_count(name, len(nodes), minimum, maximum)
                return function(evaluation, nodes)

            self[name.lower()] = called
            return function

        return declare


def _values(name: str, wanted: Sequence[Parameter], evaluation: Evaluation, nodes: Sequence[Node]) -> list[Value]:
    """The arguments' values. Raises TemplateError where their number or their types do not fit."""
    minimum = sum(1 for parameter in wanted if not parameter.is_optional)
    maximum = None if wanted and wanted[-1].repeats else len(wanted)
    _check_count(name, len(nodes), minimum, maximum)
    values = [evaluation.value(node) for node in nodes]
    for index, value in enumerate(values):
        parameter = wanted[min(index, len(wanted) - 1)]
        if not parameter.fits(value):
            types = " or ".join(parameter.types)
            raise TemplateError(f"{name}: argument {index + 1} must be {types}, not {type_name(value)}")
    return values


def _check_count(name: str, count: int, minimum: int, maximum: int | None) -> None:
    if count >= minimum and (maximum is None or count <= maximum):
        return
    wanted = f"at least {minimum}" if maximum is None else f"{minimum} to {maximum}"
    raise TemplateError(f"{name} takes {minimum if minimum == maximum else wanted} arguments, not {count}")
