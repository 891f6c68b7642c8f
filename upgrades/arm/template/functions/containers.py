"""Functions of arrays and objects, and those that take strings as well."""

from collections.abc import Hashable, Sequence
from typing import Any

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.functions.table import Table
from upgrades.arm.template.values import Value, as_text, canonical, equal, joined, spelled

TABLE = Table()
MAX_RANGE = 10_000  # Azure's limit
MAX_INT = 2**31 - 1
Object = dict[str, Value]


@TABLE.add("array", "any")
def array(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]


@TABLE.add("createArray", "any*")
def create_array(*values: Value) -> list[Value]:
    return list(values)


@TABLE.add("createObject", "any*")
def create_object(*values: Value) -> Object:
    names, contents = values[::2], values[1::2]
    if len(names) != len(contents) or not all(isinstance(name, str) for name in names):
        raise TemplateError("createObject takes pairs of a name, which is a string, and a value")
    return dict(zip(names, contents, strict=True))


@TABLE.add("concat", "array|string|int|bool|float+")
def concat(*values: Value) -> Value:
    if isinstance(values[0], list):
        if not all(isinstance(value, list) for value in values):
            raise TemplateError("concat: all arguments are arrays, or none is")
        return [each for value in values for each in value]
    if any(isinstance(value, list) for value in values):
        raise TemplateError("concat: all arguments are arrays, or none is")
    return joined(map(as_text, values))


@TABLE.add("contains", "array|object|string", "any", looks_at_all=True)
def contains(container: Value, wanted: Value) -> bool:
    if isinstance(container, list):
        return any(equal(each, wanted) for each in container)
    text = as_text(wanted)
    return spelled(container, text) is not None if isinstance(container, dict) else text in container


@TABLE.add("empty", "array|object|string|null")
def empty(value: Value) -> bool:
    return not value


@TABLE.add("length", "array|object|string")
def length(value: Value) -> int:
    return len(value)


@TABLE.add("first", "array|string")
def first(value: Any) -> Value:
    return value[0] if value else _nothing(value)


@TABLE.add("last", "array|string")
def last(value: Any) -> Value:
    return value[-1] if value else _nothing(value)


def _nothing(value: Value) -> Value:
    return "" if isinstance(value, str) else None


@TABLE.add("take", "array|string", "int")
def take(value: Any, count: int) -> Value:
    return value[: max(0, count)]


@TABLE.add("skip", "array|string", "int")
def skip(value: Any, count: int) -> Value:
    return value[max(0, count) :]


@TABLE.add("indexOf", "array|string", "any", looks_at_all=True)
def index_of(value: list[Value] | str, wanted: Value) -> int:
    if isinstance(value, list):
        return next((index for index, each in enumerate(value) if equal(each, wanted)), -1)
    return value.lower().find(as_text(wanted).lower())


@TABLE.add("lastIndexOf", "array|string", "any", looks_at_all=True)
def last_index_of(value: list[Value] | str, wanted: Value) -> int:
    if isinstance(value, list):
        return max((index for index, each in enumerate(value) if equal(each, wanted)), default=-1)
    return value.lower().rfind(as_text(wanted).lower())


@TABLE.add("indexFromEnd", "array", "int")
def index_from_end(values: list[Value], index: int) -> Value:
    """The element so many from the end; the last is 1."""
    if not 1 <= index <= len(values):
        raise TemplateError(f"indexFromEnd: the array has {len(values)} elements, and none is {index} from the end")
    return values[-index]


@TABLE.add("range", "int", "int")
def range_(start: int, count: int) -> list[int]:
    if not 0 <= count <= MAX_RANGE or start + count > MAX_INT:
        raise TemplateError(f"range: at most {MAX_RANGE} integers, none above {MAX_INT}")
    return list(range(start, start + count))


@TABLE.add("flatten", "array")
def flatten(values: list[Value]) -> list[Value]:
    if not all(isinstance(value, list) for value in values):
        raise TemplateError("flatten: each element must be an array")
    return [each for value in values for each in value]


@TABLE.add("union", "array|object+", looks_at_all=True)
def union(*values: Value) -> Value:
    """Arrays: each element once. Objects: merged, those in them too; the later value of a name counts."""
    if all(isinstance(value, list) for value in values):
        return _distinct([each for value in values for each in value])
    return _merged("union", values, is_deep=True)


@TABLE.add("shallowMerge", "array", looks_at_all=True)
def shallow_merge(values: list[Value]) -> Object:
    return _merged("shallowMerge", values, is_deep=False)


def _merged(name: str, values: Sequence[Value], *, is_deep: bool) -> Object:
    if not all(isinstance(value, dict) for value in values):
        raise TemplateError(f"{name}: the arguments must be of one type, arrays or objects")
    found: Object = {}
    spellings: dict[str, str] = {}
    for value in values:
        for given, each in value.items():
            its_name = spellings.setdefault(given.lower(), given)
            before = found.get(its_name)
            both_objects = isinstance(before, dict) and isinstance(each, dict)
            found[its_name] = _merged(name, (before, each), is_deep=True) if is_deep and both_objects else each
    return found


@TABLE.add("intersection", "array|object+", looks_at_all=True)
def intersection(*values: Value) -> Value:
    """What is in all: elements of arrays, or properties of objects that have the same name and the same value."""
    start, *others = values
    if all(isinstance(value, list) for value in values):
        there = [set(map(canonical, other)) for other in others]
        return _distinct([each for each in start if all(canonical(each) in other for other in there)])
    if not all(isinstance(value, dict) for value in values):
        raise TemplateError("intersection: the arguments must be of one type, arrays or objects")
    properties = [{(name.lower(), canonical(each)) for name, each in other.items()} for other in others]
    return {
        name: each
        for name, each in start.items()
        if all((name.lower(), canonical(each)) in other for other in properties)
    }


def _distinct(values: Sequence[Value]) -> list[Value]:
    """Each once, in the order of their first places."""
    found: dict[Hashable, Value] = {}
    for value in values:
        found.setdefault(canonical(value), value)
    return list(found.values())


@TABLE.add("items", "object")
def items(of: Object) -> list[Object]:
    """{"key", "value"} of each property, by the names in order."""
    return [{"key": name, "value": of[name]} for name in object_keys(of)]


@TABLE.add("objectKeys", "object")
def object_keys(of: Object) -> list[str]:
    """In the order of the alphabet, whatever their case."""
    return sorted(of, key=lambda name: (name.lower(), name))


@TABLE.add("tryGet", "array|object|null", "string|int+")
def try_get(of: Value, *keys: str | int) -> Value:
    """of[key][key]...; null where there is none on the way."""
    for key in keys:
        if isinstance(of, list) and isinstance(key, int) and 0 <= key < len(of):
            of = of[key]
        elif isinstance(of, dict) and isinstance(key, str) and (name := spelled(of, key)) is not None:
            of = of[name]
        else:
            return None
    return of


@TABLE.add("tryIndexFromEnd", "array", "int")
def try_index_from_end(values: list[Value], index: int) -> Value:
    return values[-index] if 1 <= index <= len(values) else None
