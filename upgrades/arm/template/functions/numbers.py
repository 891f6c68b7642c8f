"""Functions of numbers. Integers have 64 bits; division cuts off towards zero."""

import math

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.expressions import INTEGERS
from upgrades.arm.template.functions.table import Table
from upgrades.arm.template.values import Value

TABLE = Table()


def _in_range(name: str, number: int) -> int:
    if number not in INTEGERS:
        raise TemplateError(f"{name}: the result does not fit into 64 bits")
    return number


@TABLE.add("add", "int", "int")
def add(first: int, second: int) -> int:
    return _in_range("add", first + second)


@TABLE.add("sub", "int", "int")
def sub(first: int, second: int) -> int:
    return _in_range("sub", first - second)


@TABLE.add("mul", "int", "int")
def mul(first: int, second: int) -> int:
    return _in_range("mul", first * second)


@TABLE.add("div", "int", "int")
def div(first: int, second: int) -> int:
    if second == 0:
        raise TemplateError("div: division by zero")
    quotient = abs(first) // abs(second)
    return _in_range("div", quotient if (first < 0) == (second < 0) else -quotient)


@TABLE.add("mod", "int", "int")
def mod(first: int, second: int) -> int:
    """What division leaves, with the sign of the first."""
    remainder: int = first - second * div(first, second)
    return remainder


@TABLE.add("int", "int|string|float")
def int_(value: int | str | float) -> int:
    try:
        if isinstance(value, str) and len(value) > 40:
            raise ValueError(value)
        return _in_range("int", int(value))
    except (ValueError, OverflowError):
        raise TemplateError(f"int: {str(value)[:40]!r} is no integer") from None


@TABLE.add("float", "int|string|float")
def float_(value: int | str | float) -> float:
    try:
        found = float(value)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise TemplateError(f"float: {str(value)[:40]!r} is no number")
    return found


@TABLE.add("min", "int|array+")
def min_(*values: Value) -> int:
    return min(_integers("min", values))


@TABLE.add("max", "int|array+")
def max_(*values: Value) -> int:
    return max(_integers("max", values))


def _integers(name: str, values: tuple[Value, ...]) -> list[int]:
    """Of one array, or those given."""
    found: list[int] = values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)
    if not found or not all(isinstance(value, int) and not isinstance(value, bool) for value in found):
        raise TemplateError(f"{name} takes integers, or one array of them, and at least one")
    return found
